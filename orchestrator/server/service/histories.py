"""Threads that leave as a whole, and threads that come with their ids. Raises: Fault, StoreError.

What comes is taken thread by thread, each in one unit: all of it or nothing. What is there already is left as it is;
if it is the same that is fine, else the thread is refused and the report says why. So the same file can be taken twice,
and one with more in it later on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from orchestrator.server.records import Message, Page, Run, Step, Thread
from orchestrator.server.service.bundle import Bundle
from orchestrator.server.service.threads import refuse_if_busy
from orchestrator.server.store import events as log
from orchestrator.server.store import histories as table
from orchestrator.server.store import threads
from orchestrator.server.store.door import Store, Tx
from orchestrator.server.store.histories import Part, Place
from orchestrator.wire.events import run_event
from orchestrator.wire.faults import Fault, invalid
from orchestrator.wire.runs import ACTIVE

TOLD = 100  # problems, and notes, that a report tells in full
Outcome = Literal["created", "extended", "restored", "unchanged", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What stands in a line: a record, a complaint, or something that is left out.

    `owner`: the thread that a wrong line belongs to; None: the one before it. `ordered`: the file has all in the order
    of creation.
    """

    line: int
    value: Part | Fault | None
    owner: str | None = None
    note: str | None = None
    ordered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a thread was refused, or a line could not be read."""

    line: int
    message: str
    thread_id: str | None = None


@dataclass(slots=True)
class Report:
    """What became of a file.

    `parts`: how many objects are new, were there the same, came back from deletion, were left out.
    """

    threads: Counter[Outcome] = field(default_factory=Counter[Outcome])
    parts: Counter[str] = field(default_factory=Counter[str])
    problems: list[Problem] = field(default_factory=list[Problem])
    notes: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    more_problems: int = 0

    def complain(self, problem: Problem) -> None:
        """One more problem."""
        if len(self.problems) < TOLD:
            self.problems.append(problem)
        else:
            self.more_problems += 1

    def leave_out(self, line: int, note: str) -> None:
        """Something was left out."""
        self.parts["left_out"] += 1
        if len(self.notes) < TOLD:
            self.notes.append((line, note))


class _Refused(Exception):
    """A thread cannot be taken, because of a line."""

    def __init__(self, line: int, fault: Fault) -> None:
        super().__init__(line)
        self.line = line
        self.fault = fault


class Histories:
    """The threads of all workspaces; each call concerns one workspace."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def export(self, workspace: str, thread_id: str | None = None) -> AsyncGenerator[Part]:
        """A thread, or all of them by creation: each with its messages, its runs, and their steps."""
        if thread_id is not None:
            yield (thread := await self._store.read(lambda tx: threads.get(tx, workspace, thread_id)))
            async for part in self._parts(thread):
                yield part
            return
        page = Page(limit=100, descending=False)
        while True:
            found = await self._store.read(partial(threads.page, workspace=workspace, page=page))
            for thread in found.items:
                yield thread
                async for part in self._parts(thread):
                    yield part
            if not found.has_more:
                return
            page = Page(limit=100, descending=False, after=found.items[-1].id)

    async def _parts(self, thread: Thread) -> AsyncGenerator[Part]:
        place: Place | None = Place()
        while place is not None:
            parts, place = await self._store.read(partial(table.stretch, thread_id=thread.id, place=place))
            for part in parts:
                yield part

    async def take(self, workspace: str, items: AsyncIterator[Item]) -> Report:
        """Take what comes. What is finished stays taken, whatever happens to the rest."""
        report = Report()
        bundle: Bundle | None = None
        try:
            async for item in items:
                owner = _owner(item)
                if bundle is not None and owner is not None and owner != bundle.thread_id:
                    await self._finish(workspace, bundle, report)
                    bundle = None
                bundle = bundle or (Bundle(owner) if owner is not None else None)
                _gather(item, bundle, report)
            if bundle is not None:
                await self._finish(workspace, bundle, report)
        finally:
            if bundle is not None:
                bundle.close()
        return report

    async def _finish(self, workspace: str, bundle: Bundle, report: Report) -> None:
        """Store a thread and report."""
        try:
            if bundle.refused is not None:
                raise _Refused(*bundle.refused)
            outcome, counts, notes = await self._store.write(partial(_store, workspace, bundle))
        except _Refused as refused:
            report.threads["refused"] += 1
            report.complain(Problem(line=refused.line, message=refused.fault.message, thread_id=bundle.thread_id))
        else:
            report.threads[outcome] += 1
            report.parts += counts
            for line, note in notes:
                report.leave_out(line, note)
        finally:
            bundle.close()


