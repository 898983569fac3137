"""The pepper: random bytes in a file of their own in the data folder, without which the table of keys is of no use."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from orchestrator.errors import StoreError
from orchestrator.server.store.snapshot import flush

FILE = "keys.pepper"  # in the data folder, for its owner alone
_BYTES = 32


def load(data: Path) -> bytes | None:
    """The pepper of a data folder; None: there is none yet. Raises: StoreError."""
    file = data / FILE
    try:
        pepper = bytes.fromhex(file.read_text(encoding="ascii"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StoreError(f"{file} cannot be read: {error}", hint="restore it from a backup") from error
    if len(pepper) != _BYTES:
        raise StoreError(f"{file} is damaged", hint="restore it from a backup")
    return pepper


def load_or_make(data: Path) -> bytes:
    """The pepper of a data folder, on disk when this returns. Raises: StoreError."""
    return load(data) or _make(data) or load_or_make(data)


def _make(data: Path) -> bytes | None:
    """A new pepper; None: somebody else made one meanwhile. It appears whole or not at all."""
    pepper = secrets.token_bytes(_BYTES)
    draft = data / f"{FILE}.{secrets.token_hex(8)}"
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(pepper.hex())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, data / FILE)
        except FileExistsError:
            return None
        finally:
            draft.unlink()
        flush(data)
    except OSError as error:
        raise StoreError(f"{data / FILE} cannot be written: {error.strerror}") from error
    return pepper
