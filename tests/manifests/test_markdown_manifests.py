"""The Markdown form: the same model, and places that are right in the front matter and in the body."""

from __future__ import annotations

import pytest

from orchestrator.manifests import Assistant, InlineText, load_text

GOOD = (
    "---\nname: md\nlabels: {team: x}\nmodel: qwen-plus\ntools:\n  - type: calculator\n---\n\n# Hello\n\nBe kind.\n\n"
)


def test_it_is_the_same_as_yaml(assistant) -> None:
    (markdown,), found = load_text(GOOD, {}, file="a.md")
    (yaml,), _ = load_text(
        assistant("tools: [{type: calculator}]", "instructions: |", "  # Hello", "  ", "  Be kind.", name="md").replace(
            "{name: md}", "{name: md, labels: {team: x}}"
        ),
        {},
    )
    assert found == []
    assert isinstance(markdown.value, Assistant)
    assert markdown.value == yaml.value


def test_places_are_those_of_the_file() -> None:
    (placed,), _ = load_text(GOOD, {}, file="a.md")
    assert str(placed.span) == "a.md:2:7"
    assert str(placed.at("spec", "tools", 0, "type")) == "a.md:6:11"
    assert str(placed.at("spec", "tools", 0, "type", key=True)) == "a.md:6:5"
    assert str(placed.at("spec", "instructions")) == "a.md:9:1"


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("# Hello", "1:1", "the file has no front matter"),
        ("---\nname: a\n", "1:1", "the file has no front matter"),
        ("---\nname: a\nmodel: x\nmodl: y\n---\n", "4:1", "unknown key 'modl'"),
        ("---\nname: a\n---\n", "2:1", "'model' is missing"),
        ("---\nmodel: a\n---\n", "2:1", "'name' is missing"),
        ("---\nname: a\nname: b\nmodel: a\n---\n", "3:1", "key 'name' is given twice, first in line 2, column 1"),
        ("---\n- a\n---\n", "2:1", "front matter must be an object"),
        (
            "---\nname: a\nmodel: x\ninstructions: y\n---\nz",
            "4:1",
            "instructions are given twice: here and as the body",
        ),
    ],
)
def test_faults_are_told_at_their_place(text: str, place: str, message: str) -> None:
    _, (found,) = load_text(text, {}, file="a.md")
    assert (str(found.span), found.message) == (f"a.md:{place}", message)


def test_windows_line_ends_make_no_difference() -> None:
    (unix,), _ = load_text(GOOD, {}, file="a.md")
    (windows,), found = load_text(GOOD.replace("\n", "\r\n"), {}, file="a.md")
    assert found == []
    assert windows.value == unix.value
    assert windows.at("spec", "instructions") == unix.at("spec", "instructions")


def test_rules_in_the_body_belong_to_the_body() -> None:
    (placed,), _ = load_text("---\nname: a\nmodel: x\n---\nOne\n---\nTwo\n", {}, file="a.md")
    assert placed.value.spec.instructions == InlineText(text="One\n---\nTwo\n")


def test_an_empty_body_names_no_instructions() -> None:
    (placed,), _ = load_text("---\nname: a\nmodel: x\n---\n\n", {}, file="a.md")
    assert "instructions" not in placed.value.spec.model_fields_set


def test_a_readme_is_ignored_and_templates_are_no_manifests(folder) -> None:
    loaded = folder({"README.md": "# About", "sub/README.md": "x", "a.md.j2": "# T"})
    assert (loaded.diagnostics, loaded.assistants) == ((), {})