def _owner(item: Item) -> str | None:
    """The thread that an item belongs to."""
    match item.value:
        case Thread():
            return item.value.id
        case Message() | Run() | Step():
            return item.value.thread_id
        case _:
            return item.owner


def _gather(item: Item, bundle: Bundle | None, report: Report) -> None:
    """Put an item where it belongs."""
    if item.value is None:
        report.leave_out(item.line, item.note or "")
    elif not isinstance(item.value, Fault):
        if bundle is not None:
            bundle.add(item.line, item.value, ordered=item.ordered)
    elif bundle is not None:
        bundle.refuse(item.line, item.value)
    else:
        report.complain(Problem(line=item.line, message=item.value.message))


def _store(workspace: str, bundle: Bundle, tx: Tx) -> tuple[Outcome, Counter[str], list[tuple[int, str]]]:
    """Store a whole thread. Raises: _Refused."""
    outcome = _store_thread(tx, workspace, bundle)
    counts: Counter[str] = Counter({"new": outcome == "created", "same": outcome == "unchanged"})
    notes: list[tuple[int, str]] = []
    left: set[str] = set()
    for line, part in bundle.parts():
        why = _why_not(part, left)
        if why is not None:
            notes.append((line, why))
            continue
        try:
            fate = _store_part(tx, part)
        except Fault as fault:
            raise _Refused(line, fault) from fault
        counts[fate] += 1
    if outcome == "unchanged" and counts["new"]:
        outcome = "extended"
        _refuse_if_busy(tx, bundle)
    elif outcome == "unchanged" and counts["back"]:
        outcome = "restored"
    return outcome, +counts, notes


def _store_thread(tx: Tx, workspace: str, bundle: Bundle) -> Outcome:
    """See that the thread is there, also when only parts of it came."""
    try:
        there = table.find_thread(tx, workspace, bundle.thread_id)
        thread = bundle.thread or there
        if thread is None:
            thread = Thread(id=bundle.thread_id, workspace=workspace, created_at=bundle.earliest or 0)
        fate = table.put(tx, thread)
    except Fault as fault:
        raise _Refused(bundle.first_line, fault) from fault
    return {"new": "created", "same": "unchanged", "back": "restored"}[fate]  # type: ignore[return-value]


def _store_part(tx: Tx, part: Part) -> str:
    if isinstance(part, Step) and not table.has_run(tx, part.thread_id, part.run_id):
        raise invalid(f"The run '{part.run_id}' of this step is not in its thread.")
    fate = table.put(tx, part)
    if isinstance(part, Run) and fate == "new":
        log.append(tx, part.id, [(run_event(part.status), part)])  # so that its stream has an end
    return fate


def _why_not(part: Part, left: set[str]) -> str | None:
    """Why a part is left out: nobody would bring it to its end here. `left`: runs that are left out."""
    if isinstance(part, Run) and part.status in ACTIVE:
        left.add(part.id)
        return f"The run '{part.id}' was not over; it is left out."
    if isinstance(part, Step) and part.run_id in left:
        return f"The step '{part.id}' belongs to a run that was not over; it is left out."
    if isinstance(part, Message) and part.status == "in_progress":
        return f"The message '{part.id}' was not complete; it is left out."
    return None


def _refuse_if_busy(tx: Tx, bundle: Bundle) -> None:
    try:
        refuse_if_busy(tx, bundle.thread_id, "add to")
    except Fault as fault:
        raise _Refused(bundle.first_line, fault) from fault
