"""Where ids and times come from; handed in, so that tests may choose their own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from threading import Lock
from typing import Literal

Prefix = Literal["asst", "thread", "message", "run", "step", "call"]
AT_ONCE = 64  # ids for which randomness is fetched
Clock = Callable[[], int]  # milliseconds since 1970, UTC


def system_clock() -> int:
    """The time of day, in milliseconds."""
    return time.time_ns() // 1_000_000


def new_id(prefix: Prefix) -> str:
    """A fresh id as the wire spells it: prefix and UUID version 4."""
    return f"{prefix}_{new_uuid()}"


def new_file_id() -> str:
    """A fresh id of a file, as both vendors spell it; it also names the file's content on disk."""
    return f"file-{new_uuid().replace('-', '')}"


def new_uuid() -> str:
    """A random UUID, version 4."""
    word = _chance.take()
    return f"{word[:8]}-{word[8:12]}-4{word[13:16]}-{_VARIANT[int(word[16], 16) & 3]}{word[17:20]}-{word[20:]}"


class _Chance:
    """The system's randomness, fetched for many ids at a time: asking for it costs more than all the rest of an id."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._lock = Lock()
        os.register_at_fork(after_in_child=self._forget)

    def take(self) -> str:
        """128 bits, as 32 hex digits, that nobody else gets."""
        with self._lock:
            if not self._words:
                digits = os.urandom(16 * AT_ONCE).hex()
                self._words = [digits[start : start + 32] for start in range(0, len(digits), 32)]
            return self._words.pop()

    def _forget(self) -> None:
        """A child must not give out what its parent gives out."""
        self._words, self._lock = [], Lock()


_VARIANT = "89ab"
_chance = _Chance()
