"""The log as JSON, an object per line: time, level, logger, message, request_id, run_id, workspace, what is extra."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from orchestrator.server.telemetry.text_lines import TRAIL, trace

_FIELDS = {"time": "time", "word": "level", "name": "logger", "message": "message"}
_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class JsonLines(JsonFormatter):
    """What is not known is left out; a trace of an exception stands in `exc_info`."""

    def __init__(self, content: bool) -> None:
        super().__init__((*_FIELDS, *TRAIL), rename_fields=_FIELDS)  # pyright: ignore[reportUnknownMemberType]
        self._content = content

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """The fields that say something."""
        return {name: value for name, value in log_data.items() if value is not None}

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802 - logging's name
        """See `text_lines.trace`."""
        return "" if ei[1] is None else trace(ei[1], content=self._content)
