"""A service in memory behind the real HTTP target: faults by a script, lists that lag, and time that jumps."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random
from typing import Any

import httpx2
import orjson

from orchestrator.reconcile.desired import Desired
from orchestrator.reconcile.plans import Plan, plan
from orchestrator.reconcile.recording import Recorder
from orchestrator.reconcile.results import Pace, Result, apply
from orchestrator.reconcile.writing import Patience
from orchestrator.targets import HttpTarget
from orchestrator.targets.asking import Asker
from orchestrator.targets.dashscope import DashScope
from orchestrator.transport import Client
from orchestrator.wire.faults import MISSING

KEY = "sk-canary-of-the-faults"
OWNER = "shop/production"
ROOT = "/api/v1/assistants"
Reply = Callable[[httpx2.Request], httpx2.Response]  # may raise what a connection raises


@dataclass(frozen=True)
class Fault:
    """Instead of an answer. `commits`: the request is carried out all the same; `seconds` pass before it is told."""

    name: str
    reply: Reply
    commits: bool = False
    seconds: float = 0.0

    def __str__(self) -> str:
        return self.name


Script = Callable[[int, httpx2.Request], Fault | None]  # by the number of the request, from 1


def never(_number: int, _request: httpx2.Request) -> None:
    return None


def at(numbers: Iterable[int], fault: Fault) -> Script:
    """The fault at these requests."""
    chosen = frozenset(numbers)
    return lambda number, _: fault if number in chosen else None


def of(method: str, fault: Fault) -> Script:
    """The fault at every request of a method."""
    return lambda _, request: fault if request.method == method else None


def often(faults: Sequence[Fault], share: float, seed: int) -> Script:
    """Some of the requests, by chance; the same ones for the same seed."""
    dice = Random(seed)
    return lambda _number, _request: dice.choice(faults) if dice.random() < share else None


@dataclass(frozen=True)
class Asked:
    at: float
    method: str
    path: str
    attempt: str


@dataclass
class Service(httpx2.AsyncBaseTransport):
    """Assistants by id. `lag`: seconds until a list shows a new one; `latency`: of each request; `page`: of a list."""

    script: Script = never
    latency: float = 0.0
    lag: float = 0.0
    page: int = 100
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    log: list[Asked] = field(default_factory=list)
    shown_from: dict[str, float] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        body = await request.aread()
        loop = asyncio.get_running_loop()
        self.log.append(Asked(loop.time(), request.method, request.url.path, attempt_of(body)))
        fault = self.script(len(self.log), request)
        await asyncio.sleep(self.latency)
        if fault is None:
            return self.carry_out(request, body, loop.time())
        if fault.commits:
            self.carry_out(request, body, loop.time())
        await asyncio.sleep(fault.seconds)
        return fault.reply(request)

    def carry_out(self, request: httpx2.Request, body: bytes, now: float) -> httpx2.Response:
        id_ = request.url.path.removeprefix(ROOT).strip("/")
        if not id_:
            return self._list(request, now) if request.method == "GET" else js(self.add(orjson.loads(body), now))
        if id_ not in self.objects:
            return js({"code": "InvalidParameter", "message": MISSING["assistant"]}, 400)
        if request.method == "DELETE":
            del self.objects[id_]
            return js({"id": id_, "deleted": True})
        if request.method == "POST":
            self.objects[id_] |= {k: v for k, v in orjson.loads(body).items() if v is not None}
        return js(self.objects[id_])

    def add(self, wire: dict[str, Any], now: float = 0.0) -> dict[str, Any]:
        number = next(self._numbers)
        made = {**wire, "id": f"asst_{number:05}", "object": "assistant", "created_at": number}
        self.objects[made["id"]] = made
        self.shown_from[made["id"]] = now + self.lag
        return made

    def _list(self, request: httpx2.Request, now: float) -> httpx2.Response:
        after = request.url.params.get("after", "")
        found = [o for i, o in self.objects.items() if i > after and self.shown_from[i] <= now]
        return js({"data": found[: self.page], "has_more": len(found) > self.page})

    def sent(self, method: str, path: str = "") -> list[Asked]:
        """The requests of a method; `path`: only to the collection."""
        return [one for one in self.log if one.method == method and (not path or one.path == path)]

    def creates(self) -> list[Asked]:
        return self.sent("POST", ROOT)

    def marks(self) -> list[tuple[str, str]]:
        """Owner and manifest of every object that has a mark."""
        marks = [orjson.loads(o["metadata"]["orchestrator"]) for o in self.objects.values() if _marked(o)]
        return sorted((mark["owner"], mark["name"]) for mark in marks)

    def names(self, owner: str = OWNER) -> list[str]:
        return [name for whose, name in self.marks() if whose == owner]


def _marked(one: dict[str, Any]) -> bool:
    text = (one.get("metadata") or {}).get("orchestrator", "")
    return isinstance(text, str) and text.startswith("{")


def attempt_of(body: bytes) -> str:
    """The attempt in the mark that a request carries."""
    try:
        return str(orjson.loads(orjson.loads(body)["metadata"]["orchestrator"])["try"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return ""


def js(value: Any, status: int = 200, **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): text for name, text in headers.items()} | {"content-type": "application/json"}
    return httpx2.Response(status, content=orjson.dumps(value), headers=named)


# ---- faults


def refusal(status: int, code: str = "", **headers: str) -> Fault:
    body = {"code": code, "message": f"no, {KEY}"}
    return Fault(f"{status} {code}".strip(), lambda _: js(body, status, **headers))


def in_seconds(seconds: int) -> Fault:
    return refusal(429, "Throttling", Retry_After=str(seconds))


def until_a_date(seconds: int) -> Fault:
    def reply(_: httpx2.Request) -> httpx2.Response:
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds + 1), usegmt=True)
        return js({"code": "Throttling", "message": "slow"}, 429, Retry_After=date)

    return Fault("429 with a date", reply)


def raising(kind: type[httpx2.TransportError], *, commits: bool = False, seconds: float = 0.0) -> Fault:
    def reply(request: httpx2.Request) -> httpx2.Response:
        raise kind("the wire", request=request)

    when = "after" if commits else "before"
    return Fault(f"{kind.__name__} {when} the commit", reply, commits, seconds)


def answering(name: str, content: bytes, media: str = "application/json", *, commits: bool = True) -> Fault:
    """A 200 that says something else than it should; what was asked for is done."""
    return Fault(name, lambda _: httpx2.Response(200, content=content, headers={"content-type": media}), commits)


class _CutOff(httpx2.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b'{"id": "asst_'
        raise httpx2.RemoteProtocolError("peer closed the connection without sending the whole body")


CUT = Fault("cut in the body", lambda _: httpx2.Response(200, stream=_CutOff()), commits=True)
LOST = raising(httpx2.ReadError, commits=True)
BURST = [refusal(429, "Throttling"), *[refusal(status) for status in (500, 502, 503, 504)]]
MALFORMED = [
    answering("a web page", b"<html>Sign in, please</html>", "text/html"),
    answering("cut JSON", b'{"id": "asst_'),
    answering("nothing", b""),
    answering("no UTF-8", b"\xff\xfe"),
    answering("no id", b'{"object": "assistant", "data": [{"model": "m"}]}'),
    answering("an id of the wrong type", b'{"id": 7, "data": [{"id": 7}]}'),
    answering("wrong types", b'{"id": "asst_1", "tools": 7, "metadata": "x", "data": {"a": 1}, "has_more": "yes"}'),
    answering("a list", b"[1, 2]"),
    answering("null", b"null"),
    answering("20 MB", b'{"id": "' + b"x" * 20_000_000),
    CUT,
]


# ---- the client's side


def target_of(service: Service, *, concurrency: int = 16, seed: int = 1) -> HttpTarget:
    """The product's target with nothing replaced but the wire and the clock."""
    dialect = DashScope()
    headers = dialect.headers(key=KEY, workspace=None)
    asker = Asker(
        Client("http://127.0.0.1/api/v1", headers=headers, transport=service),
        dialect,
        concurrency=concurrency,
        secrets=[KEY],
        sleep=asyncio.sleep,
        clock=asyncio.get_running_loop().time,
        random=Random(seed).random,
    )
    return HttpTarget(asker, dialect)


_attempts = itertools.count(1)


async def converge(
    service: Service,
    wanted: Sequence[Desired],
    *,
    prune: bool = False,
    grace: float = 60.0,
    concurrency: int = 16,
    recorder: Recorder | None = None,
) -> tuple[Plan, list[Result]]:
    """One apply as a command does it, over the wire."""
    target = target_of(service, concurrency=concurrency)
    planned = plan(wanted, await target.observe(), owner=OWNER, prune=prune)
    clock = asyncio.get_running_loop().time
    results = await apply(
        planned,
        target,
        new_attempt=lambda: f"try-{next(_attempts)}",
        recorder=recorder,
        pace=Pace(concurrency=concurrency),
        patience=Patience(grace=grace, sleep=asyncio.sleep, clock=clock),
    )
    await target.close()
    return planned, results
