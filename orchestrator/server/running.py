"""A server as the settings want it: on its data folder and its port, told to the commands of this machine."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Protocol

from orchestrator.server.access.opening import Access
from orchestrator.server.access.quota import OF_A_WORKSPACE, Quota
from orchestrator.server.announcing import Place, announcing, local_key
from orchestrator.server.app import SameBounds, open_server
from orchestrator.server.models.directory import Directory
from orchestrator.server.performers.door import Bounds, Limits, Performer
from orchestrator.server.service.files import Rules
from orchestrator.server.serving import is_loopback, listening
from orchestrator.server.telemetry.setup import instruments
from orchestrator.settings import Operating, Settings

MIB = 1024 * 1024


class Hands(Performer, Bounds, Protocol):
    """Who performs functions, and knows the limits of the assistants that have them."""


@asynccontextmanager
async def running(settings: Settings, *, models: Directory, functions: Hands | None = None) -> AsyncGenerator[Place]:
    """Serve the API on the settings' host, port and data folder for as long as the block lasts.

    Raises:
        SettingsError: the address is taken, or others can reach it and there is no key. StoreError: the data folder is
            in use.
    """
    performers = [functions] if functions else []
    bounds = functions or SameBounds(Limits(run_seconds=settings.run_seconds))
    access = Access(demanded=_who_demands_keys(settings), local=local_key(), workspace=_of_a_workspace(settings))
    async with (
        instruments(settings.operating) as observed,
        open_server(
            settings.data,
            models=models,
            performers=performers,
            bounds=bounds,
            grace=settings.operating.grace,
            runs=settings.operating.runs,
            instruments=observed,
            access=access,
            files=_file_rules(settings.operating),
        ) as server,
        listening(server.app, host=settings.host, port=settings.port, closing=server.drain) as address,
    ):
        keyring = server.services.gate.keyring
        place = Place(address=str(address), key=access.local, keys=keyring.living() if keyring.required else None)
        with announcing(settings.data, place):
            yield place


def _who_demands_keys(settings: Settings) -> str | None:
    """Why the server may not start without a key; None: it may, since only this machine reaches it."""
    if settings.require_keys:
        return "Keys are required here"
    return None if is_loopback(settings.host) else f"Other machines reach a server on {settings.host}"


def _file_rules(operating: Operating) -> Rules:
    return Rules(file=operating.file_mib * MIB, workspace=operating.files_mib * MIB)


def _of_a_workspace(settings: Settings) -> Quota:
    given = {"per_second": settings.workspace_rate, "runs": settings.workspace_concurrency}
    given["streams"] = given["runs"]
    return OF_A_WORKSPACE.but({name: value for name, value in given.items() if value is not None})
