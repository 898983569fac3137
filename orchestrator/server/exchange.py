"""One request and its answer: limits of what is read, who is asked, and how every refusal becomes an answer."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from urllib.parse import parse_qsl, urlsplit

import orjson
from starlette.types import Receive, Scope, Send

from orchestrator.errors import DiskFull, StoreError
from orchestrator.server.access.gate import Gate
from orchestrator.server.access.guest import Guest
from orchestrator.server.bodies import BODY, Gone, Incoming
from orchestrator.server.content import Content, pour
from orchestrator.server.dialects.dialect import Answers, Dialect, Out, Reply, Requests
from orchestrator.server.dialects.fields import as_body
from orchestrator.server.fingerprints import Passing, of_json
from orchestrator.server.life import Life
from orchestrator.server.once import HEADER, REPLAYED, Repeats
from orchestrator.server.records import Json
from orchestrator.server.service.assistants import Assistants
from orchestrator.server.service.files import Files
from orchestrator.server.service.histories import Histories
from orchestrator.server.service.runs import Runs
from orchestrator.server.service.threads import Threads
from orchestrator.server.service.usage import Usage
from orchestrator.server.store.door import Store
from orchestrator.server.stream import Told, tell
from orchestrator.server.telemetry import trail
from orchestrator.server.telemetry.alarms import Seldom
from orchestrator.server.telemetry.instruments import Instruments
from orchestrator.server.telemetry.visit import Visit
from orchestrator.wire.depth import DEPTH, too_deep
from orchestrator.wire.faults import Fault, invalid

_READS = ("GET", "HEAD")

STOPPING = "The server is stopping; ask again in a moment."
_FULL = Fault("full", "The server's disk is full; what is there can still be read.", retry_after=5)
_UNAVAILABLE = Fault("unavailable", "The server's database cannot be used at the moment.", retry_after=1)
_log = logging.getLogger(__name__)
_troubled = Seldom()  # a full disk refuses every request; one line a minute says so


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the routes sit on."""

    assistants: Assistants
    threads: Threads
    runs: Runs
    files: Files
    histories: Histories
    usage: Usage
    gate: Gate
    instruments: Instruments = field(default_factory=Instruments)
    life: Life = field(default_factory=Life)
    repeats: Repeats | None = None

    def over(self, store: Store) -> Services:
        """The same services on another store."""
        return replace(
            self,
            assistants=self.assistants.over(store),
            threads=self.threads.over(store),
            runs=self.runs.over(store),
            files=self.files.over(store),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request: the ids in its path, its query, its headers (names in lower case), its body, and who answers.

    `data` is the body as it came, None when it is too large; a `Streamed` verb takes `pieces` instead.
    """

    services: Services
    dialect: Dialect
    guest: Guest
    ids: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    scheme: str
    data: bytes | None
    incoming: Incoming

    @property
    def workspace(self) -> str:
        """The workspace that is meant."""
        return self.guest.workspace

    @property
    def body(self) -> Json:
        """The JSON body. Raises: Fault."""
        if self.data is None:
            raise Fault("too_large", f"The request body is larger than {BODY} bytes.")
        return parse(self.data)

    @property
    def pieces(self) -> AsyncGenerator[bytes]:
        """The body as it arrives, of any size, once. Raises: Fault when it comes too slowly."""
        return self.incoming.pieces()

    @property
    def origin(self) -> str:
        """The server as the client sees it: `http://host:port`."""
        return f"{self.scheme}://{self.headers.get('host', 'localhost')}"

    @property
    def reads(self) -> Requests:
        """How the dialect reads."""
        return self.dialect.requests

    @property
    def shows(self) -> Answers:
        """How the dialect shows."""
        return self.dialect.answers


Answer = Out | Told | Content
Verb = Callable[[Ask], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Streamed:
    """A verb that reads the body itself, from `ask.pieces`, instead of having it read into memory."""

    verb: Verb

    def __call__(self, ask: Ask) -> Awaitable[Answer]:
        return self.verb(ask)


class Endpoint:
    """The ASGI application of one path in one dialect: `verbs` by HTTP method; `route` is the path's template."""

    def __init__(
        self, services: Services, dialect: Dialect, verbs: Mapping[str, Verb], *, route: str, keepalive: float
    ) -> None:
        self._services = services
        self._dialect = dialect
        self._verbs = verbs
        self._keepalive = keepalive
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; nothing that goes wrong before the answer begins leaves here as an exception."""
        visiting = Visit(self._services.instruments, self._dialect.name, self._route, scope, send)
        with visiting as visit, ExitStack() as stack:
            await self._serve(scope, receive, visit, stack)

    async def _serve(self, scope: Scope, receive: Receive, visit: Visit, stack: ExitStack) -> None:
        try:
            guest, answer = await self._answer(scope, receive, visit, stack)
        except Gone:
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            await _send(visit.send, self._refusal(error, visit.request_id))
            return
        if isinstance(answer, Told):
            with visit.streaming():
                telling = self._dialect.telling(visit.request_id)
                await tell(answer, telling, receive, visit.send, keepalive=self._keepalive, stay=guest.stay)
        elif isinstance(answer, Content):
            signature = self._dialect.answers.signed({}, visit.request_id).headers
            await pour(answer, signature, receive, visit.send, stay=guest.stay)
        else:
            await _send(visit.send, self._dialect.answers.signed(answer, visit.request_id), guest.headers)

    async def _answer(self, scope: Scope, receive: Receive, visit: Visit, stack: ExitStack) -> tuple[Guest, Answer]:
        """What to answer, and to whom; he leaves with the stack."""
        headers = _headers(scope)
        incoming = Incoming(receive, asks_first="expect" in headers)
        try:
            guest = await self._services.gate.admit(headers, self._dialect.requests.workspace)
            stack.callback(guest.leave)
            trail.workspace.set(guest.workspace)
            answer = await self._carry_out(scope, headers, guest, incoming, visit)
            await _seat(guest, answer)
            return guest, answer
        except Fault:
            await incoming.swallow()
            raise

    async def _carry_out(
        self, scope: Scope, headers: Mapping[str, str], guest: Guest, incoming: Incoming, visit: Visit
    ) -> Answer:
        verb = self._verbs.get(scope["method"])
        whole = scope["method"] == "POST" and not isinstance(verb, Streamed)
        data = await incoming.whole() if whole else b""
        if verb is None:
            raise self._dialect.nowhere(scope["method"], scope["path"])
        if self._services.life.stopping and scope["method"] not in _READS:
            raise Fault("unavailable", STOPPING, retry_after=5)
        _refuse_other_sites(headers)
        trail.about_run(scope["path_params"].get("run"))
        ask = Ask(
            services=self._services,
            dialect=self._dialect,
            guest=guest,
            ids=scope["path_params"],
            query=_query(scope),
            headers=headers,
            scheme=scope["scheme"],
            data=data,
            incoming=incoming,
        )
        if HEADER in headers and scope["method"] == "POST":
            return await self._once(verb, ask, _target(scope), visit)
        return await verb(ask)

    async def _once(self, verb: Verb, ask: Ask, target: str, visit: Visit) -> Answer:
        """Carry out a request that may have been carried out before."""
        if self._services.repeats is None:
            return await verb(ask)
        if ask.data is None or not isinstance(verb, Streamed):
            request = partial(of_json, target, ask.data or b"")
        else:
            passing = Passing(target, ask.headers.get("content-type", ""))
            ask.incoming.passing, request = passing.feed, passing.digest
        once = self._services.repeats.once(ask.workspace, ask.headers[HEADER], request)
        answer = await verb(replace(ask, services=self._services.over(once)))
        if once.replayed:
            visit.mark(REPLAYED, "true")
        return answer

    def _refusal(self, error: Exception, request_id: str) -> Reply:
        answers = self._dialect.answers
        if isinstance(error, Fault):
            return answers.refusal(error, request_id)
        if isinstance(error, StoreError):
            if _troubled.now():
                _log.error("the database cannot be used: %s", error)
            return answers.refusal(_FULL if isinstance(error, DiskFull) else _UNAVAILABLE, request_id)
        _log.error("a request failed inside the server", exc_info=error)
        return answers.refusal(Fault("internal", "An internal error has occurred."), request_id)


async def _seat(guest: Guest, answer: Answer) -> None:
    """See that an answer which takes its time has a place among the open streams. Raises: Fault."""
    source = answer.events if isinstance(answer, Told) else answer.chunks if isinstance(answer, Content) else None
    if source is not None:
        try:
            guest.sit()
        except Fault:
            await source.aclose()
            raise


def parse(data: bytes) -> Json:
    """A body as a JSON object; what is no object counts as an empty one. Raises: Fault."""
    if not data.strip():
        return {}
    try:
        value: object = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise invalid(f"The request body is not valid JSON: {error}.") from error
    if too_deep(data, value):
        raise invalid(f"The request body is nested deeper than {DEPTH} levels.")
    return as_body(value)


def _target(scope: Scope) -> str:
    """Where a request goes, in this dialect."""
    return f"{scope['path']}?{scope['query_string'].decode('latin-1')}"


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def _query(scope: Scope) -> dict[str, str]:
    text: str = scope["query_string"].decode("latin-1")
    return dict(parse_qsl(text, keep_blank_values=True)) if text else {}


def _refuse_other_sites(headers: Mapping[str, str]) -> None:
    """A page of another site must not talk to a server on the reader's own machine. No SDK sends an Origin."""
    origin = headers.get("origin")
    if origin is not None and _host(origin) != headers.get("host"):
        raise invalid("Requests of web pages from other addresses are refused.")


def _host(address: str) -> str | None:
    """Host and port of an address; None when it is none."""
    try:
        return urlsplit(address).netloc
    except ValueError:
        return None


async def _send(send: Send, reply: Reply, more: Mapping[str, str] | None = None) -> None:
    data = orjson.dumps(reply.body, default=dict)
    headers = {"content-type": "application/json", "content-length": str(len(data)), **(more or {}), **reply.headers}
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": raw})
    await send({"type": "http.response.body", "body": data})
