"""What this server has beyond the original APIs, the same in every dialect but for the form of objects."""

from __future__ import annotations

from orchestrator.server.dialects.contract import (
    COUNT,
    EVENTS,
    FLAG,
    JSON,
    PAGE,
    TEXT,
    Fields,
    Names,
    Operation,
    Parameter,
    Schema,
    choice,
    either,
    gives,
    items,
    optional,
)
from orchestrator.server.usage import COUNTS

JSON_LINES = "application/jsonl"
_LINES: dict[str, Schema] = {JSON_LINES: {"type": "string", "description": "One JSON object a line."}}
_REPORT: Schema = gives(
    {
        "object": {"const": "thread.import"},
        "threads": gives(dict.fromkeys(("created", "extended", "restored", "unchanged", "refused"), COUNT)),
        "objects": gives(dict.fromkeys(("new", "same", "back", "left_out"), COUNT)),
        "problems": items(gives({"line": COUNT, "thread_id": optional(TEXT), "message": TEXT})),
        "more_problems": COUNT,
        "notes": items(gives({"line": COUNT, "message": TEXT})),
    }
)
_TAKEN = "What became of each thread; those that could not be taken are told with the line and the reason."
_LEAVING = "With `stream`: the run is cancelled when the client leaves before the end."
STREAMED: Fields = {
    "stream": optional(FLAG),
    "cancel_on_disconnect": {**optional(FLAG), "description": _LEAVING},
}  # fields of every request that starts a run or lets it go on
_FILTERS = (
    Parameter(name="status", schema=TEXT, about="Only runs with this status; several with commas between."),
    Parameter(name="assistant_id", schema=TEXT, about="Only runs of this assistant."),
    Parameter(name="thread_id", schema=TEXT, about="Only runs of this thread."),
)
_NUMBER = {"type": "string", "pattern": "^[0-9]{0,15}$"}
_RESUMING = (
    Parameter(name="Last-Event-ID", schema=_NUMBER, about="Begin behind the event with this id.", place="header"),
    Parameter(name="after", schema=_NUMBER, about="The same, for whoever cannot set headers."),
)
KEY = Parameter(
    name="Idempotency-Key",
    schema={"type": "string", "pattern": "^[!-~][ -~]{0,254}$"},
    about="The request is carried out once, however often it comes with this key within 24 hours.",
    place="header",
)  # of every POST
REPLAYED = Parameter(
    name="Idempotency-Replayed", schema={"const": "true"}, about="The answer is the one that was given before."
)
_DATE = {"type": "string", "format": "date"}
_DAY = either(_DATE, {"const": ""})  # of a query: an empty one counts as absent
_GROUPING = (
    Parameter(name="group_by", schema=TEXT, about="day, assistant or model; several with commas between."),
    Parameter(name="from", schema=_DAY, about="The first day, UTC; 30 days up to `to` if left out."),
    Parameter(name="to", schema=_DAY, about="The last day, counted too; today if left out."),
)
_COUNTS: dict[str, Schema] = dict.fromkeys(COUNTS, COUNT)
_GROUP = gives(
    {"object": choice("usage"), **_COUNTS},
    {"day": _DATE, "assistant_id": TEXT, "assistant_name": optional(TEXT), "model": TEXT},
)
_USAGE = gives(
    {
        "object": choice("list"),
        "from": _DATE,
        "to": _DATE,
        "data": items(_GROUP),
        "total": gives(_COUNTS),
        "has_more": FLAG,
    }
)
_STREAM = "The run's events; each has an `id`, from which the stream can be taken up again."


def extensions(ref: Names) -> dict[str, Operation]:
    """The operations, with the dialect's own schemas: `ThreadList`, `RunList` and `Event`."""
    return {
        "list_threads": Operation(gives={JSON: ref("ThreadList")}, parameters=PAGE),
        "list_all_runs": Operation(gives={JSON: ref("RunList")}, parameters=(*PAGE, *_FILTERS)),
        "export_thread": Operation(gives=_LINES),
        "export_threads": Operation(gives=_LINES),
        "import_threads": Operation(takes=_LINES, needed=False, gives={JSON: _REPORT}, about=_TAKEN),
        "stream_run": Operation(gives={EVENTS: ref("Event")}, parameters=_RESUMING, about=_STREAM),
        "get_usage": Operation(gives={JSON: _USAGE}, parameters=_GROUPING),
    }
