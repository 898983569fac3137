"""What one unit of work does to a run: rows are changed and events told in the order that clients know."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.server import turns, usage
from orchestrator.server.performers.door import Call
from orchestrator.server.records import Delta, Json, Message, Run, Step
from orchestrator.server.store import events, rows, runs
from orchestrator.server.store import usage as account
from orchestrator.server.store.door import Tx
from orchestrator.server.store.events import Subject, Told
from orchestrator.server.telemetry.tally import CallEnded, RunEnded
from orchestrator.wire.events import MESSAGE_CREATED, MESSAGE_DELTA, STEP_CREATED, STEP_DELTA
from orchestrator.wire.events import message_event as message_is
from orchestrator.wire.events import run_event as run_is
from orchestrator.wire.events import step_event as step_is
from orchestrator.wire.steps import STEP_END

CALLS = "tool_calls"
TEXT = "message_creation"

_RUN_REASONS = {"max_tokens": "max_completion_tokens", "content_filter": "content_filter"}
_STAMPS = {"completed": "completed_at", "failed": "failed_at", "cancelled": "cancelled_at", "expired": "expired_at"}


def _no_json() -> Json:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """The text of a turn. `rest` is what was not told yet; `begun`: step and message exist already."""

    step_id: str
    message_id: str
    text: str
    rest: str
    begun: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a turn ended. `cut`: why its text is not all of it, max_tokens or content_filter; `limit`: that of the run
    which was reached. Without either all is well.
    """

    cut: str | None = None
    limit: str | None = None

    @property
    def status(self) -> str:
        """Of a run that ends so."""
        return "completed" if self.limit is None else "incomplete"

    @property
    def details(self) -> Json | None:
        """The `incomplete_details` of a run that ends so."""
        reason = self.limit or (self.cut and _RUN_REASONS[self.cut])
        return {"reason": reason} if reason else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The calls of a turn. `outputs`: of those answered at once, by id; `started`: ids that are being performed."""

    step_id: str
    calls: Sequence[Call]
    outputs: dict[str, str]
    started: Collection[str]
    client: Collection[str]  # ids that the client answers
    thoughts: Json = field(default_factory=_no_json)  # the reasoning before them, by the field it came in


class Entry:
    """What one unit does to a run: rows are changed at once, the events are stored by `close`."""

    def __init__(self, tx: Tx, run: Run, now: int, seq: int | None = None) -> None:
        """`seq`: the number of the run's last event, if it is known."""
        self.tx = tx
        self.run = run
        self.now = now
        self._seq = seq
        self._told: list[Told] = []
        self._steps: dict[str, Step] = {}
        self._spent: Json | None = None
        self._ended = False

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps that were begun or ended, as they are now."""
        return tuple(self._steps.values())

    def tell(self, name: str, subject: Subject) -> None:
        """Add an event."""
        self._told.append((name, subject))

    def spend(self, usage: Json | None) -> None:
        """The tokens of a turn, which are stored with its step."""
        self._spent = usage

    def close(self) -> Run:
        """Store the events, and account for what was used; the run as it is now."""
        if self._told:
            events.append(self.tx, self.run.id, self._told, self._seq)
        if self._spent is not None or self._ended:
            turns_counted, runs_counted = int(self._spent is not None), int(self._ended)
            account.add(self.tx, self.run, self.now, usage=self._spent, turns=turns_counted, runs=runs_counted)
        return self.run

    def move(self, status: str, **changes: Any) -> None:
        """Change the run's status, and tell it."""
        self.run = runs.change(self.tx, self.run, status=status, **changes)
        self.tell(run_is(status), self.run)

    def begin(self, step_id: str, kind: str) -> Step:
        """A new step."""
        step = self._begun(step_id, kind)
        rows.insert(self.tx, "steps", step)
        return step

    def end(self, step: Step, status: str, **changes: Any) -> None:
        """The end of a step."""
        if status == "completed":
            runs.progressed(self.tx, self.run)
        self._end(step, status, runs.change_step(self.tx, step, **_ended(status, self.now), **changes))

    def begin_text(self, spoken: Spoken) -> None:
        """A step that makes a message, and the message."""
        rows.insert(self.tx, "steps", self._begun(spoken.step_id, TEXT, spoken.message_id))
        rows.insert(self.tx, "messages", self._begun_message(spoken.message_id))

    def whole_text(self, spoken: Spoken, used: Json | None, cut: str | None) -> None:
        """The same with the whole text and its end, so that each row is written once."""
        step = self._begun(spoken.step_id, TEXT, spoken.message_id)
        message = self._begun_message(spoken.message_id)
        self.say(message.id, spoken.text)
        message = replace(message, **_said(spoken.text, cut, self.now))
        rows.insert(self.tx, "messages", message)
        self.tell(message_is(message.status), message)
        step = replace(step, usage=used, **_ended("completed", self.now))
        rows.insert(self.tx, "steps", step)
        self._end(step, "completed", step)

    def say(self, message_id: str, text: str) -> None:
        """More text."""
        if text:
            self.tell(MESSAGE_DELTA, Delta(id=message_id, text=text))

    def end_message(self, message_id: str, text: str, cut: str | None) -> None:
        """The end of a message; `text` is all of it, `cut` why it is not complete."""
        before = runs.message(self.tx, message_id)
        message = runs.change_message(self.tx, before, **_said(text, cut, self.now))
        self.tell(message_is(message.status), message)

    def finish(self, status: str, *, error: Json | None = None, used: Json | None = None) -> None:
        """The end of the run: whatever is open ends with it. `used`: tokens beside those of its steps."""
        self._end_open(status, error)
        steps = runs.steps(self.tx, self.run.id)
        self.conclude(status, [*(step.usage for step in steps), used], error=error)

    def conclude(
        self, status: str, used: Iterable[Json | None], *, error: Json | None = None, details: Json | None = None
    ) -> None:
        """The end of the run, whose steps have ended. `used`: the tokens of its steps."""
        stamp = {} if status in ("expired", "incomplete") else {_STAMPS[status]: self.now}
        more = {"last_error": error, "incomplete_details": details, "required_action": ()}
        self.move(status, usage=usage.total(used), **more, **stamp)
        self._ended = True
        self.tx.note(RunEnded(status, (self.now - self.run.created_at) / 1000))

    def _end_open(self, status: str, error: Json | None) -> None:
        step = open_step(self.tx, self.run.id)
        if step is None:
            return
        ended = STEP_END[status]
        if status == "failed":
            self._break_message(step, status)
            self.end(step, ended, last_error=error)
        else:
            self.end(step, ended)
            self._break_message(step, status)

    def _break_message(self, step: Step, status: str) -> None:
        if step.message_id is not None:
            text = events.text_of(self.tx, self.run.id, step.message_id)
            self.end_message(step.message_id, text, f"run_{status}")

    def drop(self, step: Step) -> None:
        """Close the half text that a dead owner left; the turn will be repeated."""
        self._break_message(step, "failed")
        self.end(step, "failed", last_error=server_error("The server was restarted; the turn is repeated."))

    def settle(self, step: Step, client: Collection[str]) -> None:
        """After calls or outputs: the step is complete, or the client's turn has come, or others go on."""
        waiting = [call for call in step.calls if call["output"] is None]
        if not waiting:
            self.end(step, "completed")
        elif all(call["id"] in client for call in waiting):
            self.move("requires_action", required_action=tuple(turns.pending(call) for call in waiting))

    def announce(self, asked: Asked, used: Json | None) -> None:
        """A step of calls, and what became of them at once. The reasoning before them is kept with the first."""
        step = self.begin(asked.step_id, CALLS)
        calls = tuple(_announced(call, asked) for call in asked.calls)
        if asked.thoughts:
            calls = ({**calls[0], "thoughts": asked.thoughts}, *calls[1:])
        for index, call in enumerate(calls):
            head = {name: call[name] for name in ("id", "type", "name", "arguments")}
            self.tell(STEP_DELTA, Delta(id=step.id, index=index, call=head))
            self.tell_output(step.id, index, call)
        self._steps[step.id] = step = runs.change_step(self.tx, step, calls=calls, usage=used)
        self.settle(step, asked.client)

    def tell_output(self, step_id: str, index: int, call: Json) -> None:
        """The output of a call, if it is there."""
        if call["output"] is not None:
            self.tx.note(CallEnded("error" if turns.tells_error(call["output"]) else "done"))
            told = {"type": call["type"], "output": call["output"]}
            self.tell(STEP_DELTA, Delta(id=step_id, index=index, call=told))

    def _begun(self, step_id: str, kind: str, message_id: str | None = None) -> Step:
        """A new step, told; not stored."""
        run = self.run
        step = Step(
            id=step_id,
            workspace=run.workspace,
            thread_id=run.thread_id,
            run_id=run.id,
            assistant_id=run.assistant_id,
            created_at=self.now,
            type=kind,
            status="in_progress",
            message_id=message_id,
        )
        self._steps[step.id] = step
        self.tell(STEP_CREATED, step)
        self.tell(step_is("in_progress"), step)
        return step

    def _begun_message(self, message_id: str) -> Message:
        """A new message, told; not stored."""
        run = self.run
        message = Message(
            id=message_id,
            workspace=run.workspace,
            thread_id=run.thread_id,
            created_at=self.now,
            role="assistant",
            assistant_id=run.assistant_id,
            run_id=run.id,
            status="in_progress",
        )
        self.tell(MESSAGE_CREATED, message)
        self.tell(message_is("in_progress"), message)
        return message

    def _end(self, step: Step, status: str, ended: Step) -> None:
        self._steps[step.id] = ended
        self.tell(step_is(status), ended)


