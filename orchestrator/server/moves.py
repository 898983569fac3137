"""The life of a run, one unit of work for each change: rows and events change together or not at all.

Every unit names the owner of the run (its `epoch`) and raises `Lost` when the run is no longer his, or has moved on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.server import turns
from orchestrator.server.entry import TEXT, Asked, Ending, Entry, Spoken, open_step, server_error
from orchestrator.server.performers.door import Call
from orchestrator.server.records import Delta, Json, Run, Step
from orchestrator.server.store import events, rows, runs
from orchestrator.server.store.door import Tx
from orchestrator.server.store.events import Told
from orchestrator.server.store.runs import Lost
from orchestrator.server.telemetry.tally import CallEnded, TokensSpent
from orchestrator.wire.events import MESSAGE_DELTA, run_event
from orchestrator.wire.runs import RUN_SECONDS, TERMINAL

TRIES = 5  # owners that may die of a run, without a step done in between, before it is given up


def create(tx: Tx, run: Run, told: Sequence[Told]) -> None:
    """A new run, in line; `told` comes before its own events."""
    rows.insert(tx, "runs", run)
    events.append(tx, run.id, (*told, *_new(run)), 0)


def create_begun(tx: Tx, run: Run, told: Sequence[Told], now: int) -> Run:
    """A new run for which there is a place: it is claimed in the moment in which it is created."""
    begun = dataclasses.replace(run, status="in_progress", epoch=run.epoch + 1, started_at=now)
    rows.insert(tx, "runs", begun)
    events.append(tx, run.id, (*told, *_new(run), (run_event("in_progress"), begun)), 0)
    return begun


def claim(tx: Tx, run_id: str, now: int) -> Run:
    """Take a queued run. Raises: Lost."""
    run = runs.find(tx, run_id)
    if run is None or run.status != "queued":
        raise Lost
    entry = Entry(tx, run, now)
    entry.move("in_progress", epoch=run.epoch + 1, started_at=run.started_at or now)
    return entry.close()


def take_over(tx: Tx, run_id: str, now: int, repeatable: Callable[[Tx, Run, Call], bool]) -> Run:
    """Take a run whose owner died, and close what he left open; it may be over then. Raises: Lost.

    A call that he had started is made again if it is `repeatable`; else nobody knows what became of it.
    An owner whose claim failed may not even know whether he had the run: one that is still queued is claimed.
    """
    run = runs.find(tx, run_id)
    if run is not None and run.status == "queued":
        return claim(tx, run_id, now)
    if run is None or run.status != "in_progress":
        raise Lost
    entry = Entry(tx, runs.change(tx, run, epoch=run.epoch + 1), now)
    if runs.took_over(tx, run) >= TRIES:
        entry.finish("failed", error=server_error(f"The server died {TRIES} times while it carried out this run."))
        return entry.close()
    step = open_step(tx, run.id)
    if step is not None and step.type == TEXT:
        entry.drop(step)
    elif step is not None:
        _recover_started(entry, step, lambda call: repeatable(tx, run, call))
    return entry.close()


def begin_text(tx: Tx, run: Run, spoken: Spoken, now: int) -> None:
    """The first text of a turn. Raises: Lost."""
    entry = _mine(tx, run, now)
    entry.begin_text(spoken)
    entry.say(spoken.message_id, spoken.rest)
    entry.close()


def say(tx: Tx, run: Run, message_id: str, text: str) -> None:
    """More text of a turn. Raises: Lost."""
    _, seq = runs.mine(tx, run)
    events.append(tx, run.id, [(MESSAGE_DELTA, Delta(id=message_id, text=text))], seq)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A turn that is over: its text, its calls, its tokens, and how it ended. `steps`: those of the run before it."""

    steps: tuple[Step, ...]
    spoken: Spoken | None
    asked: Asked | None
    usage: Json | None
    ending: Ending


def end_turn(tx: Tx, run: Run, turn: Turn, now: int) -> tuple[Run, tuple[Step, ...]]:
    """The end of a turn: its text is complete; then its calls are announced, or the run is over. Raises: Lost."""
    entry = _mine(tx, run, now)
    asked, usage = turn.asked, turn.usage
    entry.spend(usage)
    if turn.spoken is not None:
        _end_text(entry, turn.spoken, None if asked else usage, None if asked else turn.ending.cut)
    if usage is not None:
        tx.note(TokensSpent(usage["prompt_tokens"], usage["completion_tokens"]))
    if asked is None:
        used = (step.usage for step in (*turn.steps, *entry.steps))
        entry.conclude(turn.ending.status, used, details=turn.ending.details)
    else:
        entry.announce(asked, usage)
        runs.progressed(tx, run)
    return entry.close(), (*turn.steps, *entry.steps)


def start_call(tx: Tx, run: Run, step_id: str, call_id: str) -> None:
    """A call is about to be performed: from here on it will not be performed a second time. Raises: Lost."""
    runs.mine(tx, run)
    step = _open(tx, run, step_id)
    runs.change_step(tx, step, calls=tuple(_with(call, call_id, state="started") for call in step.calls))


