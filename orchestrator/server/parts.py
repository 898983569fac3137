"""Splits a form (multipart/form-data) into its parts, piece by piece, with python-multipart's parser."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from orchestrator.wire.faults import invalid

logging.getLogger("python_multipart").setLevel(logging.ERROR)  # a form that is wrong is the client's matter

_FORM = b"multipart/form-data"
_NO_FORM = "The request must be a form with files (multipart/form-data)."
_EXTENDED = re.compile(r"filename\*\s*=\s*utf-8'[^']*'([^;]*)", re.IGNORECASE)
_ESCAPED = {"%22": '"', "%0D": "", "%0A": ""}  # what clients escape in the names of files


@dataclass(frozen=True, slots=True)
class Head:
    """A part begins. `filename` None: it is a field."""

    name: str
    filename: str | None


Told = Head | bytes | Literal["end"]


class Parts:
    """What a form consists of; `over`: its last line has come. Raises: Fault when it is no form."""

    def __init__(self, content_type: str) -> None:
        # only uploads need the parser
        from python_multipart.exceptions import FormParserError  # noqa: PLC0415
        from python_multipart.multipart import MultipartParser, parse_options_header  # noqa: PLC0415

        self.over = False
        self._broken = FormParserError
        self._options = parse_options_header
        self._told: list[Told] = []
        self._field, self._value, self._disposition = bytearray(), bytearray(), b""
        kind, options = parse_options_header(content_type)
        if kind != _FORM or not options.get(b"boundary"):
            raise invalid(_NO_FORM)
        try:
            self._parser = MultipartParser(
                options[b"boundary"],
                {
                    "on_header_field": self._hear_field,
                    "on_header_value": self._hear_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._begin,
                    "on_part_data": self._hear_data,
                    "on_part_end": self._end_part,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise invalid(_NO_FORM) from error

    def feed(self, piece: bytes) -> list[Told]:
        """What a piece of the body brings. Raises: Fault."""
        try:
            self._parser.write(piece)
        except self._broken as error:
            raise invalid(f"The form cannot be read: {error}.") from error
        told, self._told = self._told, []
        return told

    def _hear_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _hear_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if bytes(self._field).lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._field, self._value = bytearray(), bytearray()

    def _begin(self) -> None:
        _, options = self._options(self._disposition)
        name = _text(options.get(b"name", b""))
        given = _text(options[b"filename"]) if b"filename" in options else _extended(self._disposition)
        self._told.append(Head(name, None if given is None else _unescaped(given)))
        self._disposition = b""

    def _hear_data(self, data: bytes, start: int, end: int) -> None:
        self._told.append(data[start:end])

    def _end_part(self) -> None:
        self._told.append("end")

    def _end(self) -> None:
        self.over = True


def _extended(disposition: bytes) -> str | None:
    """A file name that older clients give in an extended form only, because it is not ASCII."""
    found = _EXTENDED.search(disposition.decode("latin-1"))
    return unquote(found[1], errors="replace") if found else None


def _unescaped(name: str) -> str:
    for escaped, character in _ESCAPED.items():
        name = name.replace(escaped, character)
    return name


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
