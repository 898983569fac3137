"""States of a run and the moves between them: DashScope's eight, and `incomplete` of OpenAI's dialect."""

from __future__ import annotations

from typing import Literal, get_args

RunStatus = Literal[
    "queued",
    "in_progress",
    "requires_action",
    "cancelling",
    "cancelled",
    "failed",
    "completed",
    "expired",
    "incomplete",
]

STATUSES: tuple[RunStatus, ...] = get_args(RunStatus)
TERMINAL: frozenset[str] = frozenset({"cancelled", "failed", "completed", "expired", "incomplete"})
ACTIVE: frozenset[str] = frozenset({"queued", "in_progress", "requires_action", "cancelling"})

MOVES: dict[str, frozenset[str]] = {
    "queued": frozenset({"in_progress", "cancelling", "cancelled", "failed", "expired"}),
    "in_progress": frozenset(
        {"requires_action", "cancelling", "cancelled", "failed", "completed", "expired", "incomplete", "queued"}
    ),
    "requires_action": frozenset({"queued", "cancelling", "cancelled", "failed", "expired"}),
    "cancelling": frozenset({"cancelled", "failed", "completed", "expired"}),
    **{status: frozenset[str]() for status in TERMINAL},
}

RUN_SECONDS = 600.0  # a run that is not over by then has expired
