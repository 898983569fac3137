"""One look at manifests and target, and what is done about it. What is not in a plan of `chosen` is left alone.

* A file that cannot be used costs its own assistants only: they stay as they are, and nothing is deleted.
* Drift is repaired where the policy says so (`selfHeal`), later and later if somebody fights back; else it is told.
* What is no longer declared goes only where the policy says `prune: auto`, within all limits of deletion, and never
  while a file is wrong or nothing is declared at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from orchestrator.applying import session
from orchestrator.controller.status import Board, Status
from orchestrator.diagnostics import Diagnostic
from orchestrator.errors import UnsafePlan
from orchestrator.policing import judge_plan
from orchestrator.reconcile.changes import Change, Create, Update
from orchestrator.reconcile.healing import Healing
from orchestrator.reconcile.observed import Target
from orchestrator.reconcile.plans import Plan
from orchestrator.reconcile.results import Pace, Result
from orchestrator.workspace import Workspace

FIRST_RETRY = 1.0  # seconds after the first failure of an assistant
LONGEST_RETRY = 60.0


@dataclass(slots=True)
class Tried:
    """Failures of one assistant in a row, and when it is tried again."""

    times: int
    again: float


class Cycle:
    """Carries out looks, one after the other; remembers repairs and failures between them."""

    def __init__(self, board: Board, clock: Callable[[], float], say: Callable[[str], None]) -> None:
        self._board = board
        self._clock = clock
        self._say = say
        self._healing = Healing()
        self._failed: dict[str, Tried] = {}

    async def look(
        self, work: Workspace, target: Target, *, show: Callable[[Plan], None], aloud: bool = False
    ) -> list[Result]:
        """Look, and bring in line what may be. `show` gets what is about to be done, `aloud`: also if it is nothing.

        Raises:
            TargetError: the target cannot be looked at. Locked: somebody else applies.
            UnsafePlan: policy or limits forbid it all.
        """
        errors = [one for one in work.diagnostics if one.severity == "error"]
        async with session(work, target, say=self._say) as mine:
            planned = await work.plan(target, prune=self._prunes(work, errors))
            chosen = self._chosen(work, planned)
            self._note_all(work, planned, errors)
            if not chosen.empty:
                self._judge(work, chosen)
            if not chosen.empty or aloud:
                show(chosen)
            results = await mine.carry_out(chosen, target, verb="up", pace=Pace())
        for result in results:
            self._note_result(result)
        return results

    @property
    def next_try(self) -> float | None:
        """When something is to be tried again, by the clock; None: nothing is."""
        times = [one.next_try for one in self._board.all if one.next_try is not None]
        return min(times) if times else None

    # ---- what is done

    def _prunes(self, work: Workspace, errors: list[Diagnostic]) -> bool:
        return work.environment.value.spec.policy.prune == "auto" and not errors and bool(work.desired)

    def _chosen(self, work: Workspace, planned: Plan) -> Plan:
        now = self._clock()
        heals = work.environment.value.spec.policy.self_heal
        suspended = work.suspended
        changes = [
            change
            for change in planned.changes
            if (name := name_of(change)) not in suspended
            and self._due(name, now)
            and (not _drifted(change) or (heals and self._healing.may(name, now)))
        ]
        return replace(planned, changes=tuple(changes))

    def _due(self, name: str, now: float) -> bool:
        tried = self._failed.get(name)
        return tried is None or now >= tried.again

    def _judge(self, work: Workspace, chosen: Plan) -> None:
        """Ask guards and policy; what the rules say is told."""
        try:
            work.check(chosen)
            verdict = judge_plan(work, chosen)
            for one in verdict.diagnostics:
                self._say(str(one))
            verdict.raise_for_secrets()
            verdict.raise_for_errors()
        except UnsafePlan as error:
            cause = f"{error.code}: {error.message}"
            for change in chosen.changes:
                self._board.note(Status(name=name_of(change), state="Failed", since=self._clock(), cause=cause))
            raise

    # ---- what is known

    def _note_all(self, work: Workspace, planned: Plan, errors: list[Diagnostic]) -> None:
        """What a look finds, before anything is done."""
        now = self._clock()
        declared = {one.name for one in work.desired}
        pending = {name_of(change): change for change in planned.changes}
        known = {one.name: one for one in self._board.all}
        broken = (work.loaded.assistants.keys() | known.keys() if errors else set[str]()) - declared - pending.keys()
        revisions = {
            o.manifest: o.stamp.revision for c in planned.changes if isinstance(c, Update) and (o := c.before).stamp
        }
        for name in declared - pending.keys():
            before = known.get(name)
            self._failed.pop(name, None)
            state = "Suspended" if name in work.suspended else "Synced"
            self._put(Status(name=name, state=state, since=now, revision=before.revision if before else None))
        for name, change in pending.items():
            self._put(self._pending(work, name, change, revisions.get(name), now))
        for name in broken:
            cause = next((str(d).splitlines()[0] for d in errors), "its manifest cannot be used")
            self._put(Status(name=name, state="Failed", since=now, cause=cause))
        if not errors:
            self._board.keep(declared | pending.keys())
        self._healing.forget(declared)

    def _pending(self, work: Workspace, name: str, change: Change, revision: int | None, now: float) -> Status:
        if name in work.suspended:
            return Status(name=name, state="Suspended", since=now, revision=revision, cause="changes wait")
        tried = self._failed.get(name)
        before = self._board.get(name)
        if tried is not None and now < tried.again:
            cause = before.cause if before else ""
            return Status(name=name, state="Failed", since=now, revision=revision, cause=cause, next_try=tried.again)
        if _drifted(change):
            heals = work.environment.value.spec.policy.self_heal
            again = self._healing.next(name, now) if heals else None
            fields = ", ".join(d.field for d in change.differences if d.drifted) if isinstance(change, Update) else ""
            return Status(name=name, state="Drifted", since=now, revision=revision, cause=fields, next_try=again)
        return Status(name=name, state="Pending", since=now, revision=revision)

    def _note_result(self, result: Result) -> None:
        name, now = name_of(result.change), self._clock()
        if result.done:
            self._failed.pop(name, None)
            if _drifted(result.change) and self._healing.done(name, now).alert:
                self._say(
                    f"{name}: somebody keeps changing it at the target; it was repaired {self._times(name)} times."
                )
            if isinstance(result.change, Create | Update):
                stamp = result.change.before.stamp if isinstance(result.change, Update) else None
                revision = stamp.revision + 1 if stamp else 1
                self._put(Status(name=name, state="Synced", since=now, revision=revision))
        elif result.error is not None:
            times = self._failed[name].times + 1 if name in self._failed else 1
            again = now + min(LONGEST_RETRY, FIRST_RETRY * 2 ** (times - 1))
            self._failed[name] = Tried(times, again)
            cause = f"{result.error.code}: {result.error.message}"
            self._put(Status(name=name, state="Failed", since=now, cause=cause, next_try=again))

    def _times(self, name: str) -> int:
        found = self._healing.known.get(name)
        return found.times if found else 0

    def _put(self, status: Status) -> None:
        before = self._board.get(status.name)
        changed = self._board.note(status)
        told = status.state in ("Drifted", "Failed", "Suspended") or (before is not None and before.state == "Failed")
        if changed and told:
            self._say(f"{status.name}: {status.state}" + (f": {status.cause}" if status.cause else ""))


def name_of(change: Change) -> str:
    """The assistant that a change is about."""
    return change.after.name if isinstance(change, Create | Update) else change.name


def _drifted(change: Change) -> bool:
    """Whether it does no more than undo what somebody changed at the target."""
    return isinstance(change, Update) and change.cause == "drifted"
