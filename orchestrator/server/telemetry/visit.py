"""One request from outside: its id, when its answer began, how much was sent; counted, logged and traced at its end."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Generator
from contextlib import contextmanager
from time import perf_counter
from types import TracebackType

from starlette.types import Message, Scope, Send

from orchestrator.server.telemetry import trail
from orchestrator.server.telemetry.instruments import Instruments
from orchestrator.server.telemetry.traces import HTTP_STATUS

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_ID = b"x-request-id"
_log = logging.getLogger("orchestrator.access")


class Visit:
    """A context around the answer to a request, which has to be sent through `send`."""

    __slots__ = (
        "_begun",
        "_dialect",
        "_mark",
        "_marks",
        "_method",
        "_route",
        "_send",
        "_sent",
        "_span",
        "_status",
        "_tally",
        "request_id",
    )

    def __init__(self, instruments: Instruments, dialect: str, route: str, scope: Scope, send: Send) -> None:
        self.request_id = trail.named(_given(scope))
        self._tally = instruments.tally
        self._dialect = dialect
        self._route = route
        self._method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        self._span = instruments.traces.request(dialect, self._method, route, scope["headers"])
        self._send = send
        self._begun = perf_counter()
        self._status: int | None = None
        self._sent = 0
        self._marks: list[tuple[bytes, bytes]] = []

    def __enter__(self) -> Visit:
        trail.request_id.set(self.request_id)
        self._mark = self._span.__enter__()
        self._tally.open_requests += 1
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._tally.open_requests -= 1
        self._span.__exit__(kind, error, at)
        if _log.isEnabledFor(logging.INFO):
            facts = {
                "method": self._method,
                "route": self._route,
                "status": self._status,  # None: the client went away before
                "ms": round((perf_counter() - self._begun) * 1000, 1),
                "bytes": self._sent,
            }
            _log.info("answered" if self._status else "left", extra=facts)

    def mark(self, name: str, value: str) -> None:
        """One more header for the answer."""
        self._marks.append((name.encode(), value.encode()))

    @contextmanager
    def streaming(self) -> Generator[None]:
        """While the answer is a stream."""
        self._tally.open_streams += 1
        try:
            yield
        finally:
            self._tally.open_streams -= 1

    def send(self, message: Message) -> Awaitable[None]:
        """Send on, and see what it is."""
        if message["type"] == "http.response.body":
            self._sent += len(message.get("body", b""))
        elif message["type"] == "http.response.start":
            self._status = message["status"]
            self._mark.note(HTTP_STATUS, message["status"])
            self._tally.answered(
                self._dialect, self._route, self._method, message["status"], perf_counter() - self._begun
            )
            headers = [pair for pair in message["headers"] if pair[0] != _ID]
            message = {**message, "headers": [*headers, *self._marks, (_ID, self.request_id.encode())]}
        return self._send(message)


def _given(scope: Scope) -> bytes | None:
    """The id that the client gave its request."""
    for name, value in scope["headers"]:
        if name == _ID:
            return value
    return None
