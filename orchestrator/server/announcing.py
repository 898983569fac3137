"""Tells the commands of this machine where the server of a data folder listens, and with what they may enter.

Both hold only while the folder's lock is held: what a dead server left behind is not believed, nor does it open
anything, for each server makes a credential of its own when it starts and keeps it in memory.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import sleep

from orchestrator.errors import FolderInUse, StoreError
from orchestrator.server.store.folder import hold

ADDRESS = "address"  # files in the data folder
LOCAL_KEY = "local.key"  # for its owner alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a server is. `key` opens every workspace of it; `keys`: how many others live, None: none is needed."""

    address: str
    key: str | None = field(default=None, repr=False)
    keys: int | None = None

    def __str__(self) -> str:
        return self.address


def local_key() -> str:
    """A new credential for the operator's own commands."""
    return f"orch_local_{secrets.token_urlsafe(32)}"


@contextmanager
def announcing(data: Path, place: Place) -> Generator[None]:
    """Let commands find a server as long as the block lasts, which is no longer than the folder is held."""
    address, key = data / ADDRESS, data / LOCAL_KEY
    try:
        if place.key is not None:
            _write_privately(key, place.key)
        address.write_text(place.address)
        yield
    finally:
        address.unlink(missing_ok=True)
        key.unlink(missing_ok=True)


def announced(data: Path) -> Place | None:
    """The server that has this data folder; None: there is none. Raises: StoreError."""
    try:
        hold(data).release()
    except FolderInUse:
        return Place(address=_read_address(data / ADDRESS), key=_read_key(data / LOCAL_KEY))
    return None


def _write_privately(file: Path, text: str) -> None:
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(text)


def _read_address(file: Path) -> str:
    for _ in range(50):  # the one who holds the folder may be about to write it
        with suppress(OSError):
            address = file.read_text()
            if address.startswith("http://"):
                return address
        sleep(0.1)
    raise StoreError(f"Another process holds {file.parent}, but no server announced itself there.")


def _read_key(file: Path) -> str | None:
    with suppress(OSError):
        return file.read_text() or None
    return None
