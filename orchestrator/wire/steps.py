"""States of run steps and of messages."""

from __future__ import annotations

from typing import Literal

StepStatus = Literal["in_progress", "completed", "failed", "cancelled", "expired"]
StepType = Literal["message_creation", "tool_calls"]
MessageStatus = Literal["in_progress", "completed", "incomplete"]
Role = Literal["user", "assistant"]

# what becomes of the open step when its run ends so
STEP_END: dict[str, StepStatus] = {
    "cancelled": "cancelled",
    "failed": "failed",
    "completed": "completed",
    "expired": "expired",
    "incomplete": "completed",
}
