"""Remembers what messages weigh, so that a long thread is not counted again with each run."""

from __future__ import annotations

from threading import Lock

SIZE = 20_000  # messages, some 4 MB


class Counts:
    """Tokens by key, the newest `size` of them. May be used from several threads."""

    def __init__(self, size: int = SIZE) -> None:
        self._size = size
        self._known: dict[tuple[str, str], int] = {}
        self._lock = Lock()

    def get(self, key: tuple[str, str]) -> int | None:
        """The count, if it is remembered."""
        return self._known.get(key)

    def put(self, key: tuple[str, str], count: int) -> None:
        """Remember a count; the oldest tenth is forgotten when there is no room."""
        with self._lock:
            if len(self._known) >= self._size:
                for old in list(self._known)[: self._size // 10 + 1]:
                    del self._known[old]
            self._known[key] = count
