"""What can be done with files. Raises: Fault when a request is refused, StoreError when database or disk fail."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from orchestrator.errors import StoreError
from orchestrator.server.ids import Clock
from orchestrator.server.pictures import PICTURE_BYTES, PICTURES, data_url
from orchestrator.server.records import File
from orchestrator.server.service.seats import Seats
from orchestrator.server.store import files as table
from orchestrator.server.store.blobs import LEFT_OVER_SECONDS, Blobs, Draft, Reading, Sealed
from orchestrator.server.store.door import Store, Tx
from orchestrator.server.store.files import Sheet, Wanted
from orchestrator.wire.faults import Fault, invalid
from orchestrator.wire.files import DESCRIPTION_LENGTH, LEAST_SECONDS, MOST_SECONDS, PURPOSE, shown_name

__all__ = ["Arriving", "Files", "NewFile", "Rules", "Sheet", "Tray", "Uploaded", "Wanted"]

UPLOADS = 96  # at once; each holds a connection, half a MiB of memory and what it brings on disk
SHARE = 32  # of them that one workspace may have
BATCH = 200  # blobs whose rows are looked for at once
SWEEP_SECONDS = 24 * 3600.0  # between two looks for what nobody can reach

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Bytes that one file may have, and all files of a workspace together."""

    file: int = 512 * 1024 * 1024
    workspace: int = 10 * 1024 * 1024 * 1024


class Arriving:
    """A file of an upload while it arrives. `room`: bytes that the workspace has left for it."""

    def __init__(self, name: str, draft: Draft, *, most: int, room: int) -> None:
        self.name = shown_name(name)
        self.draft = draft
        self.fits = True
        self._size = 0
        self._most = most
        self._room = room

    async def add(self, piece: bytes) -> None:
        """More of the content. What cannot be kept is not written. Raises: Fault when the file is too large."""
        self._size += len(piece)
        if self._size > self._most:
            raise Fault("too_large", f"The file '{self.name}' is larger than {self._most} bytes.", "file")
        self.fits = self.fits and self._size <= self._room
        if self.fits:
            await self.draft.add(piece)


class Tray:
    """Where the files of one upload arrive; what is not kept goes when the upload is over."""

    def __init__(self, blobs: Blobs, rules: Rules, room: int) -> None:
        self._blobs = blobs
        self._rules = rules
        self._room = room
        self._arriving: list[Arriving] = []

    async def begin(self, name: str) -> Arriving:
        """The next file."""
        room = self._room - sum(file.draft.size for file in self._arriving)
        file = Arriving(name, await self._blobs.begin(), most=self._rules.file, room=room)
        self._arriving.append(file)
        return file

    async def clear(self) -> None:
        """Throw away what was not kept."""
        for file in self._arriving:
            await file.draft.discard()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """A file that has arrived and is to be kept. `seconds`: for how long; None: until it is deleted."""

    arrived: Arriving
    purpose: str
    description: str | None = None
    seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded:
    """What became of an upload: files that are kept, and names of those for which there was no room, with a reason."""

    files: tuple[File, ...]
    refused: tuple[tuple[str, Fault], ...]


