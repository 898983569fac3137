"""The gate: who asks, for which workspace, and whether he may ask that often. No request looks into the database.

Without any key, whoever reaches the port may come in (development mode) and says himself which workspace he means.
As soon as there is a key everybody needs one, and a key opens one workspace. The operator's own commands come with a
credential that the server made for itself (`local`): it opens every workspace and has no bounds.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Callable, Mapping

from orchestrator.errors import StoreError
from orchestrator.server.access.buckets import Buckets
from orchestrator.server.access.guest import Guest, Seats
from orchestrator.server.access.keyring import Keyring
from orchestrator.server.access.quota import OF_A_KEY, OF_A_WORKSPACE, Quota
from orchestrator.server.access.secret import Secret, read
from orchestrator.server.records import Key
from orchestrator.wire.faults import BAD_KEY, NO_KEY, OTHER_WORKSPACE, Fault
from orchestrator.wire.workspaces import DEFAULT_WORKSPACE

LOOK_SECONDS = 1.0  # between two looks for new and revoked keys
NOTE_LOOKS = 30  # looks after which the times of last use are written down
TOO_OFTEN = "Requests rate limit exceeded, please try again later."
ENDED = "The key was revoked or has expired."

Headers = Mapping[str, str]  # names in lower case
_log = logging.getLogger(__name__)


class Gate:
    """Lets requests in. `start` it before use, `stop` it while the store is still open."""

    def __init__(
        self,
        keyring: Keyring,
        *,
        local: str | None = None,
        workspace: Quota = OF_A_WORKSPACE,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.seats = Seats()
        self.keyring = keyring
        self._local = local
        self._shared = workspace
        self._of_keys = Buckets(now)
        self._of_workspaces = Buckets(now)
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Learn the keys, and go on looking for changes. Raises: StoreError."""
        await self.keyring.look()
        self._looking = asyncio.create_task(self._look(), name="keys")

    async def stop(self) -> None:
        """Look no more; write down what is not written yet."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})
        await self._note_uses()

    async def admit(self, headers: Headers, named: Callable[[Headers], str | None]) -> Guest:
        """Let a request in; `named` finds the workspace that its headers name, None: they name none.

        Raises: Fault, of kind no_key, bad_key, other_workspace or slow_down.
        """
        token = _bearer(headers)
        secret = read(token)
        if self._is_local(token) or not await self._guarded(secret):
            return Guest(seats=self.seats, workspace=named(headers) or DEFAULT_WORKSPACE)
        if not token:
            raise Fault("no_key", NO_KEY)
        key = await self.keyring.find(secret) if secret else None
        if key is None:
            raise Fault("bad_key", BAD_KEY)
        if (named(headers) or key.workspace) != key.workspace:
            raise Fault("other_workspace", OTHER_WORKSPACE)
        return self._enter(key)

    def _is_local(self, token: str) -> bool:
        return self._local is not None and hmac.compare_digest(token.encode(), self._local.encode())

    async def _guarded(self, secret: Secret | None) -> bool:
        """Whether a key is needed. One that comes the moment after it was made, the first of all, is not mistaken."""
        if not self.keyring.required and secret is not None:
            await self.keyring.find(secret)
        return self.keyring.required

    def _enter(self, key: Key) -> Guest:
        """One who has a key comes in, and is counted. Raises: Fault when he came too often."""
        own = OF_A_KEY.but(key.bounds) if key.bounds else OF_A_KEY
        counted = [(self._of_keys, key.id, own), (self._of_workspaces, key.workspace, self._shared)]
        bounded = [(buckets, name, a.per_second, a.at_once) for buckets, name, a in counted if a.per_second]
        wait = max((buckets.wait(name, pace, burst) for buckets, name, pace, burst in bounded), default=0.0)
        if wait:
            raise Fault("slow_down", TOO_OFTEN, retry_after=wait)
        for buckets, name, pace, _ in bounded:
            buckets.take(name, pace)
        told = self._told(key, own)
        return Guest(
            seats=self.seats, workspace=key.workspace, key=key.id, quota=own, shared=self._shared, headers=told
        )

    def _told(self, key: Key, own: Quota) -> Headers:
        """What is left, in the headers that OpenAI's clients know."""
        if not own.per_second:
            return {}
        return {
            "x-ratelimit-limit-requests": str(own.at_once),
            "x-ratelimit-remaining-requests": str(self._of_keys.left(key.id, own.per_second, own.at_once)),
            "x-ratelimit-reset-requests": f"{self._of_keys.refill(key.id):.3f}s",
        }

    async def _look(self) -> None:
        """Again and again: learn what changed, send away whose key is dead, now and then note who was here."""
        looks = 0
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            looks += 1
            try:
                await self.keyring.look()
            except StoreError as error:
                _log.warning("the table of keys cannot be read: %s", error)
            self.seats.clear(lambda key_id: not self.keyring.lives(key_id), ENDED)
            if looks % NOTE_LOOKS == 0:
                await self._note_uses()

    async def _note_uses(self) -> None:
        try:
            await self.keyring.note_uses()
        except StoreError as error:
            _log.warning("when keys were last used cannot be noted: %s", error)


def _bearer(headers: Headers) -> str:
    """The token of `Authorization: Bearer`; empty: there is none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
