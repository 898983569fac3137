"""The lines of one thread, gathered until all are there: in a file, so that a long thread takes no memory."""

from __future__ import annotations

from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import Any

import orjson

from orchestrator.server.records import Message, Run, Step, Thread
from orchestrator.server.store import rows
from orchestrator.server.store.histories import Part
from orchestrator.wire.faults import Fault

MEMORY = 1024 * 1024  # bytes that are held before the disk is used
LINES = 200_000  # of one thread: all are stored in one unit

_ORDER: tuple[type[Part], ...] = (Message, Run, Step)
_KINDS: dict[str, type[Any]] = {cls.__name__: cls for cls in _ORDER}


class Bundle:
    """What came of one thread. `refused`: what was wrong first, and in which line; the whole thread is refused then."""

    def __init__(self, thread_id: str) -> None:
        self.thread_id = thread_id
        self.thread: Thread | None = None
        self.refused: tuple[int, Fault] | None = None
        self.first_line = 0
        self.earliest: int | None = None
        self._file = SpooledTemporaryFile(max_size=MEMORY)  # noqa: SIM115 - closed by `close`
        self._places: dict[type[Part], list[tuple[int, int]]] = {cls: [] for cls in _ORDER}  # time, offset
        self._loose = False

    def refuse(self, line: int, fault: Fault) -> None:
        """The thread will not be taken."""
        self.refused = self.refused or (line, fault)

    def add(self, line: int, part: Part, *, ordered: bool) -> None:
        """One more part. `ordered`: the file has all in the order of creation."""
        self.first_line = self.first_line or line
        self._loose = self._loose or not ordered
        if isinstance(part, Thread):
            if self.thread is not None:
                self.refuse(line, Fault("invalid", f"The thread '{part.id}' stands in the file twice."))
            self.thread = part
            return
        self.earliest = part.created_at if self.earliest is None else min(self.earliest, part.created_at)
        places = self._places[type(part)]
        if sum(map(len, self._places.values())) >= LINES:
            self.refuse(line, Fault("too_large", f"A thread may have {LINES} lines at most."))
        if self.refused is None:
            places.append((part.created_at, self._file.tell()))
            self._file.write(orjson.dumps([line, type(part).__name__, rows.to_row(part)]) + b"\n")

    def parts(self) -> Iterator[tuple[int, Part]]:
        """All but the thread itself with their lines: messages, runs, steps, in the order of creation."""
        for cls in _ORDER:
            for _, offset in self._in_order(self._places[cls]):
                self._file.seek(offset)
                line, kind, row = orjson.loads(self._file.readline())
                yield line, rows.from_row(_KINDS[kind], row)

    def close(self) -> None:
        """Throw the lines away."""
        self._file.close()

    def _in_order(self, places: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """APIs give their lists with the newest first, if not told otherwise; of the same time, the order stays."""
        if not self._loose or not places:
            return places
        forward = places[::-1] if places[0][0] > places[-1][0] else places
        return sorted(forward, key=lambda place: place[0])
