"""What is known of each assistant: in which state, since when, why, and when it is tried again.

The controller leaves it in `status.json` of the data folder, for `orchestrator status`.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from orchestrator.journal.processes import is_gone, mark

NAME = "status.json"

State = Literal["Synced", "Pending", "Drifted", "Failed", "Suspended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One assistant. `revision`: as its stamp counts; `since` and `next_try`: seconds since 1970."""

    name: str
    state: State
    since: float
    revision: int | None = None
    cause: str = ""
    next_try: float | None = None

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that was known at a moment. `ready`: the last look succeeded; `process`: the mark of who wrote it."""

    at: float
    ready: bool
    process: str
    assistants: tuple[Status, ...]

    @property
    def alive(self) -> bool:
        """Whether who wrote it is still there, as far as can be told from here."""
        return bool(self.process) and not is_gone(self.process)


_REPORT = TypeAdapter(Report)


def write(folder: Path, statuses: tuple[Status, ...], *, at: float, ready: bool) -> None:
    """Leave a report; a folder that cannot be written is not worth a failure."""
    report = Report(at=at, ready=ready, process=mark(), assistants=statuses)
    beside = folder / f".{NAME}.{os.getpid()}"
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside.write_bytes(_REPORT.dump_json(report))
        beside.replace(folder / NAME)


def read(folder: Path) -> Report | None:
    """The last report; None: there is none that can be read."""
    try:
        return _REPORT.validate_json((folder / NAME).read_bytes())
    except (OSError, ValidationError):
        return None


class Board:
    """The statuses of all assistants. `since` moves only when the state does."""

    def __init__(self) -> None:
        self._known: dict[str, Status] = {}

    def __getitem__(self, name: str) -> Status:
        return self._known[name]

    def get(self, name: str) -> Status | None:
        """What is known of one."""
        return self._known.get(name)

    @property
    def all(self) -> tuple[Status, ...]:
        """Sorted by name."""
        return tuple(self._known[name] for name in sorted(self._known))

    def note(self, new: Status) -> bool:
        """Put up a status; whether state or cause are others than before."""
        old = self._known.get(new.name)
        if old is not None and old.state == new.state:
            new = replace(new, since=old.since)
        self._known[new.name] = new
        return old is None or (old.state, old.cause) != (new.state, new.cause)

    def keep(self, names: set[str]) -> None:
        """Take down all others."""
        self._known = {name: one for name, one in self._known.items() if name in names}
