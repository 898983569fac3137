"""Revisions that were written, and the holds that rollbacks set."""

from __future__ import annotations

from typing import Any

import orjson

from orchestrator.journal.records import Hold, Revision
from orchestrator.journal.store import Journal
from orchestrator.reconcile.causes import Inputs

_REVISION = "name, number, body, protect, time, apply, file"


def revisions(journal: Journal, owner: str, name: str) -> list[Revision]:
    """The recorded revisions of an assistant, newest first."""
    query = f"SELECT {_REVISION} FROM revisions WHERE owner = ? AND name = ? ORDER BY number DESC"  # noqa: S608 - a constant
    return [_revision(row) for row in journal.rows(query, (owner, name))]


def inputs(journal: Journal, owner: str) -> dict[str, tuple[int, Inputs | None]]:
    """What each assistant was made of when it was written last from here, with that revision."""
    query = "SELECT name, revision, entries FROM inputs WHERE owner = ?"
    rows = journal.rows(query, (owner,))
    return {name: (revision, Inputs.from_json(orjson.loads(entries))) for name, revision, entries in rows}


def holds(journal: Journal, owner: str) -> dict[str, Hold]:
    """What is held, by name."""
    query = "SELECT name, digest, revision, since FROM holds WHERE owner = ?"
    return {n: Hold(name=n, digest=d, revision=r, since=s) for n, d, r, s in journal.rows(query, (owner,))}


def hold(journal: Journal, owner: str, name: str, *, digest: str, revision: int) -> None:
    """Hold an assistant at `revision` for as long as its manifest has that digest."""
    with journal.writing() as tx:
        tx.execute(
            "INSERT OR REPLACE INTO holds VALUES (?, ?, ?, ?, ?)", (owner, name, digest, revision, journal.clock())
        )


def resume(journal: Journal, owner: str, name: str) -> bool:
    """End a hold; whether there was one."""
    if name not in holds(journal, owner):
        return False
    with journal.writing() as tx:
        return tx.execute("DELETE FROM holds WHERE owner = ? AND name = ?", (owner, name)).rowcount > 0


def _revision(row: tuple[Any, ...]) -> Revision:
    name, number, body, protect, time, apply, file = row
    return Revision(
        name=name, number=number, body=orjson.loads(body), protect=bool(protect), time=time, apply=apply, file=file
    )
