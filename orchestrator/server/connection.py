"""One connection of a client: uvicorn's HTTP protocol, with bounds for who is slow, deaf, or sends heads without end.

uvicorn bounds only the silence between two requests. Here a head must arrive in time and be of a bearable size, what
follows a refused request must come at some pace, and who does not read an answer loses the connection.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from orchestrator.server.bodies import PACE
from orchestrator.server.ids import new_uuid

HEAD_SECONDS = 20.0  # for the first byte of a request to the last one of its headers
HEAD = 64 * 1024  # bytes of request line and headers
URL = 16 * 1024  # bytes
DEAF_SECONDS = 30.0  # within which a client must read HEARD of what waits for it
HEARD = 16 * 1024  # bytes
WATCH_SECONDS = 60.0  # between two looks at how much of a refused body came

_AT_ONCE = struct.pack("ii", 1, 0)  # for SO_LINGER: reset, and drop what was not sent
_MALFORMED = (HTTPStatus.BAD_REQUEST, "The request is not valid HTTP.")
_log = logging.getLogger(__name__)


class _Refused(Exception):
    """Told to the parser, so that it stops."""


class Connection(HttpToolsProtocol):
    """As uvicorn's, and bounded."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._in_head = False
        self._head = 0
        self._unwanted = 0
        self._waiting = 0
        self._why = _MALFORMED
        self._timers: dict[str, asyncio.TimerHandle] = {}

    # --- what arrives

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there; its first request is due."""
        super().connection_made(transport)
        self._after(HEAD_SECONDS, "head", self._late)

    def data_received(self, data: bytes) -> None:
        """Something came."""
        super().data_received(data)
        if self.transport.is_closing():
            return
        if not self._in_head:
            self._forget("head")
            return
        self._head += len(data)
        if self._head > HEAD:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"The headers are larger than {HEAD} bytes.")
        elif "head" not in self._timers:
            self._after(HEAD_SECONDS, "head", self._late)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_head, self._head = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its body follows. Raises: _Refused."""
        self._in_head = False
        if len(self.url) > URL:
            self._why = (HTTPStatus.REQUEST_URI_TOO_LONG, f"The URL is longer than {URL} bytes.")
            raise _Refused
        if sum(len(name) + len(value) + 4 for name, value in self.headers) > HEAD:  # 4: colon, space, end of line
            why = f"The headers are larger than {HEAD} bytes."
            self._why = (HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, why)
            raise _Refused
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body, which nobody wants any more when the answer was given."""
        super().on_body(body)
        self._unwanted += len(body)

    def on_message_complete(self) -> None:
        """All of it has come."""
        super().on_message_complete()
        self._forget("rest")

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser did not take, in words that clients of every dialect understand."""
        self._refuse(*self._why)

    # --- what is sent

    def pause_writing(self) -> None:
        """The client reads too slowly, or not at all."""
        super().pause_writing()
        self._wait_for_reader()

    def resume_writing(self) -> None:
        """It reads."""
        super().resume_writing()
        self._forget("deaf")

    def on_response_complete(self) -> None:
        """An answer is given; what is left of its request may come, at some pace."""
        super().on_response_complete()
        self._linger()
        if self.cycle.more_body and not self.transport.is_closing():
            self._unwanted = 0
            self._after(WATCH_SECONDS, "rest", self._watch)

    def timeout_keep_alive_handler(self) -> None:
        """Nothing came for a while after an answer."""
        super().timeout_keep_alive_handler()
        self._linger()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        super().connection_lost(exc)

    # --- who is cut off

    def _late(self) -> None:
        if self._in_head:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, f"The headers did not arrive within {HEAD_SECONDS:g} seconds.")
        else:
            self.transport.close()

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        """Say why, and close. A connection that carries an answer just now is only closed."""
        cycle = self.cycle  # there is none before the first request
        if cycle is None or cycle.response_complete or not cycle.response_started:  # pyright: ignore[reportUnnecessaryComparison]
            self.transport.write(_answer(status, message))
        self.transport.close()
        self._linger()

    def _watch(self) -> None:
        """Look how much of an unwanted body came since the last look."""
        if self.cycle.more_body and self._unwanted < PACE * WATCH_SECONDS:
            self._cut()
        elif self.cycle.more_body:
            self._unwanted = 0
            self._after(WATCH_SECONDS, "rest", self._watch)

    def _cut(self) -> None:
        """End the connection at once: what is still to be sent would stay in the system's memory for an hour."""
        _log.info("a client that does not read, or sends too slowly, was cut off")
        wire: socket.socket | None = self.transport.get_extra_info("socket")
        if wire is not None and not self.transport.is_closing():
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.transport.abort()

    def _linger(self) -> None:
        """What was said last may still be read, but not for ever."""
        if self.transport.is_closing():
            self._wait_for_reader()

    def _wait_for_reader(self) -> None:
        self._waiting = self.transport.get_write_buffer_size()
        if self._waiting:
            self._after(DEAF_SECONDS, "deaf", self._listen)

    def _listen(self) -> None:
        """Look whether the client has read something meanwhile."""
        if self._waiting - self.transport.get_write_buffer_size() < min(HEARD, self._waiting):
            self._cut()
        else:
            self._wait_for_reader()

    def _after(self, seconds: float, name: str, job: Callable[[], None]) -> None:
        self._forget(name)
        self._timers[name] = self.loop.call_later(seconds, job)

    def _forget(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()


def _answer(status: HTTPStatus, message: str) -> bytes:
    """A refusal before it is known who is spoken to: clients of every dialect find what they look for."""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    told = {"code": "InvalidParameter", "message": message, "request_id": new_uuid(), "error": error}
    body = orjson.dumps(told)
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\nconnection: close\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
