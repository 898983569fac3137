"""A gate on a real database, keys made beside it, and clocks that are moved by hand."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.server.access.gate import Gate
from orchestrator.server.access.guest import Guest
from orchestrator.server.access.issuing import Issuer
from orchestrator.server.access.keyring import Keyring
from orchestrator.server.access.opening import Access, open_gate
from orchestrator.server.store.sqlite import DATABASE, SqliteStore


@dataclass
class Time:
    now: int = 1_795_420_800_000

    def __call__(self) -> int:
        return self.now


@dataclass
class House:
    """A folder with a server's store and gate; `issuer` works beside it, as the command does."""

    store: SqliteStore
    gate: Gate
    issuer: Issuer
    time: Time
    ids: list[str] = field(default_factory=list[str])

    @property
    def keyring(self) -> Keyring:
        return self.gate.keyring

    async def enter(self, key: str | None = None, workspace: str | None = None, **headers: str) -> Guest:
        given = {"authorization": f"Bearer {key}"} if key is not None else {}
        return await self.gate.admit({**given, **headers}, lambda _: workspace)

    def key(self, workspace: str = "w", **given: Any) -> str:
        """A new key; its id is the last one in `ids`."""
        made, secret = self.issuer.create(workspace, **given)
        self.ids.append(made.id)
        return secret.text

    async def shows(self) -> Mapping[str, int | None]:
        return {key.id: key.used_at for key in self.issuer.every()}


@asynccontextmanager
async def house(data: Path, access: Access | None = None) -> AsyncIterator[House]:
    time = Time()
    store = await SqliteStore.open(data / DATABASE)
    try:
        async with open_gate(store, data, access or Access(), time) as gate:
            yield House(store, gate, Issuer(data, time), time)
    finally:
        await store.close()
