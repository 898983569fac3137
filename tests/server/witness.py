"""Holds every answer of a live server against the OpenAPI document that this very server gives out."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from paper import Paper
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.server.openapi import document


@dataclass
class _Heard:
    """One answer as it goes over the wire."""

    status: int = 0
    media: str = ""
    body: bytearray = field(default_factory=bytearray)
    whole: bool = False

    def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = {name.decode().lower(): value.decode("latin-1") for name, value in message["headers"]}
            self.media = headers.get("content-type", "")
        else:
            self.body += message.get("body", b"")
            self.whole = not message.get("more_body", False)


class Witness:
    """An application around an application that collects complaints about its answers."""

    def __init__(self, app: ASGIApp) -> None:
        self.complaints: list[str] = []
        self._app = app
        self._paper = Paper(document())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        heard = _Heard()

        async def pass_on(message: Message) -> None:
            heard.take(message)
            await send(message)

        await self._app(scope, receive, pass_on)
        if heard.whole:
            answer = (heard.status, heard.media, bytes(heard.body))
            self.complaints += self._paper.complaints(scope["method"], scope["path"], *answer)


@contextmanager
def seen_by(witness: Witness) -> Iterator[None]:
    """Fails when an answer given in this block was not as described."""
    before = len(witness.complaints)
    yield
    assert witness.complaints[before:] == []
