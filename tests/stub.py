"""A small Assistant API on a real port of this machine, with scripted faults, and a clock that does not wait."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from orchestrator.targets import HttpTarget, open_target
from orchestrator.wire.faults import MISSING

KEY = "sk-canary-key"
BASES = {"dashscope": "/api/v1", "openai": "/v1"}
Fault = Callable[[Request], Response | None]  # None: the request is carried out


@dataclass
class FakeTime:
    """Seconds that pass only when somebody sleeps."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@dataclass
class Stub:
    """Objects by id; `log` all requests; `faults` are used up one per request, before it is carried out.

    `losses` are numbers of requests (from 1) that are carried out, and whose answer is then cut off.
    """

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    log: list[tuple[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    faults: list[Fault | None] = field(default_factory=list)
    losses: set[int] = field(default_factory=set)
    page: Callable[[Request], Response] | None = None
    busiest: int = 0
    delay: float = 0.0  # before a request is carried out
    slow_answer: float = 0.0  # after it was
    url: str = ""
    _busy: int = 0
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def count(self, method: str) -> int:
        return sum(one == method for one, _ in self.log)

    def add(self, **fields: Any) -> dict[str, Any]:
        number = next(self._numbers)
        made = {**fields, "id": f"asst_{number:04}", "object": "assistant", "created_at": number}
        self.objects[made["id"]] = made
        return made

    async def answer(self, request: Request) -> Response:
        self.log.append((request.method, request.scope["path"].removeprefix("/api/v1")))
        self.headers.append(dict(request.headers))
        number = len(self.log)
        body = await request.body()
        self._busy += 1
        self.busiest = max(self.busiest, self._busy)
        await asyncio.sleep(self.delay)
        self._busy -= 1
        fault = self.faults.pop(0) if self.faults else None
        refused = fault(request) if fault else None
        response = refused or self._carry_out(request, body)
        await asyncio.sleep(self.slow_answer)
        return broken(b'{"id": "asst_') if number in self.losses else response

    def _carry_out(self, request: Request, body: bytes) -> Response:
        key = request.path_params.get("id")
        if key is None:
            return js(self.add(**orjson.loads(body))) if request.method == "POST" else self._list(request)
        if key not in self.objects:
            return refusal(400, "InvalidParameter", MISSING["assistant"])
        return self._item(request, key, body)

    def _item(self, request: Request, id: str, body: bytes) -> Response:
        if "file" in request.path_params:  # a file is taken away
            files = [file for file in self.objects[id]["file_ids"] if file != request.path_params["file"]]
            self.objects[id]["file_ids"] = files
            return js({"id": request.path_params["file"], "object": "assistant.file.deleted", "deleted": True})
        if request.method == "DELETE":
            del self.objects[id]
            return js({"id": id, "object": "assistant.deleted", "deleted": True})
        if request.method == "POST":
            changes = {k: v for k, v in orjson.loads(body).items() if v is not None}
            if changes.get("file_ids") == []:
                del changes["file_ids"]
            self.objects[id] |= changes
        return js(self.objects[id])

    def _list(self, request: Request) -> Response:
        if self.page:
            return self.page(request)
        query = request.query_params
        found = list(self.objects.values())
        if query.get("after"):
            found = [one for one in found if one["id"] > query["after"]]
        limit = int(query.get("limit", "20"))
        return js(listed(found[:limit], more=len(found) > limit))

    def app(self) -> Starlette:
        paths = ("/api/v1/assistants", "/api/v1/assistants/{id}", "/api/v1/assistants/{id}/files/{file}")
        return Starlette(routes=[Route(path, self.answer, methods=["GET", "POST", "DELETE"]) for path in paths])


def js(value: Any, status: int = 200, **headers: str) -> Response:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Response(orjson.dumps(value), status, named, "application/json")


def listed(data: Any, *, more: Any) -> dict[str, Any]:
    return {"object": "list", "data": data, "has_more": more, "request_id": "r"}


def refusal(status: int, code: str, message: str = "No.", **headers: str) -> Response:
    return js({"code": code, "message": message, "request_id": "r-9"}, status, **headers)


def broken(part: bytes) -> Response:
    """Promises more than it sends: the connection is cut in the body."""

    async def body() -> AsyncIterator[bytes]:
        yield part

    return StreamingResponse(body(), 200, {"content-length": "5000"}, "application/json")


def html(status: int = 200) -> Response:
    return Response("<html><body>Sign in, please</body></html>", status, media_type="text/html")


class _Server(uvicorn.Server):
    """Tells when it listens, and leaves signals alone."""

    def __init__(self, app: Any) -> None:
        super().__init__(uvicorn.Config(app, port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
        self.listening = asyncio.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    def capture_signals(self) -> Any:
        return nullcontext()


@asynccontextmanager
async def serving(app: Any) -> AsyncGenerator[str]:
    """Any ASGI application on a free port; its address."""
    server = _Server(app)
    task = asyncio.create_task(server.serve())
    try:
        await server.listening.wait()
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def opened(
    url: str, time: FakeTime | None = None, *, dialect: str = "dashscope", **options: Any
) -> AsyncGenerator[HttpTarget]:
    time = time or FakeTime()
    given = {"api_key": KEY, "timeout": 5.0, "sleep": time.sleep, "clock": time.clock, "random": lambda: 1.0, **options}
    target = open_target(dialect, f"{url}{BASES[dialect]}", **given)
    try:
        yield target
    finally:
        await target.close()
