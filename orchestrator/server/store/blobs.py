"""The content of files, in a folder beside the database: one blob for each file, named by the file's id.

A blob is written under a passing name, hashed on the way, brought to disk and only then given its own name; whoever
wants a row for it writes the row after that. What is left over by a crash (a passing name, a blob without a row)
harms nobody and is swept away. Two files with the same content have two blobs, so that deleting one is simple.

All work on the disk happens in threads. Raises (everywhere): StoreError when the disk fails.
"""

from __future__ import annotations

import errno
import hashlib
import math
import os
import re
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

from anyio import CancelScope, CapacityLimiter
from anyio.to_thread import run_sync

from orchestrator.errors import DiskFull, StoreError
from orchestrator.server.ids import new_file_id
from orchestrator.server.store.snapshot import flush

T = TypeVar("T")

FOLDER = "files"  # in the data folder
CHUNK = 256 * 1024  # bytes that are written at once
READ = 64 * 1024  # bytes that are read at once: so little, that a slow reader hears of each in good time
THREADS = 4  # that work on the disk for files
LEFT_OVER_SECONDS = 24 * 3600.0  # after which what has no row is swept away
ARRIVING = "arriving"  # folder of passing names

_ID = re.compile(r"file-[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A blob that is on disk under its own name."""

    id: str
    size: int
    md5: str
    sha256: str


class Blobs:
    """The blobs of one data folder, which belongs to one server at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._threads = CapacityLimiter(THREADS)

    async def begin(self) -> Draft:
        """A new blob. Its `discard` must be called at the end, sealed or not."""
        return Draft(self, *await self.work(self._open))

    async def open(self, file_id: str) -> Reading:
        """The content, to be read in chunks; what is deleted meanwhile is read to its end."""
        return Reading(self, await self.work(lambda: self.place(file_id).open("rb")))

    async def whole(self, file_id: str) -> bytes:
        """All of a small content."""
        return await self.work(self.place(file_id).read_bytes)

    async def drop(self, file_ids: Iterable[str]) -> None:
        """Remove blobs; those that are not there are no error."""
        await self.work(lambda: [self.place(file_id).unlink(missing_ok=True) for file_id in file_ids])

    async def clear(self, seconds: float = -math.inf) -> None:
        """Remove what uploads left behind that were last written so long ago; all of it only before any upload."""
        await self.work(lambda: [file.unlink(missing_ok=True) for file in _old(self._folder / ARRIVING, seconds)])

    async def old(self) -> list[str]:
        """Ids of the blobs that have been there long enough to have a row."""
        return await self.work(self._old)

    async def work(self, job: Callable[[], T]) -> T:
        """Do something on the disk, in a thread."""
        with _explained():
            return await run_sync(job, limiter=self._threads)

    def place(self, file_id: str) -> Path:
        """Where the blob of a file lies. Only ids of our own making are ever part of a path."""
        if _ID.fullmatch(file_id) is None:
            raise ValueError("not the id of a file")
        return self._folder / file_id[5:7] / file_id

    def _open(self) -> tuple[Path, BinaryIO]:
        path = self._folder / ARRIVING / new_file_id()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path, os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", buffering=0)

    def _old(self) -> list[str]:
        folders = [folder for folder in _entries(self._folder) if folder.name != ARRIVING]
        blobs = [blob for folder in folders for blob in _old(folder, LEFT_OVER_SECONDS)]
        return [blob.name for blob in blobs if _ID.fullmatch(blob.name)]


class Reading:
    """The content of a blob in chunks. Close it."""

    def __init__(self, blobs: Blobs, source: BinaryIO) -> None:
        self._blobs = blobs
        self._source = source

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = await self._blobs.work(lambda: self._source.read(READ))
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Read no more."""
        self._source.close()


class Draft:
    """A blob while it is written: counted and hashed, and nobody's yet."""

    def __init__(self, blobs: Blobs, path: Path, file: BinaryIO) -> None:
        self.size = 0
        self._blobs = blobs
        self._path = path
        self._file = file
        self._waiting = bytearray()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()

    async def add(self, piece: bytes) -> None:
        """Append."""
        self._waiting += piece
        self.size += len(piece)
        if len(self._waiting) >= CHUNK:
            await self._blobs.work(self._write)

    async def seal(self) -> Sealed:
        """Bring the blob to disk under an id of its own."""
        return await self._blobs.work(self._seal)

    async def discard(self) -> None:
        """Leave nothing of what was not sealed; harmless when repeated."""
        with CancelScope(shield=True):
            await self._blobs.work(self._discard)

    def _write(self) -> None:
        chunk, self._waiting = self._waiting, bytearray()
        self._md5.update(chunk)
        self._sha256.update(chunk)
        view = memoryview(chunk)
        while view:
            view = view[self._file.write(view) :]

    def _seal(self) -> Sealed:
        self._write()
        os.fsync(self._file.fileno())
        self._file.close()
        file_id = new_file_id()
        place = self._blobs.place(file_id)
        if not place.parent.is_dir():
            place.parent.mkdir(mode=0o700, exist_ok=True)
            flush(place.parent.parent)
        self._path.rename(place)
        flush(place.parent)
        return Sealed(id=file_id, size=self.size, md5=self._md5.hexdigest(), sha256=self._sha256.hexdigest())

    def _discard(self) -> None:
        with suppress(OSError):  # what was not written is thrown away anyhow
            self._file.close()
        self._path.unlink(missing_ok=True)


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _old(folder: Path, seconds: float) -> list[Path]:
    """The files of a folder that were last written so long ago."""
    limit = time.time() - seconds
    return [entry for entry in _entries(folder) if entry.is_file() and _written(entry) < limit]


def _written(file: Path) -> float:
    """When a file was last written; one that went just now is not old."""
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return math.inf


@contextmanager
def _explained() -> Generator[None]:
    """A failing disk in plain words."""
    try:
        yield
    except OSError as error:
        meaning, hint = _MEANING.get(error.errno, (f"the disk refuses: {error.strerror}", None))
        kind = DiskFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else StoreError
        raise kind(f"{meaning} ({error.filename or 'content of a file'})", hint=hint) from error


_MEANING: dict[int | None, tuple[str, str | None]] = {
    errno.ENOSPC: ("the disk is full", "make room in the data folder"),
    errno.EDQUOT: ("the disk's quota is used up", "make room in the data folder"),
    errno.EIO: ("the disk failed", "see the system's log"),
    errno.EACCES: ("the data folder may not be written", "check who owns the data folder"),
    errno.EROFS: ("the data folder is read-only", "check how the disk is mounted"),
}
