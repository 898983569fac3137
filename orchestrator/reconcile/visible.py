"""What cannot be seen made visible: control codes, directions of writing, widths of nothing. Pure.

Text of a target or of an author may hold characters that hide other text, turn it around or steer a terminal. A report
shows them by their number, such as ⟨U+202E⟩, so that a reader sees what a model would read.
"""

from __future__ import annotations

import re

_HIDDEN = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\xa0\\xad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u1680\\u2000-\\u200f"
    "\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3164\\ud800-\\udfff\\ue000-\\uf8ff\\ufe00-\\ufe0e\\ufeff\\uffa0\\ufff0-\\ufffb"
    "\\ufffe\\uffff\\U0001d173-\\U0001d17a\\U000e0000-\\U0010ffff]"
)


def visible(text: str) -> str:
    """The text with everything hidden told by number; line feeds and tabs stay."""
    return _HIDDEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


def escaped(text: str) -> str:
    """A JSON document with hidden characters of its strings written as escapes."""
    return _HIDDEN.sub(lambda found: "".join(f"\\u{unit:04x}" for unit in _utf16(found[0])), text)


def _utf16(text: str) -> list[int]:
    data = text.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(data[i : i + 2]) for i in range(0, len(data), 2)]


def line(text: str) -> str:
    """As `visible`, on one line."""
    return visible(text.replace("\r\n", "\n")).replace("\n", "↵").replace("\t", " ")
