"""Switching on and off: each step is recorded before it is taken; undoing is in reverse order."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from secretgate.settings import without_password
from secretgate.system.changes import (
    ChangeError,
    FileChange,
    Run,
    Step,
    Write,
    do_file,
    file_change,
    run_all,
    undo_file,
)
from secretgate.system.record import Record
from secretgate_ca.runner import Runner

Say = Callable[[str], None]


def switch_on(steps: Iterable[Step], record: Record, runner: Runner, say: Say) -> bool:
    """Take the steps; return whether all succeeded. Failures are reported and stay recorded."""
    well = True
    for step in steps:
        if isinstance(step, Write):
            change = file_change(step)
            if change is None:
                continue
            record.add(change)
            try:
                do_file(change)
            except ChangeError as error:
                say(f"NOT done, {step.what}: {error}")
                well = False
            else:
                say(f"{step.what}: {change.path}")
        elif step.impossible:
            say(f"NOT done, {step.what}: {step.impossible}")
            well = False
        else:
            record.add(step)
            complaints = run_all(step.do, runner)
            if step.do:
                say(f"NOT done, {step.what}: {'; '.join(complaints)}" if complaints else step.what)
            well = well and not complaints
    return well


def switch_off(record: Record, runner: Runner, say: Say) -> bool:
    """Undo all steps; return whether all succeeded.

    A step that cannot be undone is reported and then forgotten, so that it is reported only once.
    """
    well = True
    while record.steps:
        step = record.steps[-1]
        try:
            if isinstance(step, FileChange):
                undo_file(step)
                say(f"put back, {step.what}: {step.path}")
            else:
                complaints = run_all(step.undo, runner)
                if complaints:
                    raise ChangeError("; ".join(complaints))
                if step.undo:
                    say(f"put back, {step.what}")
        except ChangeError as error:
            say(f"NOT put back, {step.what}: {error}")
            well = False
        record.drop_last()
    return well


def preview(steps: Iterable[Step]) -> list[str]:
    """Return lines that describe all changes in full, except for passwords in URLs."""
    lines = []
    for step in steps:
        if isinstance(step, Write):
            change = file_change(step)
            if change is None:
                continue
            verb = "change" if change.before else "create"
            lines.append(f"{verb} {change.path}   # {step.what}")
            lines += [f"  - {line}" for line in _lines(change.removed)]
            lines += [f"  + {line}" for line in _lines(change.inserted)]
        elif step.impossible:
            lines.append(f"NOT possible, {step.what}: {step.impossible}")
        else:
            lines += [f"run {' '.join(command)}   # {step.what}" for command in step.do]
    return lines


def preview_off(record: Record) -> list[str]:
    """Return lines that describe what switching off would undo."""
    lines = []
    for step in reversed(record.steps):
        if isinstance(step, Run):
            lines += [f"run {' '.join(command)}   # {step.what}" for command in step.undo]
        else:
            verb = "put back" if step.before else "remove"
            lines.append(f"{verb} {step.path}   # {step.what}")
    return lines


def _lines(content: bytes) -> list[str]:
    codec = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    return [without_password(line) for line in content.decode(codec, "replace").splitlines()]
