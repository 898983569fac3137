"""Opens the gate of a server, if it may be opened: who must have keys and has none does not start."""

from __future__ import annotations

import shlex
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.errors import SettingsError
from orchestrator.server.access.gate import Gate
from orchestrator.server.access.keyring import Keyring
from orchestrator.server.access.quota import OF_A_WORKSPACE, Quota
from orchestrator.server.ids import Clock
from orchestrator.server.store.door import Store
from orchestrator.wire.workspaces import DEFAULT_WORKSPACE


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How a server may be entered. `demanded`: why it does not start without a key; None: it does.

    `local` is the credential of the operator's own commands; `workspace` bounds each workspace.
    """

    demanded: str | None = None
    local: str | None = field(default=None, repr=False)
    workspace: Quota = OF_A_WORKSPACE


@asynccontextmanager
async def open_gate(store: Store, data: Path, access: Access, clock: Clock) -> AsyncGenerator[Gate]:
    """A gate that lets in who has a key, as long as the block lasts; without keys, everybody.

    Raises: SettingsError when keys are demanded and none opens anything.
    """
    keyring = Keyring(store, data, clock)
    gate = Gate(keyring, local=access.local, workspace=access.workspace)
    await gate.start()
    try:
        if access.demanded is not None:
            _demand(keyring, access.demanded, data)
        yield gate
    finally:
        await gate.stop()


def _demand(keyring: Keyring, demanded: str, data: Path) -> None:
    if not keyring.living():
        raise SettingsError(
            f"{demanded}, and no key lives in {data}.",
            hint=f"orchestrator key create --workspace {DEFAULT_WORKSPACE} --data {shlex.quote(str(data))}",
        )
