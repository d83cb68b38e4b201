"""Hand-written SVG charts: bars and lines that are readable in light and dark mode.

The background is transparent, and text and lines use colours that follow the reader's colour
scheme.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH = 720
_COLOURS = ("#3b82f6", "#f59e0b", "#10b981", "#ef4444", "#8b5cf6", "#64748b")
_STYLE = """<style>
text{font:12px system-ui,sans-serif;fill:#334155}.t{font-weight:600;font-size:14px}
.g{stroke:#94a3b8;stroke-opacity:.35}.m{stroke:#ef4444;stroke-dasharray:5 4}
@media(prefers-color-scheme:dark){text{fill:#cbd5e1}}
</style>"""


def _svg(height: int, title: str, body: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" aria-label="{escape(title)}">'
    )
    return "\n".join([head, _STYLE, _text(8, 20, title, "t"), *body, "</svg>", ""])


def _text(x: float, y: float, said: str, kind: str = "", anchor: str = "start") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style}>{escape(said)}</text>'


def _legend(names: Sequence[str], y: int) -> list[str]:
    pieces, x = [], 8.0
    for name, colour in zip(names, _COLOURS, strict=False):
        pieces.append(f'<rect x="{x:.1f}" y="{y - 9}" width="10" height="10" fill="{colour}"/>')
        pieces.append(_text(x + 15, y, name))
        x += 30 + 7 * len(name)
    return pieces


def short(value: float) -> str:
    """Format a number with three digits, or in round thousands or millions."""
    for size, mark in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{mark}"
    return f"{value:.3g}"


def bars(
    title: str,
    groups: Mapping[str, Mapping[str, float]],
    unit: str,
    target: float | None = None,
    log: bool = False,
) -> str:
    """Return horizontal bars, one per name in every group. `target` draws a dashed line."""
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    values = [value for group in groups.values() for value in group.values()]
    most = max([*values, target or 0.0, 1e-9])
    least = min([value for value in values if value > 0] or [1.0]) / 2
    left, right = 16 + 7 * max(map(len, groups), default=0), WIDTH - 80

    def place(value: float) -> float:
        if log:
            share = math.log(max(value, least) / least) / math.log(most / least)
        else:
            share = max(value, 0.0) / most
        return left + (right - left) * share

    body, y = _legend(names, 42), 58
    for label, group in groups.items():
        middle = y + 8 * len(group) + 4
        body.append(_text(left - 8, middle, label, anchor="end"))
        for name, value in group.items():
            end, colour = place(value), _COLOURS[names.index(name) % len(_COLOURS)]
            body.append(
                f'<rect x="{left}" y="{y}" width="{max(end - left, 1):.1f}" height="13" fill="{colour}"/>'
            )
            body.append(_text(end + 5, y + 11, f"{short(value)} {unit}"))
            y += 16
        y += 8
    if target is not None:
        x = place(target)
        body.append(f'<line class="m" x1="{x:.1f}" x2="{x:.1f}" y1="50" y2="{y}"/>')
        body.append(_text(x, y + 12, f"goal {short(target)} {unit}", anchor="middle"))
    return _svg(y + 20, title, body)


def lines(
    title: str,
    series: Mapping[str, Sequence[tuple[float, float]]],
    x_name: str,
    y_name: str,
    log: bool = True,
) -> str:
    """Return lines through points.

    With `log`, both axes are logarithmic, so that proportional growth has slope one; otherwise
    linear from zero.
    """
    points = [point for each in series.values() for point in each]
    left, top, right, bottom = 70.0, 60.0, WIDTH - 30.0, 320.0
    spans = [
        (min(values) if log else 0.0, max(values))
        for values in ([point[axis] for point in points] for axis in (0, 1))
    ]

    def along(value: float, axis: int) -> float:
        low, high = spans[axis]
        if log:
            return math.log(max(value, low) / low) / (math.log(high / low) or 1)
        return (value - low) / ((high - low) or 1)

    def x(value: float) -> float:
        return left + (right - left) * along(value, 0)

    def y(value: float) -> float:
        return bottom - (bottom - top) * along(value, 1)

    body = _legend(list(series), 42)
    for value in _marks(*spans[0], log):
        body.append(
            f'<line class="g" x1="{x(value):.1f}" x2="{x(value):.1f}" y1="{top}" y2="{bottom}"/>'
        )
        body.append(_text(x(value), bottom + 16, short(value), anchor="middle"))
    for value in _marks(*spans[1], log):
        body.append(
            f'<line class="g" x1="{left}" x2="{right}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
        )
        body.append(_text(left - 6, y(value) + 4, short(value), anchor="end"))
    body.append(_text((left + right) / 2, bottom + 34, x_name, anchor="middle"))
    body.append(_text(8, top - 6, y_name))
    for colour, each in zip(_COLOURS, series.values(), strict=False):
        path = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in each)
        body.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        body += [
            f'<circle cx="{x(at):.1f}" cy="{y(value):.1f}" r="3" fill="{colour}"/>'
            for at, value in each
        ]
    return _svg(int(bottom + 44), title, body)


def _marks(low: float, high: float, log: bool) -> list[float]:
    if not log:
        step = 10 ** math.floor(math.log10(max(high, 1e-9)))
        step = next(step * part for part in (0.2, 0.5, 1, 2) if high / (step * part) <= 7)
        return [low + step * at for at in range(int((high - low) / step) + 1)]
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    found = [10.0**power for power in range(first, last + 1) if low <= 10.0**power <= high]
    return found if len(found) > 1 else [low, high]
