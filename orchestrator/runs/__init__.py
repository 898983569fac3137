"""Drive a run to its end: `lifecycle` says what a run wants, `telling` what a person is shown, `driver` does it."""

from __future__ import annotations

from orchestrator.runs.driver import Notice, Perform, RunsApi, drive
from orchestrator.runs.lifecycle import Answer, Call, Finished, State, Wait, read
from orchestrator.runs.telling import CallDone, Called, Ended, Happening, RunEvent, Said

__all__ = [
    "Answer",
    "Call",
    "CallDone",
    "Called",
    "Ended",
    "Finished",
    "Happening",
    "Notice",
    "Perform",
    "RunEvent",
    "RunsApi",
    "Said",
    "State",
    "Wait",
    "drive",
    "read",
]
