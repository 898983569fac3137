"""Applies and their steps: what is about to be done is on disk before the target is asked, and its end afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from orchestrator.errors import OrchestratorError
from orchestrator.journal.records import Applied, Intent, Step
from orchestrator.journal.store import Journal
from orchestrator.reconcile.causes import Inputs
from orchestrator.reconcile.changes import Change, Create, Delete, Release, Update
from orchestrator.reconcile.desired import Desired
from orchestrator.reconcile.plain import plain_text
from orchestrator.reconcile.stamp import Stamp

_ACTIONS = {Create: "create", Update: "update", Delete: "delete", Release: "release"}
_APPLIED = "id, owner, who, started, ended, verb, git, dirty, plan, outcome"


class Recording:
    """One apply under way. Implements `reconcile.recording.Recorder`.

    `inputs` tells what an assistant is made of, None where that is not known.
    """

    def __init__(self, journal: Journal, owner: str, apply: int) -> None:
        self._journal = journal
        self._owner = owner
        self.apply = apply
        self.inputs: Callable[[Desired], Inputs | None] = lambda one: one.inputs()

    @classmethod
    def begin(
        cls, journal: Journal, *, owner: str, who: str, verb: str, commit: str | None, dirty: bool, plan: str
    ) -> Recording:
        """A new apply. `plan`: hash of the plan that is carried out."""
        with journal.writing() as tx:
            row = tx.execute(
                "INSERT INTO applies (owner, who, started, verb, git, dirty, plan) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (owner, who, journal.clock(), verb, commit, dirty, plan),
            )
            return cls(journal, owner, row.lastrowid or 0)

    def intend(self, change: Change, attempt: str) -> int:
        """Write down what is about to be done; committed when this returns. Raises: JournalError."""
        name = change.name if isinstance(change, Delete | Release) else change.after.name
        return self.begin_step(name, _ACTIONS[type(change)], attempt)

    def begin_step(self, name: str, action: str, attempt: str) -> int:
        """Write down a step that is about to be done; committed when this returns. Raises: JournalError."""
        with self._journal.writing() as tx:
            row = tx.execute(
                "INSERT INTO steps (apply, owner, name, action, attempt, begun, state) "
                "VALUES (?, ?, ?, ?, ?, ?, 'begun')",
                (self.apply, self._owner, name, action, attempt, self._journal.clock()),
            )
            return row.lastrowid or 0

    def done(self, step: int, change: Change, stamp: Stamp | None) -> None:
        """It is carried out; what was written becomes a revision."""
        self.written(step, None if isinstance(change, Delete | Release) else change.after, stamp)

    def written(self, step: int, after: Desired | None, stamp: Stamp | None) -> None:
        """A step is carried out; `after`, if any, becomes the revision that `stamp` names."""
        now = self._journal.clock()
        made_of = self.inputs(after) if after is not None else None
        with self._journal.writing() as tx:
            tx.execute("UPDATE steps SET state = 'done', ended = ? WHERE id = ?", (now, step))
            if stamp is None or after is None:
                return
            entries = orjson.dumps(made_of.to_json() if made_of else None).decode()
            tx.execute(
                "INSERT OR REPLACE INTO inputs VALUES (?, ?, ?, ?)", (self._owner, after.name, stamp.revision, entries)
            )
            tx.execute(
                "INSERT OR REPLACE INTO revisions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    self._owner,
                    after.name,
                    stamp.revision,
                    plain_text(after.body),
                    after.protect,
                    now,
                    self.apply,
                    after.place.file,
                ),
            )

    def failed(self, step: int, error: OrchestratorError, *, open_: bool) -> None:
        """It is not carried out; `open_`: nobody knows, so that the next apply has to look."""
        state = "begun" if open_ else "failed"
        with self._journal.writing() as tx:
            tx.execute(
                "UPDATE steps SET state = ?, ended = ?, error = ? WHERE id = ?",
                (state, self._journal.clock(), f"{error.code} {error.message}"[:2000], step),
            )

    def end(self, outcome: str) -> None:
        """The apply is over."""
        with self._journal.writing() as tx:
            tx.execute(
                "UPDATE applies SET ended = ?, outcome = ? WHERE id = ?", (self._journal.clock(), outcome, self.apply)
            )


def open_intents(journal: Journal, owner: str) -> list[Intent]:
    """Creates and adoptions whose end is not known, oldest first; `begun`: when one may have been sent last."""
    query = (
        "SELECT id, name, attempt, max(begun, coalesce(ended, begun)) FROM steps "
        "WHERE owner = ? AND state = 'begun' AND action IN ('create', 'adopt') ORDER BY id"
    )
    return [Intent(id=i, name=n, attempt=a, begun=b) for i, n, a, b in journal.rows(query, (owner,))]


def settle(journal: Journal, intent: Intent, *, arrived: bool) -> None:
    """What became of a create or an adoption that was cut off."""
    with journal.writing() as tx:
        state = "done" if arrived else "absent"
        tx.execute("UPDATE steps SET state = ?, ended = ? WHERE id = ?", (state, journal.clock(), intent.id))


def applies(journal: Journal, owner: str, *, most: int = 50) -> list[Applied]:
    """The applies, newest first."""
    rows = journal.rows(f"SELECT {_APPLIED} FROM applies WHERE owner = ? ORDER BY id DESC LIMIT ?", (owner, most))  # noqa: S608 - a constant
    return [_applied(row) for row in rows]


def steps(journal: Journal, apply: int) -> list[Step]:
    """What an apply tried, in the order in which it was begun."""
    query = "SELECT apply, name, action, state, begun, error FROM steps WHERE apply = ? ORDER BY id"
    names = ("apply", "name", "action", "state", "begun", "error")
    return [Step(**dict(zip(names, row, strict=True))) for row in journal.rows(query, (apply,))]


def _applied(row: tuple[Any, ...]) -> Applied:
    id_, owner, who, started, ended, verb, commit, dirty, plan, outcome = row
    return Applied(
        id=id_,
        owner=owner,
        who=who,
        started=started,
        ended=ended,
        verb=verb,
        commit=commit,
        dirty=bool(dirty),
        plan=plan,
        outcome=outcome,
    )
