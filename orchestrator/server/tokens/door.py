"""The door to tokenizers."""

from __future__ import annotations

from typing import Protocol
from unicodedata import normalize


class Tokenizer(Protocol):
    """Counts tokens."""

    @property
    def name(self) -> str:
        """Two tokenizers of the same name count alike."""
        ...

    @property
    def ready(self) -> bool:
        """Whether a short text is counted within a millisecond. Before that, and for long texts: not on the loop."""
        ...

    def count(self, text: str) -> int:
        """The tokens of a text. May block; may be called from several threads."""
        ...


def most(text: str) -> int:
    """As many tokens as a text can have: its bytes, for no tokenizer of bytes makes two tokens of one.

    Some normalise first (NFC), which can make a text longer.
    """
    return len(text) if text.isascii() else len(normalize("NFC", text).encode("utf-8", "replace"))
