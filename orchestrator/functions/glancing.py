"""What files hold, without reading those again that surely are what they were.

A file is known by what the system says of it: times, size, number. Clocks of file systems are coarse, so what was read
within a moment of its last change is read again the next time: a second edit in that moment may look the same.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from dataclasses import dataclass

from orchestrator.functions.packages import digest_of

_MOMENT = 100_000_000  # nanoseconds
_MOST = 50_000  # files that are remembered


@dataclass(frozen=True, slots=True)
class _Seen:
    mark: tuple[int, int, int, int]
    digest: str
    settled: bool


_seen: dict[str, _Seen] = {}
_lock = threading.Lock()


class Glance:
    """One look at many files: each is looked at once."""

    def __init__(self) -> None:
        self._found: dict[str, str | None] = {}

    def digest(self, file: str) -> str | None:
        """The digest of a regular file's text; None: it cannot be read."""
        if file not in self._found:
            self._found[file] = _digest(file)
        return self._found[file]


def _digest(file: str) -> str | None:
    try:
        found = os.stat(file)  # noqa: PTH116 (a thousand at a time)
        mark = (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
        known = _seen.get(file)
        if known is not None and known.settled and known.mark == mark:
            return known.digest
        if not stat.S_ISREG(found.st_mode):
            return None
        with open(file, "rb") as opened:  # noqa: PTH123
            digest = digest_of(opened.read())
    except OSError:
        return None
    settled = time.time_ns() - max(found.st_mtime_ns, found.st_ctime_ns) > _MOMENT
    with _lock:
        if len(_seen) >= _MOST:
            _seen.clear()
        _seen[file] = _Seen(mark, digest, settled)
    return digest
