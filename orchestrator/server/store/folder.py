"""The data folder belongs to one server at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from orchestrator.errors import FolderInUse, StoreError

LOCK = "lock"  # file in the data folder, locked by whoever has it
UNFINISHED = "restore.part"  # folder in the data folder, as long as a restore is under way


class Hold:
    """The right to use a folder, until released or until this process ends, however it ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Let the next one in; harmless when repeated."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def hold(folder: Path) -> Hold:
    """Take the folder, which is made when missing. Raises: StoreError that names the process that has it."""
    lock = folder / LOCK
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"the data folder {folder} cannot be used: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
    except OSError as error:
        holder = os.pread(descriptor, 32, 0).decode(errors="replace") or "unknown"
        os.close(descriptor)
        if not isinstance(error, BlockingIOError):
            raise StoreError(f"{lock} cannot be locked: {error.strerror}") from error
        raise FolderInUse(
            f"another server uses the data folder {folder} (process {holder})",
            hint="stop it, or choose another data folder",
        ) from error
    return Hold(descriptor)
