"""What a run wants from its client, read from the run's JSON. Pure.

The status decides, never the presence of `required_action`: the vendor leaves an old one in place. All spellings of
"nothing" (null, `{}`, `""`, empty code and message) count as absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from orchestrator.errors import CannotUnderstand
from orchestrator.wire.runs import ACTIVE, TERMINAL

_PREFIX = "thread.run."


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A function call that the client has to answer; `arguments` is JSON text, `id` may be empty."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """The run is being worked on."""

    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The run waits for the outputs of all these calls, in one request."""

    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The run is over. `ok`: it has its answer; `error`: what the server says went wrong."""

    ok: bool
    status: str
    error: str | None = None


State = Wait | Answer | Finished


def read(run: Mapping[str, Any]) -> State:
    """The state of a run.

    Raises:
        CannotUnderstand: there is no status, or none of the Assistant API's.
    """
    status = str(run.get("status"))
    if status in TERMINAL:
        return Finished(ok=status == "completed", status=status, error=_error(run))
    if status == "requires_action":
        calls = _calls(run)
        return Answer(calls=calls) if calls else Wait(status=status)
    if status in ACTIVE:
        return Wait(status=status)
    raise CannotUnderstand(f"The run has the unknown status '{status[:64]}'.")


def told_by(event: str, run: Mapping[str, Any]) -> Mapping[str, Any]:
    """The run that came with an event; the event's name is right where the status in it is not."""
    status = event.removeprefix(_PREFIX)
    return {**run, "status": status} if status in TERMINAL | ACTIVE else run


def is_run_event(event: str, data: Mapping[str, Any]) -> bool:
    """Whether an event tells the run itself, not one of its steps."""
    return event.startswith(_PREFIX) and not event.startswith(_PREFIX + "step.") and bool(data.get("id"))


def as_object(value: object) -> Mapping[str, Any]:
    """The value if it is a JSON object, else an empty one."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def as_list(value: object) -> list[Any]:
    """The value if it is a JSON array, else an empty one."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def _calls(run: Mapping[str, Any]) -> tuple[Call, ...]:
    action = as_object(run.get("required_action"))
    wanted = as_object(action.get("submit_tool_outputs"))
    return tuple(_call(as_object(call)) for call in as_list(wanted.get("tool_calls")))


def _call(wire: Mapping[str, Any]) -> Call:
    function = as_object(wire.get("function"))
    return Call(
        id=str(wire.get("id") or ""),
        name=str(function.get("name") or wire.get("type") or ""),
        arguments=str(function.get("arguments") or ""),
    )


def _error(run: Mapping[str, Any]) -> str | None:
    error = as_object(run.get("last_error"))
    parts = [str(part) for part in (error.get("code"), error.get("message")) if part]
    reason = as_object(run.get("incomplete_details")).get("reason")
    return ": ".join(parts) or (str(reason) if reason else None)
