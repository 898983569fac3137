"""Forms with files (multipart/form-data), read as they arrive: what they hold in memory does not grow with the files.

What a form may consist of is bounded; how large a file may be is the business of whoever takes it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from orchestrator.server.parts import Head, Parts, Told
from orchestrator.wire.faults import Fault, invalid

FILES = 32  # of one form
FIELDS = 64
FIELD_BYTES = 16 * 1024
OVERHEAD = 1024 * 1024  # bytes of a form beside the content of its files, at most


class Sink(Protocol):
    """Takes the content of one file."""

    async def add(self, piece: bytes) -> None:
        """More of it."""
        ...


S = TypeVar("S", bound=Sink)


@dataclass(frozen=True, slots=True)
class Form(Generic[S]):
    """A form: its fields with all their values, its files with the names of their fields, both in order."""

    fields: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    files: list[tuple[str, S]] = field(default_factory=list[tuple[str, S]])

    def one(self, name: str) -> str | None:
        """The value of a field; None when it is absent or empty."""
        return (self.fields.get(name) or [""])[0] or None


async def read_form(content_type: str, pieces: AsyncIterator[bytes], begin: Callable[[str], Awaitable[S]]) -> Form[S]:
    """Read a whole form; `begin` is called with the name of each file when it begins. Raises: Fault."""
    parts = Parts(content_type)
    reading = _Reading(begin)
    async for piece in pieces:
        for told in parts.feed(piece):
            await reading.hear(told)
    if not parts.over:
        raise invalid("The form breaks off before its end.")
    return reading.form


class _Reading(Generic[S]):
    """Puts a form together from what is told of its parts."""

    def __init__(self, begin: Callable[[str], Awaitable[S]]) -> None:
        self.form: Form[S] = Form()
        self._begin = begin
        self._fields = 0
        self._into: Sink | None = None

    async def hear(self, told: Told) -> None:
        """The next event. Raises: Fault."""
        if isinstance(told, Head):
            self._into = self._field(told.name) if told.filename is None else await self._file(told.name, told.filename)
        elif self._into is not None:
            await self._take(told, self._into)

    async def _take(self, told: bytes | str, into: Sink) -> None:
        if isinstance(told, bytes):
            await into.add(told)
        elif isinstance(into, _Text):
            self.form.fields.setdefault(into.name, []).append(into.text)

    def _field(self, name: str) -> Sink:
        self._fields += 1
        if self._fields > FIELDS:
            raise invalid(f"A form has at most {FIELDS} fields.")
        return _Text(name)

    async def _file(self, name: str, filename: str) -> Sink:
        if len(self.form.files) >= FILES:
            raise invalid(f"A form brings at most {FILES} files.")
        file = await self._begin(filename)
        self.form.files.append((name, file))
        return file


class _Text:
    """Takes the value of a field."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._data = bytearray()

    async def add(self, piece: bytes) -> None:
        """More of it. Raises: Fault when it gets too long."""
        self._data += piece
        if len(self._data) > FIELD_BYTES:
            raise Fault("too_large", f"A field of a form has at most {FIELD_BYTES} bytes.", self.name)

    @property
    def text(self) -> str:
        """The value."""
        return self._data.decode("utf-8", "replace")
