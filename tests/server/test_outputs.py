"""What outputs of tools are kept as: bounded, and without what nobody sees."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.wire.outputs import cut, tidy, visible

HIDDEN = "\x00\x07\x1b\x7f\x9b\xad\u061c\u200b\u200e\u202e\u2060\u2066\ufeff\U000e0041"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a\tb\r\nc", "a\tb\r\nc"),
        (f"a{HIDDEN}b", "ab"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("pass\u200bword", "password"),
        ("half \ud83d", "half ?"),
        ("👩‍🔬 ❤️‍🔥 می‌خواهم", "👩‍🔬 ❤️‍🔥 می‌خواهم"),
        ("a\u200db 👩\u200d\u200d👩 x\u200c", "ab 👩👩 x"),
        ("😀\ufe0f\U000e0101\U000e0102!", "😀\ufe0f!"),
        ("é\u200d\U000e0001\u200cé", "éé"),
    ],
)
def test_what_nobody_sees_is_left_out(text: str, seen: str) -> None:
    assert visible(text) == seen


@given(st.text(st.characters() | st.sampled_from([*HIDDEN, "\u200c", "\u200d", "\ufe0f", "\U000e0101", "["])))
def test_what_is_visible_stays_so(text: str) -> None:
    seen = visible(text)
    assert visible(seen) == seen
    assert not set(HIDDEN) & set(seen)
    seen.encode()


@given(st.text(min_size=1), st.integers(100, 400), st.integers(1, 300))
def test_an_output_never_exceeds_its_bytes_and_says_how_much_is_gone(text: str, largest: int, times: int) -> None:
    text *= times
    kept = tidy(text, largest)
    assert len(kept.encode()) <= largest
    size = len(text.encode("utf-8", "replace"))
    if size > largest:
        head, _, notice = cut(text, largest).rpartition("\n[cut: ")
        left_out, whole = int(notice.split(" of ")[0]), int(notice.split(" of ")[1].split(" ")[0])
        assert whole == size
        assert size - left_out >= len(head.encode())
    else:
        assert kept == visible(text)


def test_ten_megabytes_are_cut() -> None:
    assert len(tidy("x" * 10_000_000).encode()) <= 64 * 1024
    assert tidy("x" * 10_000_000).endswith(" of 10000000 bytes left out]")
