"""The keys of a running server, in memory. What the table says is seen within a second, without a look per request.

`orchestrator key` writes to the table beside the running server. A key that is not known yet is looked for at once:
whoever made one may use it the next moment. Wrong keys of the right form share such looks.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

from orchestrator.errors import StoreError
from orchestrator.server.access import pepper
from orchestrator.server.access.secret import Secret, matches
from orchestrator.server.ids import Clock
from orchestrator.server.records import Key
from orchestrator.server.store import keys
from orchestrator.server.store.door import Store
from orchestrator.server.store.keys import Change

PAUSE = 0.05  # seconds between two looks for unknown keys

_log = logging.getLogger(__name__)


class Keyring:
    """Look once before use. Times are the clock's; pauses are those of `now`, in seconds.

    `required`: a key is needed, as soon as there is one; and from then on, even when none lives any more.
    """

    def __init__(self, store: Store, data: Path, clock: Clock, *, now: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._data = data
        self._clock = clock
        self._now = now
        self._keys: dict[str, Key] = {}
        self._seen = 0  # the last change
        self.required = False
        self._pepper: bytes | None = None
        self._used: dict[str, int] = {}
        self._looked = 0.0
        self._next: asyncio.Task[None] | None = None

    def living(self) -> int:
        """How many keys open something."""
        now = self._clock()
        return sum(key.lives(now) for key in self._keys.values())

    def lives(self, key_id: str) -> bool:
        """Whether a key opens something."""
        return key_id in self._keys and self._keys[key_id].lives(self._clock())

    async def find(self, secret: Secret) -> Key | None:
        """The key that a secret opens; None: it opens nothing. The use is noted."""
        if secret.id not in self._keys:
            await self._look_again()
        key, now = self._keys.get(secret.id), self._clock()
        if key is None or self._pepper is None or not matches(self._pepper, secret.text, key.digest):
            return None
        if not key.lives(now):
            return None
        self._used[key.id] = now
        return key

    async def look(self) -> None:
        """See what is new in the table. Raises: StoreError."""
        self._looked = self._now()
        for change in await self._store.read(lambda tx: keys.changes(tx, self._seen)):
            self._keep(change)
        if self._keys and self._pepper is None:
            self._pepper = await asyncio.to_thread(pepper.load, self._data)
            if self._pepper is None:
                raise StoreError(
                    f"there are keys, but the file {pepper.FILE} is missing in {self._data}",
                    hint="restore it from a backup; or make new keys with `orchestrator key create`: old ones are lost",
                )

    async def note_uses(self) -> None:
        """Write down when keys were last used. Raises: StoreError."""
        used, self._used = self._used, {}
        if used:
            await self._store.write(lambda tx: keys.used(tx, used))

    def _keep(self, change: Change) -> None:
        self._seen = change.seq
        if change.key is None:
            self._keys.pop(change.key_id, None)
        else:
            self._keys[change.key_id] = change.key
            self.required = True

    async def _look_again(self) -> None:
        """Wait for the next look, which is shared by all who wait."""
        if self._next is None:
            self._next = asyncio.create_task(self._look_soon())
        await asyncio.shield(self._next)

    async def _look_soon(self) -> None:
        await asyncio.sleep(max(0.0, self._looked + PAUSE - self._now()))
        self._next = None  # who comes from here on may have been too late for this look
        try:
            await self.look()
        except StoreError as error:
            _log.warning("the table of keys cannot be read: %s", error)
