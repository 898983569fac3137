"""What the output of a tool call may be: bounded text, without characters that nobody sees.

Outputs come from outside, and the model reads them as it reads a user. What a person would not see, a model shall not
read either: control characters (but tab and line breaks), terminal colours, zero-width and direction marks, the tag
block, variation selectors in a row. A joiner stays between two characters beyond ASCII: scripts and emoji need it.
"""

from __future__ import annotations

import re

LARGEST = 64 * 1024  # bytes of UTF-8, the notice included

_TERMINAL = r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours and cursor moves
_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
_UNSEEN = r"[\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
_VARIANTS = r"\ufe00-\ufe0f\U000e0100-\U000e01ef"
_VARIANT = rf"[{_VARIANTS}]"
_JOINER = rf"(?<![^\x00-\x7f\u200c\u200d])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f\u200c\u200d{_VARIANTS}])"
_HIDDEN = re.compile(rf"{_TERMINAL}|{_CONTROL}|{_UNSEEN}|{_JOINER}|(?<={_VARIANT}){_VARIANT}+")
_HIDDEN_ASCII = re.compile(rf"{_TERMINAL}|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def tidy(text: str, largest: int = LARGEST) -> str:
    """An output as it is kept and told: `visible`, and `cut` to `largest` bytes."""
    if len(text) <= largest:
        text = visible(text)
    return cut(text, largest)


def visible(text: str) -> str:
    """The text without what nobody sees; halves of surrogate pairs become question marks."""
    if text.isascii():
        return text if text.isprintable() else _HIDDEN_ASCII.sub("", text)
    text = text.encode("utf-8", "replace").decode()
    while (seen := _HIDDEN.sub("", text)) != text:  # what is left out may bring its neighbours together
        text = seen
    return text


def cut(text: str, largest: int = LARGEST) -> str:
    """The text, at most `largest` bytes of UTF-8; a notice says how much was left out. A long text is made visible."""
    if len(text) * 4 <= largest:
        return text
    data = text.encode("utf-8", "replace")
    if len(data) <= largest:
        return text
    room = max(0, largest - len(_notice(len(data), len(data))))
    kept = data[:room].decode("utf-8", "ignore")
    return visible(kept) + _notice(len(data) - len(kept.encode()), len(data))


def _notice(left_out: int, whole: int) -> str:
    return f"\n[cut: {left_out} of {whole} bytes left out]"
