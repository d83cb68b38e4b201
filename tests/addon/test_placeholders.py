from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secretgate.placeholders import Issued, Namer, Template, slug

TEMPLATE = Template()
NAMER = Namer(TEMPLATE, b"k" * 32)
NAME = NAMER.name("aws-access-token", b"a made-up value")
ISSUED = Issued(TEMPLATE, {NAME: b"a made-up value"})


def test_names_the_rule_and_12_digits_of_a_keyed_digest() -> None:
    assert re.fullmatch(rb"REDACTED<aws-access-token:[0-9a-f]{12}>", NAME)
    assert TEMPLATE.exact.fullmatch(NAME)
    assert NAMER.name("aws-access-token", b"a made-up value") == NAME
    assert Namer(TEMPLATE, b"j" * 32).name("aws-access-token", b"a made-up value") != NAME


@given(st.text())
def test_any_rule_id_can_be_named(rule: str) -> None:
    assert TEMPLATE.exact.fullmatch(TEMPLATE.fill(rule, "0" * 12))
    assert re.fullmatch(r"[a-z0-9-]{1,64}", slug(rule))


def mangled(data: st.DataObject, name: bytes) -> bytes:
    """Return a misspelling that models produce."""
    wrap = data.draw(st.sampled_from([b"", b"\n", b"\r\n   ", b"\\n", b"\\\\n  "]))
    at = data.draw(st.integers(1, len(name) - 1))
    spelled = []
    for place, byte in enumerate(name):
        char = bytes([byte])
        if wrap and place == at:
            spelled.append(wrap)
        if char in b"<>:-":
            choices = [char, b"\\" + char, b"\\\\" + char]
            if char in b"<>:":
                choices += [b"\\u%04x" % byte, b"%%%02X" % byte, b"&#%d;" % byte, b"&#x%x;" % byte]
            choices += {b"<": [b"&lt;"], b">": [b"&gt;"]}.get(char, [])
            spelled.append(data.draw(st.sampled_from(choices)))
        elif char.isalpha():
            spelled.append(data.draw(st.sampled_from([char, char.upper(), char.lower()])))
        else:
            spelled.append(char)
    return b"".join(spelled)


@given(st.data())
def test_what_models_make_of_it_is_found_and_known(data: st.DataObject) -> None:
    spelled = mangled(data, NAME)
    found = TEMPLATE.spelled.search(b"before " + spelled + b" behind")
    assert found is not None
    assert found[0] == spelled
    assert ISSUED.value(spelled) == b"a made-up value"


@given(st.data())
def test_every_beginning_of_a_spelling_is_held(data: st.DataObject) -> None:
    spelled = mangled(data, NAME)
    cut = data.draw(st.integers(1, len(spelled) - 1))
    found = TEMPLATE.beginning.search(b"so: " + spelled[:cut])
    assert found is not None
    assert found.start() == 4
    assert ISSUED.may_begin(found[0])


@pytest.mark.parametrize(
    "text",
    [b"REDACTED<aws-access-token:000000000000>", b"REDACTED<other:", b"REDACTED(", b"redact it"],
)
def test_what_was_not_issued_is_none_of_our_business(text: bytes) -> None:
    found = TEMPLATE.beginning.search(text)
    assert found is None or not ISSUED.may_begin(found[0])
    assert ISSUED.value(text) is None


@pytest.mark.parametrize(
    "template",
    [
        "",
        "{rule}:{id}",
        "SECRET<{rule}>",
        "SEC {id}",
        "S{id}",
        'SECRET"{id}',
        "ÄÖÜß{id}",
        "SECRET{id}{id}",
    ],
)
def test_a_template_that_could_not_be_found_again_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="placeholder template"):
        Template(template)


@pytest.mark.parametrize("text", ["[SECRET:{rule}:{id}]", "secret-{id}", "XXXX_{rule}_{id}_"])
def test_other_templates_work_the_same(text: str) -> None:
    template = Template(text)
    name = Namer(template, b"k" * 32).name("some-rule", b"value")
    assert template.exact.fullmatch(name)
    issued = Issued(template, {name: b"value"})
    found = template.spelled.search(b"a " + name.upper() + b" b")
    assert found is not None
    assert issued.value(found[0]) == b"value"


def test_no_value_is_in_its_repr() -> None:
    assert b"made-up" not in repr(ISSUED).encode()


@pytest.mark.parametrize(
    "spelled",
    [b":", b"\\:", b"\\u003a", b"\\\\u003A", b"%3a", b"%3A", b"&#58;", b"&#x3a;", b"&#X3A;"],
)
def test_a_character_without_a_name_in_html_is_found_however_it_is_spelled(spelled: bytes) -> None:
    found = Template().spelled.search(NAME.replace(b":", spelled))
    assert found is not None
    assert ISSUED.value(found[0]) == b"a made-up value"


def test_two_conversations_are_joined_and_the_later_one_has_its_say() -> None:
    other = NAMER.name("other", b"another value")
    earlier = Issued(
        TEMPLATE,
        {NAME: b"an old value", other: b"another value"},
        {b"QQ==": b"old", b"Qg==": b"b"},
        {NAME: "never", other: "tools"},
    )
    later = Issued(TEMPLATE, {NAME: b"a made-up value"}, {b"QQ==": b"new"}, {NAME: "text"})
    earlier.restored.add(b"another value")
    later.unknown.add(b"redacted<a:000000000000>")
    both = later.joined(earlier)
    assert both.template is TEMPLATE
    assert both.values == {NAME: b"a made-up value", other: b"another value"}
    assert both.aliases == {b"QQ==": b"new", b"Qg==": b"b"}
    assert (both.allowed(NAME, tool=False), both.allowed(NAME, tool=True)) == (True, False)
    assert (both.allowed(other, tool=False), both.allowed(other, tool=True)) == (False, True)
    assert both.restored == {b"another value"}
    assert both.unknown == {b"redacted<a:000000000000>"}


def test_another_answer_begins_with_nothing_restored_and_the_same_limits() -> None:
    issued = Issued(TEMPLATE, {NAME: b"a made-up value"}, {b"QQ==": b"a"}, {NAME: "tools"})
    issued.restored.add(b"a made-up value")
    again = issued.afresh()
    assert (again.template, again.values, again.aliases) == (
        TEMPLATE,
        issued.values,
        issued.aliases,
    )
    assert not again.restored
    assert not again.allowed(NAME, tool=False)
    assert again.allowed(NAME, tool=True)