def open_step(tx: Tx, run_id: str) -> Step | None:
    """The step that is in progress; there is at most one."""
    where = f"{runs.OF_RUN} AND status = 'in_progress' ORDER BY seq DESC LIMIT 1"
    found = rows.select(tx, "steps", Step, where, {"run_id": run_id})
    return found[0] if found else None


def _ended(status: str, now: int) -> dict[str, Any]:
    """The fields of a step that has ended."""
    return {"status": status, _STAMPS[status]: now}


def _said(text: str, cut: str | None, now: int) -> dict[str, Any]:
    """The fields of a message that is over; `cut`: why it is not complete."""
    if cut is None:
        return {"status": "completed", "content": (text_part(text),), "completed_at": now}
    details = {"reason": cut}
    return {"status": "incomplete", "content": (text_part(text),), "incomplete_at": now, "incomplete_details": details}


def text_part(text: str) -> Json:
    """Text as part of a message."""
    return {"type": "text", "text": {"value": text, "annotations": []}}


def server_error(message: str) -> Json:
    """A `last_error` that is nobody else's fault."""
    return {"code": "server_error", "message": message}


def _announced(call: Call, asked: Asked) -> Json:
    output = asked.outputs.get(call.id)
    state = "done" if output is not None else "started" if call.id in asked.started else "announced"
    identity = {"id": call.id, "type": call.type, "name": call.name, "arguments": call.arguments}
    extra = {} if call.extra is None else {"extra": call.extra}
    return {**identity, **extra, "output": output, "state": state}