def end_call(  # noqa: PLR0917 - a unit's arguments
    tx: Tx, run: Run, step_id: str, call_id: str, output: str, client: Collection[str], now: int
) -> tuple[Run, tuple[Step, ...]]:
    """The output of a call is there. Raises: Lost."""
    entry = _mine(tx, run, now)
    step = _open(tx, run, step_id)
    calls = tuple(_with(call, call_id, state="done", output=output) for call in step.calls)
    step = runs.change_step(tx, step, calls=calls)
    for index, call in enumerate(calls):
        if call["id"] == call_id:
            entry.tell_output(step.id, index, call)
    entry.settle(step, client)
    return entry.close(), runs.steps(tx, run.id)


def settle(tx: Tx, run: Run, step_id: str, client: Collection[str], now: int) -> tuple[Run, tuple[Step, ...]]:
    """A step of calls of which none is left to perform here. Raises: Lost."""
    entry = _mine(tx, run, now)
    entry.settle(_open(tx, run, step_id), client)
    return entry.close(), runs.steps(tx, run.id)


def submit(tx: Tx, run: Run, outputs: dict[str, str], now: int) -> Run:
    """The client's outputs, by call id, all that were pending; the run is queued again. Raises: Lost."""
    entry = Entry(tx, run, now)
    step = open_step(tx, run.id)
    if step is None:
        raise Lost
    calls = tuple(
        {**call, "state": "done", "output": outputs[call["id"]]} if call["id"] in outputs else call
        for call in step.calls
    )
    for _ in outputs:
        tx.note(CallEnded("client"))
    entry.end(step, "completed", calls=calls)
    entry.move("queued", required_action=())
    return entry.close()


def cancel(tx: Tx, run: Run, now: int) -> Run:
    """Begin to cancel; a run that nobody carries out is cancelled at once. Raises: Lost."""
    entry = Entry(tx, run, now)
    entry.move("cancelling")
    if run.status != "in_progress":
        entry.finish("cancelled")
    return entry.close()


def cancelled(tx: Tx, run_id: str, now: int) -> None:
    """The end of a run that is being cancelled; nothing if it is over. Raises: Lost."""
    run = runs.find(tx, run_id)
    if run is not None and run.status == "cancelling":
        entry = Entry(tx, run, now)
        entry.finish("cancelled")
        entry.close()


def fail(tx: Tx, run: Run, error: Json, now: int, used: Json | None = None) -> None:
    """The end of a run that failed; `used`: in a last turn that leaves no step behind. Raises: Lost."""
    entry = _mine(tx, run, now)
    entry.spend(used)
    entry.finish("failed", error=error, used=used)
    entry.close()


def expire(tx: Tx, run_id: str, now: int) -> None:
    """The end of a run whose time is over; one that is being cancelled is cancelled. Raises: Lost.

    A run without an end to its time (from elsewhere, or from an earlier day) is given one.
    """
    run = runs.find(tx, run_id)
    if run is None or run.status in TERMINAL:
        return
    if run.expires_at is None:
        run = runs.change(tx, run, expires_at=run.created_at + round(RUN_SECONDS * 1000))
    if run.expires_at is None or run.expires_at > now:
        return
    entry = Entry(tx, run, now)
    entry.finish("cancelled" if run.status == "cancelling" else "expired")
    entry.close()


def _new(run: Run) -> tuple[Told, ...]:
    return (run_event("created"), run), (run_event("queued"), run)


def _mine(tx: Tx, run: Run, now: int) -> Entry:
    current, seq = runs.mine(tx, run)
    return Entry(tx, current, now, seq)


def _open(tx: Tx, run: Run, step_id: str) -> Step:
    step = runs.step(tx, run.id, step_id)
    if step is None:
        raise Lost
    return step


def _end_text(entry: Entry, spoken: Spoken, usage: Json | None, cut: str | None) -> None:
    if not spoken.begun:
        entry.whole_text(spoken, usage, cut)
        return
    step = _open(entry.tx, entry.run, spoken.step_id)
    entry.say(spoken.message_id, spoken.rest)
    entry.end_message(spoken.message_id, spoken.text, cut)
    entry.end(step, "completed", usage=usage)


def _recover_started(entry: Entry, step: Step, repeatable: Callable[[Call], bool]) -> None:
    """Calls that a dead owner had started: they are to be made again, or given up."""
    calls = tuple(_recovered(call, repeatable) for call in step.calls)
    if calls == step.calls:
        return
    runs.change_step(entry.tx, step, calls=calls)
    for index, (before, call) in enumerate(zip(step.calls, calls, strict=True)):
        if before["output"] is None:
            entry.tell_output(step.id, index, call)


def _recovered(row: Json, repeatable: Callable[[Call], bool]) -> Json:
    if row["state"] != "started" or row["output"] is not None:
        return row
    call = turns.as_call(row)
    if repeatable(call):
        return {**row, "state": "announced"}
    return {**row, "state": "done", "output": turns.interrupted(call)}


def _with(call: Json, call_id: str, **changes: Any) -> Json:
    return {**call, **changes} if call["id"] == call_id else call
