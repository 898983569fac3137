"""The log: one line per record on standard error, as text or JSON, each with the request and the run it is about.

What people say never stands in it. Our own lines are written so; the words of an exception may quote what it met, so
of an exception only the places and the types are told, unless `content` allows more. What a line has to say that may
quote somebody goes apart, as `extra={"content": …}`.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

from orchestrator.server.telemetry import trail
from orchestrator.server.telemetry.text_lines import Text
from orchestrator.settings import LogFormat, LogLevel


def configure(form: LogFormat, level: LogLevel, *, content: bool = False) -> None:
    """Log to standard error from here on: our own lines from `level` on, those of libraries from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(mark)
    if not content:
        handler.addFilter(_without_content)
    handler.setFormatter(_json(content) if form == "json" else Text(content))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("orchestrator").setLevel(level.upper())


def mark(record: logging.LogRecord) -> bool:
    """Add what the record is about; a filter."""
    place = trail.workspace.get()
    record.word = record.levelname.lower()
    record.request_id = trail.request_id.get()
    record.run_id = trail.run_id.get()
    record.workspace = None if place is None else trail.blurred(place)
    record.time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    return True


def _without_content(record: logging.LogRecord) -> bool:
    """Take away what a line says apart because it may quote somebody."""
    record.content = None
    return True


def _json(content: bool) -> logging.Formatter:
    from orchestrator.server.telemetry.json_lines import JsonLines  # noqa: PLC0415 - only for who wants JSON

    return JsonLines(content)
