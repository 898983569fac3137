"""Verbs for the event log of a run. What never changes in a run is not kept with each event but read from the run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson

from orchestrator.server.records import Delta, Event, Message, Run, Step, Thread
from orchestrator.server.store.door import Row, Tx
from orchestrator.wire.events import MESSAGE_DELTA

Subject = Thread | Run | Step | Message | Delta
Told = tuple[str, Subject]  # name and subject

_KINDS: dict[str, type[Subject]] = {
    "thread": Thread,
    "run": Run,
    "step": Step,
    "message": Message,
    "delta": Delta,
}
_NAMES = {cls: kind for kind, cls in _KINDS.items()}
_TUPLES: dict[type[Subject], tuple[str, ...]] = {
    Run: ("required_action",),
    Step: ("calls",),
    Message: ("content", "file_ids", "attachments"),
    Thread: ("file_ids",),
}
_FROZEN = ("instructions", "tools", "file_ids", "settings", "options")  # of a run, from its creation on
_OF_RUN = tuple(field.name for field in dataclasses.fields(Run) if field.name not in _FROZEN)

_INSERT = "INSERT INTO events (run_id, seq, name, kind, subject) VALUES (:run_id, :seq, :name, :kind, :subject)"


@dataclass(frozen=True, slots=True)
class Appended:
    """Events were added to a run's log, the first of them with number `first`: a fact for whoever listens."""

    run_id: str
    first: int
    told: Sequence[Told]

    def events(self) -> Iterator[Event]:
        """These events."""
        for seq, (name, subject) in enumerate(self.told, start=self.first):
            yield Event(run_id=self.run_id, seq=seq, name=name, subject=subject)


def append(tx: Tx, run_id: str, told: Sequence[Told], seq: int | None = None) -> int:
    """Add events at the end of a run's log, whose last event has number `seq`; the number of the last one then."""
    seq = latest(tx, run_id) if seq is None else seq
    values = [
        {"run_id": run_id, "seq": number, "name": name, "kind": _NAMES[type(subject)], "subject": _encode(subject)}
        for number, (name, subject) in enumerate(told, start=seq + 1)
    ]
    tx.change_many(_INSERT, values)
    tx.note(Appended(run_id, seq + 1, told))
    return seq + len(values)


def latest(tx: Tx, run_id: str) -> int:
    """The last event's number; 0: there are none."""
    found = tx.rows("SELECT MAX(seq) AS seq FROM events WHERE run_id = :run_id", {"run_id": run_id})
    return int(found[0]["seq"] or 0)


def name(tx: Tx, run_id: str, seq: int) -> str | None:
    """The name of an event; None: there is no such event."""
    found = tx.rows("SELECT name FROM events WHERE run_id = :run_id AND seq = :seq", {"run_id": run_id, "seq": seq})
    return found[0]["name"] if found else None


def after(tx: Tx, run: Run, seq: int, limit: int) -> list[Event]:
    """At most `limit` events of a run that follow event `seq`, in order."""
    found = tx.rows(
        "SELECT seq, name, kind, subject FROM events WHERE run_id = :run_id AND seq > :seq ORDER BY seq LIMIT :limit",
        {"run_id": run.id, "seq": seq, "limit": limit},
    )
    return [Event(run_id=run.id, seq=row["seq"], name=row["name"], subject=_decode(row, run)) for row in found]


def text_of(tx: Tx, run_id: str, message_id: str) -> str:
    """What was told of a message so far."""
    found = tx.rows(
        "SELECT subject FROM events WHERE run_id = :run_id AND name = :name ORDER BY seq",
        {"run_id": run_id, "name": MESSAGE_DELTA},
    )
    deltas = [orjson.loads(row["subject"]) for row in found]
    return "".join(delta["text"] or "" for delta in deltas if delta["id"] == message_id)


def _encode(subject: Subject) -> str:
    if isinstance(subject, Run):
        fields = {name: getattr(subject, name) for name in _OF_RUN}
        return orjson.dumps(fields, default=_plain).decode()
    return orjson.dumps(subject, default=_plain).decode()


def _decode(row: Row, run: Run) -> Subject:
    cls = _KINDS[row["kind"]]
    fields: dict[str, Any] = orjson.loads(row["subject"])
    for name in _TUPLES.get(cls, ()):
        fields[name] = tuple(fields.get(name, ()))  # events of earlier programs lack younger fields
    if cls is Run:
        fields.update((name, getattr(run, name)) for name in _FROZEN)
    return cls(**fields)


def _plain(value: object) -> object:
    """What orjson does not know by itself: mappings that are no dict."""
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, object]", value))
    raise TypeError(f"not JSON: {type(value).__name__}")
