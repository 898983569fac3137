"""One form for manifests: comments stay, the meaning stays, and twice is once."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.manifests import printing, source
from orchestrator.manifests.formatting import CannotFormat, formatted
from tests.manifests.test_editing import objects

UGLY = """\
# head

apiVersion:   orchestrator/v1    # the version
kind: Assistant
metadata:
    name: 'weather'
spec:
    model:   {name: qwen-plus,  temperature: 0.5}
    # tools of the trade
    tools:
    - ref: one   # first

    # second
    - ref: "two"
    instructions: |
            Be kind.

            Be brief.
--- # next
kind: Template
# tail
"""
NEAT = """\
# head

apiVersion: orchestrator/v1      # the version
kind: Assistant
metadata:
  name: 'weather'
spec:
  model: {name: qwen-plus, temperature: 0.5}
    # tools of the trade
  tools:
    - ref: one   # first

    # second
    - ref: "two"
  instructions: |
    Be kind.

    Be brief.
--- # next
kind: Template
# tail
"""


def test_the_form():
    assert formatted(UGLY.replace("Template", "Template   "), "a.yaml") == NEAT
    assert formatted(NEAT, "a.yaml") == NEAT
    assert formatted(UGLY.replace("\n", "\r\n"), "a.yaml") == NEAT


def test_of_markdown_only_the_front_matter_is_formatted():
    text = "---\nname:   painter\nmodel: qwen-plus\n---\n\n#  Paint   \n* a\n"
    assert formatted(text, "a.md") == text.replace("name:   painter", "name: painter")


@pytest.mark.parametrize(
    "text", ["a: [", "a: 1\na: 2\n", "%YAML 1.2\n---\na: 1\n", "a: 1\n...\n", "a: !!python/none x\n"]
)
def test_what_is_not_valid_is_left_alone(text: str):
    with pytest.raises(CannotFormat):
        formatted(text, "a.yaml")


@given(objects, st.integers(1, 6), st.lists(st.sampled_from(["# one", "  # two", "", "#", "# ü: [x"]), max_size=6))
def test_the_meaning_and_the_comments_stay_and_twice_is_once(value: dict[str, Any], step: int, comments: list[str]):
    lines = printing.document(value).split("\n")
    for nth, comment in enumerate(comments):
        tops = [i for i, line in enumerate(lines) if line[:1].isalpha()]
        if tops:
            lines.insert(tops[nth * step % len(tops)], comment)
    text = "\n".join(lines)
    try:
        once = formatted(text, "a.yaml")
    except CannotFormat:
        return
    assert source.parse(once).documents == source.parse(text).documents
    assert formatted(once, "a.yaml") == once
    assert [c.strip() for c in text.split("\n") if c in ("# one", "  # two", "# ü: [x")] == [
        c.strip() for c in once.split("\n") if c.strip() in ("# one", "# two", "# ü: [x")
    ]