class Files:
    """The files of all workspaces; each call concerns one workspace."""

    def __init__(self, store: Store, blobs: Blobs, clock: Clock, rules: Rules, *, seats: Seats | None = None) -> None:
        self.rules = rules
        self._store = store
        self._blobs = blobs
        self._clock = clock
        self._seats = seats or Seats(UPLOADS, SHARE, "Too many uploads are under way.")

    def over(self, store: Store) -> Files:
        """The same on another store for rows."""
        return Files(store, self._blobs, self._clock, self.rules, seats=self._seats)

    @asynccontextmanager
    async def receiving(self, workspace: str) -> AsyncGenerator[Tray]:
        """Where the files of an upload arrive, before `keep`. Raises: Fault when too many arrive already."""
        with self._seats.taken(workspace):
            taken = await self._store.read(partial(table.space, workspace=workspace, now=self._clock()))
            tray = Tray(self._blobs, self.rules, self.rules.workspace - taken)
            try:
                yield tray
            finally:
                await tray.clear()

    async def keep(self, workspace: str, news: Sequence[NewFile]) -> Uploaded:
        """Make files of what has arrived: the content is on disk before anybody hears of a file."""
        for new in news:
            _check(new)
        fitting = [(new, await new.arrived.draft.seal()) for new in news if new.arrived.fits]
        now = self._clock()
        made = [_file(workspace, new, sealed, now) for new, sealed in fitting]
        unfit = [new.arrived.name for new in news if not new.arrived.fits]
        kept, left, taken = await self._store.write(
            lambda tx: _keep(tx, workspace, made, unfit, most=self.rules.workspace, now=now)
        )
        await self._blobs.drop(file.id for file in made if file not in kept)
        return Uploaded(files=tuple(kept), refused=tuple((name, self._full(name, taken)) for name in left))

    async def get(self, workspace: str, file_id: str) -> File:
        """The file."""
        now = self._clock()
        return await self._store.read(lambda tx: table.get(tx, workspace, file_id, now))

    async def list(self, workspace: str, wanted: Wanted) -> Sheet:
        """Some files, by creation."""
        now = self._clock()
        return await self._store.read(lambda tx: table.sheet(tx, workspace, wanted, now))

    async def content(self, workspace: str, file_id: str) -> tuple[File, Reading]:
        """The file and its content."""
        file = await self.get(workspace, file_id)
        try:
            return file, await self._blobs.open(file_id)
        except StoreError:
            await self.get(workspace, file_id)  # it may have been deleted between the two looks
            raise

    async def pictures(self, workspace: str, file_ids: Sequence[str]) -> Mapping[str, str]:
        """Data URLs of those files that are images, by id; of the first ones, as long as there is room."""
        if not file_ids:
            return {}
        now, wanted = self._clock(), list(dict.fromkeys(file_ids))[:PICTURES]
        found = await self._store.read(lambda tx: table.find(tx, workspace, wanted, now))
        files = {file.id: file for file in found}
        urls: dict[str, str] = {}
        room = PICTURE_BYTES
        for file in (files[file_id] for file_id in wanted if file_id in files):
            url = await self._picture(file) if file.size <= room else None
            if url is not None:
                urls[file.id] = url
                room -= file.size
        return urls

    async def _picture(self, file: File) -> str | None:
        try:
            data = await self._blobs.whole(file.id)
        except StoreError as error:  # it was deleted just now, or the disk fails: the run can do without
            _log.warning("the content of a file cannot be shown to a model: %s", error)
            return None
        return data_url(data)

    async def delete(self, workspace: str, file_id: str) -> None:
        """Delete the file; who refers to it goes on doing so."""
        now = self._clock()
        await self._store.write(lambda tx: table.delete(tx, workspace, file_id, now))
        await self._blobs.drop([file_id])

    @asynccontextmanager
    async def tidied(self) -> AsyncGenerator[None]:
        """Clear away what a former life left behind, at once and every day, as long as the block lasts."""
        await self._blobs.clear()
        task = asyncio.create_task(self._tidy(), name="files")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def sweep(self) -> None:
        """Remove what nobody can reach: files whose time is over, and content that has been without a row for a day."""
        now = self._clock()
        await self._blobs.drop(await self._store.write(lambda tx: table.expire(tx, now)))
        await self._blobs.clear(LEFT_OVER_SECONDS)
        old = await self._blobs.old()
        for start in range(0, len(old), BATCH):
            batch = old[start : start + BATCH]
            held = await self._store.read(partial(table.held, file_ids=batch))
            await self._blobs.drop(file_id for file_id in batch if file_id not in held)

    async def _tidy(self) -> None:
        while True:
            try:
                await self.sweep()
            except Exception:  # noqa: BLE001 - the next look may go well
                _log.exception("the look for files that nobody can reach failed")
            await asyncio.sleep(SWEEP_SECONDS)

    def _full(self, name: str, taken: int) -> Fault:
        of = self.rules.workspace
        return Fault("too_large", f"There is no room for '{name}': {taken} of {of} bytes are used in this workspace.")


def _keep(
    tx: Tx, workspace: str, files: Sequence[File], unfit: Sequence[str], *, most: int, now: int
) -> tuple[list[File], list[str], int]:
    """Write rows as long as there is room.

    Those written, the names of all that are left out (`unfit` were before), and the bytes that are taken then.
    """
    taken = table.space(tx, workspace, now)
    kept: list[File] = []
    for file in files:
        if taken + file.size <= most:
            table.insert(tx, file)
            kept.append(file)
            taken += file.size
    left = [*unfit, *(file.name for file in files if file not in kept)]
    return kept, left, taken


def _file(workspace: str, new: NewFile, sealed: Sealed, now: int) -> File:
    return File(
        id=sealed.id,
        workspace=workspace,
        created_at=now,
        name=new.arrived.name,
        size=sealed.size,
        md5=sealed.md5,
        sha256=sealed.sha256,
        purpose=new.purpose,
        description=new.description,
        expires_at=None if new.seconds is None else now + 1000 * new.seconds,
    )


def _check(new: NewFile) -> None:
    if PURPOSE.fullmatch(new.purpose) is None:
        raise invalid("A purpose is a short word of letters, digits, '-' and '_'.", "purpose")
    if new.description is not None and len(new.description) > DESCRIPTION_LENGTH:
        raise invalid(f"A description has at most {DESCRIPTION_LENGTH} characters.", "descriptions")
    if new.seconds is not None and not LEAST_SECONDS <= new.seconds <= MOST_SECONDS:
        raise invalid(f"A file may expire {LEAST_SECONDS} to {MOST_SECONDS} seconds after its upload.", "expires_after")
