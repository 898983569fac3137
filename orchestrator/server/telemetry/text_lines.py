"""The log as text, a line per record; and what all forms of the log share: the marks, and how exceptions are told."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator, Mapping
from typing import Any

TRAIL = ("request_id", "run_id", "workspace")
WITHHELD = "(its words are withheld: --log-content)"

_EXTRA = ("method", "route", "status", "ms", "bytes", "content")
_CONTROL = {number: f"\\x{number:02x}" for number in (*range(32), *range(127, 160))} | {
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}


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


def _pairs(facts: Mapping[str, Any]) -> Iterator[str]:
    for name in (*_EXTRA, *TRAIL):
        if facts.get(name) is not None:
            yield f"{name}={str(facts[name]).translate(_CONTROL)}"
