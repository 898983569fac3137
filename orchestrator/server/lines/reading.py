"""A file of lines as it arrives, cut, read and told line by line; what is wrong with one line harms no other."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from dataclasses import dataclass
from typing import cast

import orjson

from orchestrator.server.dialects.fields import Fields, as_body
from orchestrator.server.lines import foreign, native
from orchestrator.server.records import Json
from orchestrator.server.service.histories import Item
from orchestrator.wire.depth import DEPTH, too_deep
from orchestrator.wire.faults import Fault, invalid

LINE = 8 * 1024 * 1024  # bytes of one line

_BOM = b"\xef\xbb\xbf"


async def items(workspace: str, pieces: AsyncIterator[bytes]) -> AsyncGenerator[Item]:
    """What stands in the lines. A file of ours that lacks its end says so in its last item."""
    reading = _Reading(workspace)
    number = 0
    async for line in lines(pieces):
        number += 1
        if line is None or line.strip():
            for item in reading.read(number, line):
                yield item
            if reading.hopeless:
                return
    if reading.open:
        yield Item(line=number + 1, value=invalid("The file was cut off: its last line is missing."))


async def lines(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes | None]:
    """The lines without their ends; None: one that is too long."""
    rest, skipping = bytearray(), False
    async for piece in pieces:
        *done, last = piece.split(b"\n")
        for part in done:
            rest += part
            yield None if skipping or len(rest) > LINE else bytes(rest)
            rest.clear()
            skipping = False
        if not skipping:
            rest += last
        if len(rest) > LINE:
            rest.clear()
            skipping = True
    if rest or skipping:
        yield None if skipping else bytes(rest)


@dataclass(slots=True)
class _Reading:
    """Where in a file we are. `open`: a header was read, and no end yet; `hopeless`: nothing more can be read."""

    workspace: str
    open: bool = False
    hopeless: bool = False
    count: int = 0

    def read(self, number: int, line: bytes | None) -> Iterator[Item]:
        """The items of a line: none, one, or those of a list."""
        try:
            body = _body(line)
        except Fault as fault:
            yield Item(line=number, value=fault)
            return
        if "format" in body:
            yield from self._header(number, body)
        elif "end" in body:
            yield from self._end(number, body)
        else:
            self.count += 1
            for one in _flat(body):
                yield self._item(number, one)

    def _header(self, number: int, body: Json) -> Iterator[Item]:
        if self.open:
            yield Item(line=number, value=invalid("The file before this header was cut off."))
        try:
            native.check_header(body)
        except Fault as fault:
            self.hopeless = True
            yield Item(line=number, value=fault)
        self.open, self.count = True, 0

    def _end(self, number: int, body: Json) -> Iterator[Item]:
        told = as_body(body["end"]).get("lines")
        if self.open and told != self.count:
            text = f"The file should have {told} lines up to here, it has {self.count}: some were lost."
            yield Item(line=number, value=invalid(text))
        self.open = False

    def _item(self, number: int, body: Json) -> Item:
        kind = next((kind for kind in native.KINDS if kind in body and "object" not in body), None)
        inside = as_body(body[kind]) if kind else body
        owner = _owner(kind or body.get("object"), inside)
        try:
            if kind is not None:
                return Item(line=number, value=native.read(self.workspace, kind, inside), ordered=True)
            part = foreign.read(self.workspace, body)
        except Fault as fault:
            return Item(line=number, value=fault, owner=owner)
        if part is None:
            return Item(line=number, value=None, note=f"An object of the kind {body.get('object')!r:.60} is left out.")
        return Item(line=number, value=part)


def _body(line: bytes | None) -> Json:
    if line is None:
        raise invalid(f"The line is longer than {LINE} bytes.")
    try:
        value: object = orjson.loads(line.removeprefix(_BOM))
    except orjson.JSONDecodeError as error:
        raise invalid(f"The line is not valid JSON: {error}.") from error
    if not isinstance(value, dict):
        raise invalid("The line is not a JSON object.")
    if too_deep(line, cast("object", value)):
        raise invalid(f"The line is nested deeper than {DEPTH} levels.")
    return cast("Json", value)


def _flat(body: Json) -> Iterator[Json]:
    """The objects of a list, as the APIs give them page by page; any other object is itself."""
    if body.get("object") == "list" and isinstance(body.get("data"), list):
        yield from (as_body(one) for one in cast("list[object]", body["data"]))
    else:
        yield body


def _owner(kind: object, body: Json) -> str | None:
    """The thread that a line belongs to, if that can be told."""
    found = Fields(body).body.get("id" if kind == "thread" else "thread_id")
    return found if isinstance(found, str) else None
