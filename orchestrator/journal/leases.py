"""One apply at a time where a journal is shared: a lease, renewed during work, taken over when it has expired.

The lease of a process of this machine that is gone is taken over at once.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

from orchestrator.errors import JournalError, Locked
from orchestrator.journal.processes import is_gone, mark
from orchestrator.journal.records import Lease
from orchestrator.journal.store import Journal

TTL_SECONDS = 60.0
_log = logging.getLogger(__name__)


def take(journal: Journal, owner: str, holder: str, *, ttl: float = TTL_SECONDS) -> Lease:
    """The lease of `owner`.

    Raises:
        Locked: somebody has it; the message says who, until when, and how to end it.
    """
    now = journal.clock()
    lease = Lease(owner=owner, holder=holder, nonce=secrets.token_hex(8), taken=now, expires=now + ttl, process=mark())
    with journal.writing() as tx:
        row = tx.execute(f"SELECT {_FIELDS} FROM leases WHERE owner = ?", (owner,)).fetchone()  # noqa: S608 - a constant
        if row is not None and (other := _lease(row)).expires > now and not is_gone(other.process):
            raise Locked(
                f"{other.holder} applies for '{owner}' since {moment(other.taken)}, lease {other.nonce} "
                f"until {moment(other.expires)}.",
                hint=f"wait; if that process is gone: orchestrator lock release {other.nonce}",
            )
        tx.execute(
            f"INSERT OR REPLACE INTO leases ({_FIELDS}) VALUES (?, ?, ?, ?, ?, ?)",  # noqa: S608 - a constant
            (owner, holder, lease.nonce, now, lease.expires, lease.process),
        )
    return lease


def renew(journal: Journal, lease: Lease, *, ttl: float = TTL_SECONDS) -> Lease | None:
    """The lease with a later end; None: it is somebody else's by now, or was released."""
    expires = journal.clock() + ttl
    with journal.writing() as tx:
        changed = tx.execute("UPDATE leases SET expires = ? WHERE nonce = ?", (expires, lease.nonce)).rowcount
    return replace(lease, expires=expires) if changed else None


def release(journal: Journal, nonce: str) -> bool:
    """End a lease; whether it was there."""
    if not any(one.nonce == nonce for one in leases(journal)):
        return False
    with journal.writing() as tx:
        return tx.execute("DELETE FROM leases WHERE nonce = ?", (nonce,)).rowcount > 0


def leases(journal: Journal) -> list[Lease]:
    """All leases, the expired ones too."""
    return [_lease(row) for row in journal.rows(f"SELECT {_FIELDS} FROM leases ORDER BY owner")]  # noqa: S608 - a constant


@asynccontextmanager
async def held(
    journal: Journal, owner: str, holder: str, *, ttl: float = TTL_SECONDS
) -> AsyncGenerator[Callable[[], bool]]:
    """The lease while the block lasts, renewed every third of its time; what is given tells whether it was lost.

    Raises:
        Locked: somebody has it.
    """
    lease = take(journal, owner, holder, ttl=ttl)
    safe_until = lease.expires - ttl / 3

    async def beat() -> None:
        nonlocal safe_until
        while True:
            await asyncio.sleep(ttl / 3)
            try:
                renewed = renew(journal, lease, ttl=ttl)
            except JournalError as error:
                _log.warning("The lease could not be renewed: %s", error.message)
                continue
            if renewed is None:
                safe_until = 0.0
                return
            safe_until = renewed.expires - ttl / 3

    beating = asyncio.create_task(beat())
    try:
        yield lambda: journal.clock() >= safe_until
    finally:
        beating.cancel()
        try:
            release(journal, lease.nonce)
        except JournalError as error:
            _log.warning("The lease ends by itself at %s: %s", moment(lease.expires), error.message)


_FIELDS = "owner, holder, nonce, taken, expires, process"


def _lease(row: tuple[str, str, str, float, float, str]) -> Lease:
    owner, holder, nonce, taken, expires, process = row
    return Lease(owner=owner, holder=holder, nonce=nonce, taken=taken, expires=expires, process=process)


def moment(seconds: float) -> str:
    """A time as people read it, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
