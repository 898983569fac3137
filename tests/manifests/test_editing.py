"""Changes in the text of a manifest: exactly one field, and every other character as it was."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.manifests import printing, source
from orchestrator.manifests.editing import REMOVED, CannotEdit, changed, edit

TEXT = """\
# about weather
apiVersion: orchestrator/v1   # the version
kind: Assistant
metadata: {name: weather, labels: {team: demo}}

spec:
  # which one
  model: qwen-plus   # cheap
  instructions: |   # long
    Be kind.

    Be brief.

  tools:
    - ref: one   # first
      approval: ask
    - {ref: two}
    # before three
    - type: three
  description: 'quoted'
# the end
"""

CASES: list[tuple[tuple[Any, ...], Any, str, str]] = [
    (("spec", "model"), "qwen-max", "model: qwen-plus   # cheap", "model: qwen-max   # cheap"),
    (("spec", "description"), "new: text", "description: 'quoted'", 'description: "new: text"'),
    (("spec", "description"), "a\nb\n", "description: 'quoted'\n", "description: |\n    a\n    b\n"),
    (("spec", "model"), "a\nb", "model: qwen-plus   # cheap", "model: |-   # cheap\n    a\n    b"),
    (("spec", "instructions"), "Be rude.\n", "|   # long\n    Be kind.\n\n    Be brief.\n", "| # long\n    Be rude.\n"),
    (("spec", "instructions"), "Short", "|   # long\n    Be kind.\n\n    Be brief.\n", "Short # long\n"),
    (("spec", "tools", 0, "approval"), "deny", "approval: ask", "approval: deny"),
    (("spec", "tools", 0, "approval"), REMOVED, "      approval: ask\n", ""),
    (("spec", "tools", 1, "approval"), "ask", "{ref: two}", "{ref: two, approval: ask}"),
    (("spec", "tools", 2), REMOVED, "    - type: three\n", ""),
    (("spec", "tools", 1), REMOVED, "    - {ref: two}\n", ""),
    (("spec", "tools"), ["a", "b"], None, "  tools: [a, b]\n"),
    (("spec", "description"), REMOVED, "  description: 'quoted'\n", ""),
    (("spec", "metadata", "owner"), "me", "'quoted'\n", "'quoted'\n  metadata:\n    owner: me\n"),
    (("metadata", "labels", "team"), "prod", "team: demo", "team: prod"),
    (("metadata", "labels"), REMOVED, "{name: weather, labels: {team: demo}}", "{name: weather}"),
    (("metadata", "labels", "team"), REMOVED, "labels: {team: demo}", "labels: {}"),
    (("metadata", "name"), REMOVED, "{name: weather, labels", "{labels"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "old", "new"), CASES)
def test_one_field_is_changed_and_the_rest_stays(path: tuple[Any, ...], value: Any, old: str | None, new: str):
    found = edit(TEXT, 0, path, value)
    if old is None:
        assert new in found
    else:
        assert old in TEXT
        assert found == TEXT.replace(old, new)


def test_line_ends_of_windows_and_other_documents_stay():
    text = ("a: 1 # x\nb: [1,2]\n---\n# two\na: 1\n").replace("\n", "\r\n")
    assert edit(text, 1, ("a",), "x\ny\n") == text[:-3] + "|\r\n  x\r\n  y\r\n"
    assert edit(text, 0, ("c",), {"d": None}) == text.replace("---", "c:\r\n  d: null\r\n---")


def test_the_last_line_needs_no_end():
    assert edit("a: 1\nb: 2", 0, ("c",), 3) == "a: 1\nb: 2\nc: 3"
    assert edit("a: 1\nb: x", 0, ("b",), "z") == "a: 1\nb: z"
    assert edit("a: 1\nb: x", 0, ("b",), REMOVED) == "a: 1\n"


def test_what_stands_for_other_fields_too_is_refused():
    text = "a: &x {n: 1}\nb: *x\n"
    assert edit(text, 0, ("b",), 2) == "a: &x {n: 1}\nb: 2\n"
    for path in (("a", "n"), ("b", "n"), ("a",)):
        with pytest.raises(CannotEdit):
            edit(text, 0, path, REMOVED if path == ("a",) else 3)


@pytest.mark.parametrize("path", [("x", 0), ("a", "b"), ("l", 7), ("l", "k"), (), ("l", 0, "z", 1)])
def test_a_path_that_leads_nowhere_is_refused(path: tuple[Any, ...]):
    with pytest.raises(CannotEdit):
        edit("a: 1\nl: [1]\n", 0, path, 2)


# ---- whatever is written reads back, and what was not meant stays

texts = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\t\x85\u2028\ufeff"), max_size=40
) | st.sampled_from(
    [
        "yes",
        "No",
        "1",
        "1e3",
        "0x1f",
        "~",
        "null",
        ".inf",
        "2024-01-01",
        "- a",
        "a: b",
        "a #b",
        "|",
        ">",
        "{",
        "[x]",
        "*a",
        "&a",
        "!t",
        "%x",
        "@",
        "`",
        "'",
        '"',
        "---",
        "...",
        " lead",
        "trail ",
        "a\n\nb\n\n",
        "\na",
        " x\n y\n",
        "#",
        "a:",
        "?",
        "key: |\n  x",
        "\ta\n",
    ]
)
scalars = (
    texts
    | st.integers(-(2**53), 2**53)
    | st.booleans()
    | st.none()
    | st.floats(allow_nan=False, allow_infinity=False, width=32)
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)
objects = st.dictionaries(texts, values, min_size=1, max_size=4)


@given(objects)
def test_what_is_printed_reads_back(value: dict[str, Any]):
    parsed = source.parse(printing.document(value))
    assert not parsed.faults, printing.document(value)
    assert parsed.documents[0][1] == value


@given(objects, st.data())
def test_an_edit_changes_what_was_meant_and_nothing_else(value: dict[str, Any], data: st.DataObject):
    text = commented(printing.document(value), data)
    assert source.parse(text).documents[0][1] == value
    path = data.draw(st.sampled_from(paths(value)))
    new = data.draw(values | st.just(REMOVED))
    try:
        found = edit(text, 0, path, new)
    except CannotEdit:
        return
    assert source.parse(found).documents[0][1] == changed(value, path, new)
    kept = {line for line in text.splitlines() if line.startswith("# line")}
    assert (
        kept <= set(found.splitlines()) or len(path) == 0 or new is REMOVED or isinstance(at(value, path), dict | list)
    )


def paths(value: Any) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(key, *rest) for key, one in inner for rest in ((), *paths(one))]


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def commented(text: str, data: st.DataObject) -> str:
    """With comments of a line of their own wherever one may stand between top-level keys."""
    lines: list[str] = []
    for number, line in enumerate(text.split("\n")):
        if line[:1].isalpha() and data.draw(st.booleans()):
            lines.append(f"# line {number}")
        lines.append(line)
    return "\n".join(lines)


def test_most_edits_are_possible():
    """The property above allows refusals; plain manifests must have none."""
    value = {
        "kind": "A",
        "spec": {"model": "m", "list": [{"a": 1, "b": "x\ny\n"}, "z"], "text": "a\n\nb\n", "flag": True},
    }
    text = printing.document(value)
    for path in paths(value):
        for new in (
            "plain",
            "two\nlines\n",
            3,
            None,
            [1, "a"],
            {"k": {"l": "m\nn"}},
            [],
            {},
            REMOVED,
            [{"a": {"b": 1}}],
        ):
            assert source.parse(edit(text, 0, path, new)).documents[0][1] == changed(value, path, new)
