"""What must hold in the database of a server, whatever happened to it; I3 to I8 of the reliability matrix.

Reads the file itself, while no server runs, and knows nothing of the code but the graph of a run's statuses.
"""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from orchestrator.wire.runs import ACTIVE, MOVES, TERMINAL

ENDS = ("completed", "failed", "cancelled", "expired")
Log = list[sqlite3.Row]


class Ledger:
    """The database of a data folder."""

    def __init__(self, file: Path) -> None:
        self._db = sqlite3.connect(file)
        self._db.row_factory = sqlite3.Row

    def close(self) -> None:
        self._db.close()

    def complaints(self) -> list[str]:
        """Whatever does not hold."""
        return [
            *self._sound(),
            *self._one_active_run(),
            *(f"run {run['id']}: {found}" for run in self._runs() for found in self._of_run(run)),
            *self._strays(),
        ]

    def unfinished(self) -> list[str]:
        """Runs that are not over (I3)."""
        return [f"{run['id']} is {run['status']}" for run in self._runs() if run["status"] not in TERMINAL]

    def said(self, thread_id: str) -> list[str]:
        """The texts of the user in a thread, in order."""
        rows = self._rows("SELECT content FROM messages WHERE thread_id = ? AND role = 'user' ORDER BY seq", thread_id)
        return [_text(row["content"]) for row in rows]

    def statuses(self) -> dict[str, str]:
        """Each run's status."""
        return {run["id"]: run["status"] for run in self._runs()}

    def log(self, run_id: str) -> list[str]:
        """The names of a run's events."""
        return [event["name"] for event in self._events(run_id)]

    def calls(self) -> Iterator[dict[str, Any]]:
        """Every call of every run."""
        for step in self._rows("SELECT calls FROM steps WHERE type = 'tool_calls'"):
            yield from json.loads(step["calls"])

    def _rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        return self._db.execute(sql, values).fetchall()

    def _runs(self) -> list[sqlite3.Row]:
        return self._rows("SELECT * FROM runs ORDER BY seq")

    def _events(self, run_id: str) -> Log:
        return self._rows("SELECT seq, name, kind, subject FROM events WHERE run_id = ? ORDER BY seq", run_id)

    def _sound(self) -> Iterator[str]:
        for row in self._rows("PRAGMA integrity_check"):
            if row[0] != "ok":
                yield f"integrity: {row[0]}"
        yield from (f"foreign key: {tuple(row)}" for row in self._rows("PRAGMA foreign_key_check"))

    def _one_active_run(self) -> Iterator[str]:
        """I4."""
        busy = Counter(run["thread_id"] for run in self._runs() if run["status"] in ACTIVE)
        yield from (f"thread {thread} has {number} active runs" for thread, number in busy.items() if number > 1)

    def _of_run(self, run: sqlite3.Row) -> Iterator[str]:
        log = self._events(run["id"])
        yield from _without_gap(log)
        yield from _along_the_graph(run, log)
        steps = self._rows("SELECT * FROM steps WHERE run_id = ? ORDER BY seq", run["id"])
        messages = self._rows("SELECT * FROM messages WHERE run_id = ? ORDER BY seq", run["id"])
        yield from _told_once("step", [f"thread.run.step.{end}" for end in ENDS], "thread.run.step.created", steps, log)
        ended = ["thread.message.completed", "thread.message.incomplete"]
        yield from _told_once("message", ended, "thread.message.created", messages, log)
        yield from _texts(messages, log)
        if run["status"] in TERMINAL:
            open_still = [row["id"] for row in (*steps, *messages) if row["status"] == "in_progress"]
            yield from (f"{thing} is still in progress" for thing in open_still)
        if run["status"] == "completed":
            unanswered = [call["id"] for step in steps for call in json.loads(step["calls"]) if call["output"] is None]
            yield from (f"the call {call} has no output" for call in unanswered)

    def _strays(self) -> Iterator[str]:
        """Events, steps and messages whose run does not exist."""
        for table in ("events", "steps", "messages"):
            sql = f"SELECT run_id FROM {table} WHERE run_id IS NOT NULL AND run_id NOT IN (SELECT id FROM runs)"
            yield from (f"{table} of a run {row['run_id']} that is not there" for row in self._rows(sql))


def _without_gap(log: Log) -> Iterator[str]:
    """I7: what a stream tells is this log, so it must have every number."""
    numbers = [event["seq"] for event in log]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"the log has gaps: {numbers}"


def _along_the_graph(run: sqlite3.Row, log: Log) -> Iterator[str]:
    """I5: created, then only moves that are allowed, the last one where the run is; terminal is final."""
    path = [json.loads(event["subject"])["status"] for event in log if event["kind"] == "run"]
    if path[:2] != ["queued", "queued"]:
        yield f"the run begins as {path[:2]}"
    wrong = [move for move in pairwise(path[1:]) if move[1] not in MOVES[move[0]]]
    if wrong:
        yield f"it moved where it may not: {wrong}"
    if path[-1:] != [run["status"]]:
        yield f"it is {run['status']}, its log ends with {path[-1:]}"


def _told_once(thing: str, ends: list[str], begin: str, rows: list[sqlite3.Row], log: Log) -> Iterator[str]:
    """I6: each thing has one row, one beginning, and one end when it is over; nothing is told of what is not there."""
    told: dict[str, Counter[str]] = defaultdict(Counter)
    for event in log:
        if event["name"] == begin or event["name"] in ends:
            told[json.loads(event["subject"])["id"]]["begin" if event["name"] == begin else "end"] += 1
    ids = [row["id"] for row in rows]
    if sorted(told) != sorted(ids):
        yield f"{thing}s in the log {sorted(told)}, in the table {sorted(ids)}"
    for row in rows:
        wanted = Counter(begin=1, end=int(row["status"] != "in_progress"))
        if +told[row["id"]] != +wanted:
            yield f"{thing} {row['id']} is {row['status']} and was told {dict(told[row['id']])}"


def _texts(messages: list[sqlite3.Row], log: Log) -> Iterator[str]:
    """What was told piece by piece is what stands there."""
    pieces: dict[str, list[str]] = defaultdict(list)
    for event in log:
        if event["name"] == "thread.message.delta":
            delta = json.loads(event["subject"])
            pieces[delta["id"]].append(delta["text"] or "")
    for message in messages:
        if message["status"] != "in_progress" and _text(message["content"]) != "".join(pieces[message["id"]]):
            yield f"message {message['id']}: told {''.join(pieces[message['id']])!r}, is {_text(message['content'])!r}"


def _text(content: str) -> str:
    return "".join(part["text"]["value"] for part in json.loads(content) if part["type"] == "text")
