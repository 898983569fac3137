"""The paths for whoever runs the server: is it alive, is it ready for work, what did it count. No secrets, no names."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from orchestrator.errors import StoreError
from orchestrator.server.life import Life
from orchestrator.server.store import runs
from orchestrator.server.store.sqlite import SqliteStore
from orchestrator.server.telemetry.tally import Tally
from orchestrator.server.worker import Worker

if TYPE_CHECKING:
    from orchestrator.server.telemetry.metrics import Exposition

PROBE_SECONDS = 2.0  # for the database to answer
FRESH_SECONDS = 1.0  # that a finding holds: who asks more often costs nothing


class Operation:
    """Answers at the root, outside of all dialects."""

    def __init__(self, store: SqliteStore, worker: Worker, tally: Tally, life: Life) -> None:
        self._store = store
        self._worker = worker
        self._tally = tally
        self._life = life
        self._probed = -FRESH_SECONDS
        self._trouble: str | None = None
        self._probing = asyncio.Lock()
        self._exposition: Exposition | None = None

    def routes(self) -> Sequence[Route]:
        """The routes."""
        return [
            Route("/healthz", self.healthz, methods=["GET"]),
            Route("/readyz", self.readyz, methods=["GET"]),
            Route("/metrics", self.metrics, methods=["GET"]),
        ]

    async def healthz(self, request: Request) -> Response:
        """Whether the server is there."""
        return JSONResponse({"status": "ok"})

    async def readyz(self, request: Request) -> Response:
        """Whether it takes on work; 503 with the reasons when it does not."""
        reasons = await self.reasons()
        if not reasons:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "unready", "reasons": reasons}, 503, headers={"retry-after": "1"})

    async def metrics(self, request: Request) -> Response:
        """Everything counted, in the text format of Prometheus."""
        if self._exposition is None:
            from orchestrator.server.telemetry.metrics import Exposition  # noqa: PLC0415 - for who wants metrics

            self._exposition = Exposition(self._tally)
        ready = not await self.reasons()
        try:
            active = await self._store.read(runs.active)
        except StoreError:
            active = {}
        body, kind = self._exposition.text(
            ready=ready, load=self._worker.load, active=active, sizes=self._store.sizes()
        )
        return Response(body, headers={"content-type": kind})

    async def reasons(self) -> list[str]:
        """Why the server takes on no work; none: it does."""
        found = ["stopping"] if self._life.stopping else []
        if not self._worker.works and not self._life.stopping:
            found.append("the worker does not run")
        trouble = await self._write()
        return [*found, trouble] if trouble else found

    async def _write(self) -> str | None:
        """What keeps the database from writing."""
        async with self._probing:
            if monotonic() - self._probed >= FRESH_SECONDS:
                self._trouble = await self._probe()
                self._probed = monotonic()
        return self._trouble

    async def _probe(self) -> str | None:
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._store.probe()
        except TimeoutError:
            return "the database does not answer"
        except StoreError as error:
            return error.message
        return None
