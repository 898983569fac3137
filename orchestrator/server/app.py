"""The server put together: store, worker and services behind one ASGI application. Here its parts are chosen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from orchestrator.server.access.opening import Access, open_gate
from orchestrator.server.dialects import DIALECTS
from orchestrator.server.dialects.dialect import Dialect
from orchestrator.server.exchange import Endpoint, Services
from orchestrator.server.hub import Audience, Hub
from orchestrator.server.ids import Clock, system_clock
from orchestrator.server.models.door import Models
from orchestrator.server.once import Repeats
from orchestrator.server.openapi import document
from orchestrator.server.operation import Operation
from orchestrator.server.performers import PERFORMERS
from orchestrator.server.performers.door import Bounds, Limits, Performer
from orchestrator.server.records import Assistant
from orchestrator.server.routes import routes
from orchestrator.server.service.assistants import Assistants
from orchestrator.server.service.files import Files, Rules
from orchestrator.server.service.histories import Histories
from orchestrator.server.service.runs import Runs
from orchestrator.server.service.threads import Threads
from orchestrator.server.service.usage import Usage
from orchestrator.server.store.blobs import FOLDER, Blobs
from orchestrator.server.store.sqlite import DATABASE, SqliteStore
from orchestrator.server.stream import KEEPALIVE_SECONDS
from orchestrator.server.telemetry.alarms import WalAlarm
from orchestrator.server.telemetry.instruments import Instruments
from orchestrator.server.worker import RUNS, Worker

DRAIN_SECONDS = 5.0  # that turns under way get when the server stops


class SameBounds:
    """The same limits for every assistant."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()

    def limits(self, assistant: Assistant) -> Limits:
        """The limits."""
        return self._limits


class Server:
    """A running server without a port. `services` are for whoever is in the same process."""

    def __init__(self, app: Starlette, services: Services, worker: Worker, grace: float) -> None:
        self.app = app
        self.services = services
        self._worker = worker
        self._grace = grace
        self._draining: asyncio.Task[None] | None = None

    async def drain(self) -> None:
        """Begin to stop: nothing new is taken on, turns under way may end, then streams are closed.

        What is not over goes on another time.
        """
        self.services.life.stopping = True
        if self._draining is None:
            self._draining = asyncio.create_task(self._worker.stop(self._grace))
        await asyncio.shield(self._draining)


@asynccontextmanager
async def open_server(
    data: Path,
    *,
    models: Models,
    performers: Sequence[Performer] = (),
    bounds: Bounds | None = None,
    clock: Clock = system_clock,
    keepalive: float = KEEPALIVE_SECONDS,
    grace: float = DRAIN_SECONDS,
    instruments: Instruments | None = None,
    more: Sequence[BaseRoute] = (),
    files: Rules | None = None,
    access: Access | None = None,
    runs: int = RUNS,
) -> AsyncGenerator[Server]:
    """A server on the data folder, which is made when missing, working as long as the block lasts.

    `performers` come before those that the server has itself; `more` are further routes (a playground, say). `grace`:
    seconds that turns under way get when it stops. `files` says how large files may be, `runs` how many are carried out
    at a time. The models stay the caller's.

    Raises: StoreError when the folder is in use or the database is damaged, SettingsError when `access` demands keys
    and there are none.
    """
    bounds = bounds or SameBounds()
    instruments = instruments or Instruments()
    hub = Hub(live=True)
    store = await SqliteStore.open(data / DATABASE, Audience(instruments.tally, hub))
    try:
        hands = (*performers, *PERFORMERS)
        kept = Files(store, Blobs(data / FOLDER), clock, files or Rules())
        worker = Worker(
            store,
            hub,
            models=models,
            performers=hands,
            bounds=bounds,
            clock=clock,
            instruments=instruments,
            pictures=kept,
            limit=runs,
        )
        repeats = Repeats(store, clock)
        async with open_gate(store, data, access or Access(), clock) as gate:
            services = Services(
                assistants=Assistants(store, clock),
                threads=Threads(store, clock),
                runs=Runs(store, queue=worker, hub=hub, bounds=bounds, clock=clock),
                files=kept,
                usage=Usage(store, clock),
                histories=Histories(store),
                gate=gate,
                instruments=instruments,
                repeats=repeats,
            )
            operation = Operation(store, worker, instruments.tally, services.life)
            await worker.start()
            app = create_app(services, keepalive=keepalive, more=(*operation.routes(), *more))
            server = Server(app, services, worker, grace)
            async with services.files.tidied(), repeats.swept(), WalAlarm(store.sizes).watching():
                try:
                    yield server
                finally:
                    await server.drain()
    finally:
        await store.close()


def create_app(
    services: Services,
    *,
    dialects: Sequence[Dialect] = DIALECTS,
    keepalive: float = KEEPALIVE_SECONDS,
    more: Sequence[BaseRoute] = (),
) -> Starlette:
    """The ASGI application: every dialect below its base, `/openapi.json`, and `more`.

    A path that is nobody's is answered in the words of the first dialect.
    """
    mounts = [routes(dialect, services, keepalive=keepalive) for dialect in dialects]
    about = Route("/openapi.json", described(dialects, services), methods=["GET"])
    app = Starlette(routes=[*mounts, about, *more])
    app.router.redirect_slashes = False
    app.router.default = Endpoint(services, dialects[0], {}, route="/…", keepalive=keepalive)
    return app


def described(dialects: Sequence[Dialect], services: Services) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint that describes all the others; the document is made when somebody asks for it first."""

    @cache
    def made(guarded: bool) -> bytes:
        return orjson.dumps(document(dialects, guarded=guarded))

    async def openapi(request: Request) -> Response:
        return Response(made(services.gate.keyring.required), media_type="application/json")

    return openapi
