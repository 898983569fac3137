"""A rich plan in every format: as it was looked at and found good, without secrets, with hostile text made harmless."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reviewing import CANARY, HOSTILE, OWNER, plan_of, rich
from worlds import desired

from orchestrator.reconcile.changes import stamp_for
from orchestrator.reconcile.observed import Observed
from orchestrator.reconcile.reports import FORMATS, Shape
from orchestrator.reconcile.reports.github import message, value
from orchestrator.reconcile.review import Review, review

GOLDEN = Path(__file__).parent / "golden"
SUFFIXES = {"text": "txt", "json": "json", "markdown": "md", "github": "github.txt", "html": "html"}
SHAPES = {"brief": Shape(), "full": Shape(full=True, context=1)}
HIDDEN = ("\x1b", "\u202e", "\u200b")


@pytest.mark.parametrize("density", SHAPES)
@pytest.mark.parametrize("fmt", FORMATS)
def test_each_format_is_as_it_was_looked_at(fmt: str, density: str) -> None:
    made = FORMATS[fmt](rich(), SHAPES[density])
    assert made.rstrip("\n") + "\n" == (GOLDEN / f"{density}.{SUFFIXES[fmt]}").read_text(encoding="utf-8")


@pytest.mark.parametrize("shape", [Shape(), Shape(full=True)])
@pytest.mark.parametrize("fmt", FORMATS)
def test_no_secret_and_nothing_hidden_is_in_any_format(fmt: str, shape: Shape) -> None:
    made = FORMATS[fmt](rich(), shape)
    assert CANARY not in made
    assert not any(hidden in made for hidden in HIDDEN)
    if fmt in ("text", "markdown", "html"):
        assert "⟨U+202E⟩evil⟨U+200B⟩" in made


def test_json_keeps_hostile_text_as_it_is() -> None:
    (shop,) = (c for c in json.loads(FORMATS["json"](rich(), Shape()))["changes"] if c["name"] == "shop")
    (found,) = (d["before"] for d in shop["differences"] if d["field"] == "instructions")
    assert found.endswith(HOSTILE)


def _hostile(text: str) -> Review:
    """A plan in which every word of a target and of an author is `text`."""
    before = desired("shop", instructions=f"{text}\n\nOne.\n\n{text}", description=text)
    wanted = desired("shop", instructions=f"Two.\n\n{text}{text}", description=f"{text}.", metadata={text[:60]: text})
    there = Observed(id=text, body=before.body, stamp=stamp_for(before, OWNER, revision=1, attempt=""))
    other = Observed(id=text, body={}, stamp=stamp_for(desired(text), OWNER, revision=1, attempt=""))
    return review(plan_of([wanted], [there, other]))


words = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    st.lists(
        st.sampled_from(
            ["```", "`", "````", "~~~", "::warning::", "%0A", "\n", "<b>", "-->", "</style>", "\u202e", "\x1b[", "&"]
        ),
        max_size=12,
    ).map("".join),
)  # fmt: skip
LAW = settings(max_examples=60, deadline=None)


@given(words, st.integers(2_000, 6_000))
@LAW
def test_law_markdown_closes_each_fence_and_keeps_its_size(text: str, size: int) -> None:
    made = FORMATS["markdown"](_hostile(text), Shape(max_bytes=size))
    assert len(made.encode()) <= size
    assert not _inside_of_fences(made)


def _inside_of_fences(text: str) -> bool:
    """Whether the end of a Markdown text is within a fence; nothing but our own lines may be outside of them."""
    fence = ""
    for one in text.split("\n"):
        found = re.match(r" {0,3}(`{3,})([^`]*)$", one)
        if fence:
            if found and len(found[1]) >= len(fence) and not found[2].strip():
                fence = ""
        elif found:
            fence = found[1]
        else:
            assert re.match(r"(## |### `|\*\*|- `|_Cut|Plan: |Nothing|$)", one), one
    return bool(fence)


@given(words)
@LAW
def test_law_each_line_for_github_is_one_command_of_ours(text: str) -> None:
    lines = FORMATS["github"](_hostile(text), Shape()).split("\n")
    assert len(lines) == 3
    assert all(re.match(r"::(warning|notice) (file=[^:,]*,line=\d+,)?title=[^:,]*::", one) for one in lines)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


@given(words)
@LAW
def test_law_a_page_has_no_script_no_address_and_no_tag_but_ours(text: str) -> None:
    made = FORMATS["html"](_hostile(text), Shape(full=True))
    page = _Page()
    page.feed(made)
    ours = "html head meta title style body h1 h2 h3 p ul li section header span code div ins del footer"
    assert page.tags <= set(ours.split())
    assert page.attributes <= {"lang", "charset", "http-equiv", "name", "content", "class"}
    assert made.count("<style>") == 1


@given(words)
@LAW
def test_law_text_holds_no_control_code(text: str) -> None:
    made = FORMATS["text"](_hostile(text), Shape(full=True))
    assert all(one.isprintable() or one in "\n\t\u3000" or not one.isspace() for one in made)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u200b]", made)


@given(words)
@LAW
def test_law_json_is_read_back(text: str) -> None:
    changes = json.loads(FORMATS["json"](_hostile(text), Shape()))["changes"]
    (update,) = (change for change in changes if change["action"] == "update")
    (found,) = (d for d in update["differences"] if d["field"] == "instructions")
    assert (found["before"], found["after"]) == (f"{text}\n\nOne.\n\n{text}", f"Two.\n\n{text}{text}")


def test_markdown_of_a_thousand_changes_tells_the_riskiest_and_what_is_cut() -> None:
    one = desired("a-new-one", instructions="Long. " * 300)
    gone = desired("z-gone")
    stamp = stamp_for(gone, OWNER, revision=1, attempt="")
    there = Observed(id="asst_z", body=gone.body, stamp=stamp)
    many = [desired(f"a-{i:04}", instructions=str(one.body["instructions"])) for i in range(1000)]
    made = FORMATS["markdown"](review(plan_of(many, [there])), Shape(full=True))
    assert len(made.encode()) <= 60_000
    assert made.index("z-gone") < made.index("a-0000")
    assert re.search(r"_Cut to fit: \d+ of the changes are shown in part and \d+ not at all\._", made)
    assert made.endswith("Plan: 1000 to add, 0 to change, 1 to delete, 0 drifted, 0 unchanged.\n")


def test_annotations_are_escaped() -> None:
    assert message("50 %\r\n::error::x") == "50 %25⟨U+000D⟩%0A::error::x"
    assert value("a:b,c") == "a%3Ab%2Cc"


def test_changed_code_is_shown_line_by_line() -> None:
    before = desired("shop", instructions="```\nx = 1\ny = 2\nz = 3\n```")
    wanted = desired("shop", instructions="```\nx = 1\ny = 5\nz = 3\n```")
    there = Observed(id="a", body=before.body, stamp=stamp_for(before, OWNER, revision=1, attempt=""))
    made = review(plan_of([wanted], [there]))
    assert "      ~ y = [-2-] {+5+}\n" in FORMATS["text"](made, Shape())
    assert "      | x = 1\n      ~ y = [-2-] {+5+}\n      | z = 3\n" in FORMATS["text"](made, Shape(full=True))
