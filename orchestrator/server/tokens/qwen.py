"""Qwen's own tokens: tiktoken, and the vocabulary that the `dashscope` package carries (extra `tokenizer`).

Neither is imported before a text has to be counted; then the vocabulary takes half a second and 60 MB, once.
"""

from __future__ import annotations

import base64
import logging
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING
from unicodedata import normalize

from orchestrator.server.tokens.door import Tokenizer

if TYPE_CHECKING:
    from tiktoken import Encoding

SIZE = 151_643  # tokens of the vocabulary, without the special ones
CHUNK = 100_000  # characters at a time: tiktoken's recursion overflows the stack on a word of millions

_log = logging.getLogger(__name__)
_FILE = Path("resources") / "qwen.tiktoken"  # in the package
# how a text is cut before bytes are merged, as Qwen's model card and `dashscope.tokenizers` have it
_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def vocabulary() -> Path | None:
    """The vocabulary's file, if it and tiktoken are installed. Imports neither."""
    package = find_spec("dashscope")
    if find_spec("tiktoken") is None or package is None:
        return None
    places = [Path(place) / _FILE for place in package.submodule_search_locations or ()]
    return next((place for place in places if place.is_file()), None)


class Qwen:
    """Counts Qwen's tokens. Marks such as `<|im_start|>` within a text count as the text they are, which is more."""

    name = "qwen"

    def __init__(self, file: Path, fallback: Tokenizer) -> None:
        """`fallback` counts when the file turns out to be damaged."""
        self._file = file
        self._fallback = fallback
        self._broken = False
        self._encoding: Encoding | None = None
        self._lock = Lock()

    @property
    def ready(self) -> bool:
        """Whether the vocabulary is loaded."""
        return self._encoding is not None or self._broken

    def count(self, text: str) -> int:
        """The tokens of a text."""
        encoding = self._encoding or self._load()
        if encoding is None:
            return self._fallback.count(text)
        text = normalize("NFC", text.encode("utf-8", "replace").decode())
        parts = (text[start : start + CHUNK] for start in range(0, len(text), CHUNK))
        return sum(len(encoding.encode_ordinary(part)) for part in parts)

    def _load(self) -> Encoding | None:
        with self._lock:
            if self._encoding is None and not self._broken:
                try:
                    self._encoding = _read(self._file)
                except (OSError, ValueError, ImportError):
                    _log.exception("Qwen's vocabulary %s cannot be used; tokens are estimated", self._file)
                    self._broken = True
            return self._encoding


def _read(file: Path) -> Encoding:
    """Raises: OSError, ValueError, ImportError."""
    from tiktoken import Encoding  # noqa: PLC0415 - only where it is needed

    return Encoding("qwen", pat_str=_PATTERN, mergeable_ranks=_ranks(file.read_bytes()), special_tokens={})


def _ranks(data: bytes) -> dict[bytes, int]:
    """Tokens and their ranks: a line each, base64 and number. Raises: ValueError."""
    ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in data.splitlines() if line)}
    if len(ranks) != SIZE:
        raise ValueError(f"Qwen's vocabulary has {SIZE} tokens, the file {len(ranks)}.")
    return ranks
