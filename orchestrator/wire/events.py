"""Names of stream events, in the order in which a run tells them."""

from __future__ import annotations

THREAD_CREATED = "thread.created"
RUN_CREATED = "thread.run.created"  # then thread.run.<status>
STEP_CREATED = "thread.run.step.created"  # then .in_progress, .delta, .<status>
STEP_DELTA = "thread.run.step.delta"
MESSAGE_CREATED = "thread.message.created"  # then .in_progress, .delta, .<status>
MESSAGE_DELTA = "thread.message.delta"
ERROR = "error"
DONE = "done"
DONE_DATA = "[DONE]"


def run_event(status: str) -> str:
    """The event that tells a run's new status."""
    return f"thread.run.{status}"


def step_event(status: str) -> str:
    """The event that tells a step's new status."""
    return f"thread.run.step.{status}"


def message_event(status: str) -> str:
    """The event that tells a message's new status."""
    return f"thread.message.{status}"
