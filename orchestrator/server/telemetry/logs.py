"""The log: one line per record on standard error, as text or JSON, each with the request and the run it is about.

What people say never stands in it. Our own lines are written so; the words of an exception may quote what it met, so
of an exception only the places and the types are told, unless `content` allows more. What a line has to say that may
quote somebody goes apart, as `extra={"content": …}`.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from orchestrator.server.telemetry import trail
from orchestrator.settings import LogFormat, LogLevel

TRAIL = ("request_id", "run_id", "workspace")
_EXTRA = ("method", "route", "status", "ms", "bytes", "content")
_CONTROL = {number: f"\\x{number:02x}" for number in (*range(32), *range(127, 160))} | {
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}
WITHHELD = "(its words are withheld: --log-content)"


def configure(form: LogFormat, level: LogLevel, *, content: bool = False) -> None:
    """Log to standard error from here on: our own lines from `level` on, those of libraries from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_mark)
    if not content:
        handler.addFilter(_without_content)
    handler.setFormatter(_json(content) if form == "json" else Text(content))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("orchestrator").setLevel(level.upper())


def _json(content: bool) -> logging.Formatter:
    from orchestrator.server.telemetry.json_lines import JsonLines  # noqa: PLC0415 - only for who wants JSON

    return JsonLines(content)


def trace(error: BaseException, *, content: bool) -> str:
    """Where an exception came from: the frames and the types, its words only with `content`."""
    if content:
        return "".join(traceback.format_exception(error)).rstrip()
    return "\n".join(_places(error, set())).rstrip()


def _places(error: BaseException, seen: set[int]) -> Iterator[str]:
    """The frames and type of an exception, after those of what caused it."""
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in seen:
        yield from _places(before, seen)
        yield "then"
    for frame, line in traceback.walk_tb(error.__traceback__):
        yield f'  File "{frame.f_code.co_filename}", line {line}, in {frame.f_code.co_name}'
    kind = type(error)
    yield f"{kind.__module__}.{kind.__qualname__} {WITHHELD}"
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            yield from _places(one, seen)  # pyright: ignore[reportUnknownArgumentType]


def _without_content(record: logging.LogRecord) -> bool:
    """Take away what a line says apart because it may quote somebody."""
    record.content = None
    return True


def _mark(record: logging.LogRecord) -> bool:
    """Add what the record is about."""
    place = trail.workspace.get()
    record.word = record.levelname.lower()
    record.request_id = trail.request_id.get()
    record.run_id = trail.run_id.get()
    record.workspace = None if place is None else trail.blurred(place)
    record.time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    return True


class Text(logging.Formatter):
    """A line for people; nobody can break out of it with a line break of his own."""

    def __init__(self, content: bool) -> None:
        super().__init__()
        self._content = content

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the trace below it."""
        facts = vars(record)
        head = f"{facts['time']} {facts['word']} {record.name}: {record.getMessage().translate(_CONTROL)}"
        line = " ".join([head, *_pairs(facts)])
        if record.exc_info and record.exc_info[1] is not None:
            line += "\n" + trace(record.exc_info[1], content=self._content)
        return line


def _pairs(facts: Mapping[str, Any]) -> Iterator[str]:
    for name in (*_EXTRA, *TRAIL):
        if facts.get(name) is not None:
            yield f"{name}={str(facts[name]).translate(_CONTROL)}"
