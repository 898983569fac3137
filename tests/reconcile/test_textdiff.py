"""A diff of long text says what a reader would say, and carried out on the first text it gives the second."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.reconcile.textdiff import Entry, TextDiff, applied, blocks, compare

GUIDE = """# Role

You are a guide. Answer briefly.
Name your sources.

## Tone

- Be kind.
- Never shout.

Close with a question.
"""


def _ops(diff: TextDiff) -> list[tuple[str, str]]:
    return [(e.op, e.block.text) for e in diff.entries if e.op != "same"]


def _pieces(entry: Entry) -> list[tuple[str, str]]:
    return [(p.op, p.text.strip()) for s in entry.sentences if s.op != "same" for p in s.pieces]


def _bare(text: str) -> str:
    return "".join(text.split())


def test_blocks_are_headings_paragraphs_items_rows_and_code() -> None:
    found = blocks(GUIDE + "\n| a | b |\n| 1 | 2 |\n```\nx = 1\n\ny = 2\n```\n")
    assert [b.text for b in found] == [
        "# Role", "You are a guide. Answer briefly. Name your sources.", "## Tone", "- Be kind.", "- Never shout.",
        "Close with a question.", "| a | b |", "| 1 | 2 |", "```\nx = 1\n\ny = 2\n```",
    ]  # fmt: skip
    assert [b.heading for b in found[:4]] == ["Role", "Role", "Tone", "Tone"]


def test_lines_wrapped_anew_are_no_change() -> None:
    assert compare(GUIDE, GUIDE.replace("guide. Answer\n", "guide.\nAnswer ").replace("briefly.\n", "briefly. ")).empty
    assert compare("你好，世界。今天\n天气很好。", "你好，世界。\n今天天气很好。").empty


def test_white_space_within_code_counts() -> None:
    assert not compare("```\nif x:\n  y\n```", "```\nif x:\ny\n```").empty


def test_one_changed_word_is_told_within_its_sentence() -> None:
    (entry,) = [e for e in compare(GUIDE, GUIDE.replace("briefly", "at length")).entries if e.op != "same"]
    assert (entry.op, entry.block.heading) == ("changed", "Role")
    assert _pieces(entry) == [("same", "Answer"), ("removed", "briefly"), ("added", "at length"), ("same", ".")]


def test_a_block_that_stands_elsewhere_is_moved() -> None:
    tail = "Close with a question."
    moved = GUIDE.replace(f"{tail}\n", "").replace("## Tone", f"{tail}\n\n## Tone")
    assert _ops(compare(GUIDE, moved)) == [("moved", tail)]


def test_items_are_added_and_removed_one_by_one() -> None:
    after = GUIDE.replace("- Never shout.\n", "").replace("- Be kind.\n", "- Be kind.\n- Offer a refund.\n")
    assert _ops(compare(GUIDE, after)) == [("removed", "- Never shout."), ("added", "- Offer a refund.")]


def test_chinese_sentences_are_told_apart() -> None:
    (entry,) = compare("你是导游。回答要简短！不要说谎。", "你是导游。回答要详细！不要说谎。").entries
    assert [(s.op, "".join(p.text for p in s.pieces if p.op != "removed")) for s in entry.sentences] == [
        ("same", "你是导游。"), ("changed", "回答要详细！"), ("same", "不要说谎。"),
    ]  # fmt: skip


def test_a_diff_of_another_text_is_refused() -> None:
    with pytest.raises(ValueError, match="another text"):
        applied(compare(GUIDE, "New."), "Something else.")


line = st.sampled_from(
    ["# Role", "## Tone", "- Be kind.", "  - Be brief.", "1. First!", "Answer briefly. Name sources.", "", "",
     "Answer at length.", "```", "x = 1", "| a | b |", "你好。再见！", "   indented", "~~~~",
     "\ttab", "Name sources. Answer briefly."]
)  # fmt: skip
texts = st.one_of(st.lists(line, max_size=25).map("\n".join), st.text(max_size=80))
LAW = settings(max_examples=150, deadline=None)


@given(texts, texts)
@LAW
def test_law_a_diff_carried_out_gives_the_second_text(before: str, after: str) -> None:
    assert _bare(applied(compare(before, after), before)) == _bare(after)


@given(texts, texts)
@LAW
def test_law_each_block_of_both_texts_is_told_of_once(before: str, after: str) -> None:
    diff = compare(before, after)
    assert sorted(e.old for e in diff.entries if e.old is not None) == list(range(len(blocks(before))))
    assert [e.new for e in diff.entries if e.new is not None] == list(range(len(blocks(after))))
    assert diff == compare(before, after)


@given(texts)
@LAW
def test_law_equal_texts_give_nothing(text: str) -> None:
    assert compare(text, text).empty
    assert compare(text, text + "\n\n  \n").empty


@pytest.mark.parametrize(
    "kind", ["strangers", "repeats", "one paragraph", "shuffled", "dots", "quotes", "spaces in code", "wide spaces"]
)
def test_a_quarter_of_a_million_characters_are_bounded_work(kind: str) -> None:
    before, after = {
        "strangers": (_many("left {} and so on, it goes further"), _many("RIGHT{} WHERE NOTHING IS SHARED AT ALL")),
        "repeats": ("- a\n- b\n- b\n" * 20_000, "- b\n- a\n- c\n" * 20_000),
        "one paragraph": ("word thing " * 22_000, "thing word other " * 15_000),
        "shuffled": (
            _many("This is the paragraph with number {}."),
            _many("This is the paragraph with number {}.", 7919),
        ),
        "dots": _ended("Hello to you all " + "." * 250_000),
        "quotes": _ended("Hello to you all. " + '."' * 125_000),
        "spaces in code": _ended("```\nHello to you all" + " " * 250_000, "\n```"),
        "wide spaces": _ended("你好，大家好。" + "\u3000" * 250_000 + "再见"),
    }[kind]
    assert _bare(applied(compare(before, after), before)) == _bare(after)


def _many(form: str, step: int = 1) -> str:
    return "\n\n".join(form.format(i * step % 5003) for i in range(5003))


def _ended(text: str, end: str = "") -> tuple[str, str]:
    """Two texts that differ at their end."""
    return f"{text}a{end}", f"{text}b{end}"
