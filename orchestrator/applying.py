"""An apply as a whole: the lock, what a crash left open, the journal, the pace; and rollbacks."""

from __future__ import annotations

import asyncio
import getpass
import os
import secrets
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.errors import OrchestratorError, SettingsError, StalePlan, TargetError
from orchestrator.journal import Intent, Journal, applies, history, leases
from orchestrator.journal.applies import Recording, open_intents
from orchestrator.reconcile import saved
from orchestrator.reconcile.causes import Inputs
from orchestrator.reconcile.desired import Desired
from orchestrator.reconcile.observed import Target
from orchestrator.reconcile.owning import Handover
from orchestrator.reconcile.plain import fingerprint, hosted, manifest_digest, whole
from orchestrator.reconcile.plans import Plan, plan, retains
from orchestrator.reconcile.results import Pace, Result, apply
from orchestrator.reconcile.writing import GRACE_SECONDS, Patience, stamp_of, uncertain, with_attempt
from orchestrator.revisions import state_of
from orchestrator.settings import LOCAL
from orchestrator.tools import HostedPlugin
from orchestrator.workspace import IN_FLIGHT, Workspace, new_attempt

LOOK_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The right to write for this owner. `lost`: whether the lock is somebody else's by now."""

    work: Workspace
    journal: Journal
    lost: Callable[[], bool]

    async def carry_out(self, planned: Plan, target: Target, *, verb: str, pace: Pace) -> list[Result]:
        """Apply a plan and write down what becomes of it."""
        if planned.empty:
            return []
        commit, dirty = await asyncio.to_thread(state_of, self.work.settings.folder)
        recording = Recording.begin(
            self.journal,
            owner=self.work.owner,
            who=who(),
            verb=verb,
            commit=commit,
            dirty=dirty,
            plan=saved.plan_hash(planned),
        )
        recording.inputs = self._made_of
        whole_pace = replace(
            pace,
            concurrency=self.work.environment.value.spec.requests.concurrency or IN_FLIGHT,
            stopping=lambda: pace.stopping() or self.lost(),
        )
        results = await apply(
            planned,
            target,
            new_attempt=new_attempt,
            recorder=recording,
            pace=whole_pace,
            patience=Patience(grace=grace(self.work)),
        )
        try:
            recording.end(outcome(results))
        except OrchestratorError as error:
            results[-1] = replace(results[-1], unrecorded=error)
        return results

    def _made_of(self, written: Desired) -> Inputs | None:
        """What an assistant is made of: what its manifest says now, if that is what was written."""
        declared = self.work.find(written.name)
        same = declared is not None and manifest_digest(declared) == manifest_digest(written)
        return declared.inputs() if declared is not None and same else None

    async def hand_over(self, handovers: Sequence[Handover], target: Target) -> list[OrchestratorError | None]:
        """Write marks and write that down; of each why it failed. What was changed since it was seen is stale."""
        commit, dirty = await asyncio.to_thread(state_of, self.work.settings.folder)
        verb = "adopt" if any(one.stamp for one in handovers) else "release"
        recording = Recording.begin(
            self.journal, owner=self.work.owner, who=who(), verb=verb, commit=commit, dirty=dirty, plan="-"
        )
        ended = await write_marks(recording, handovers, target, verb=verb)
        failed = sum(error is not None for error in ended)
        word = "done" if not failed else "in part" if failed < len(ended) else "failed"
        recording.end(f"{word}: {len(ended) - failed} done, {failed} failed, 0 not tried")
        return ended


async def write_marks(
    recording: Recording, handovers: Sequence[Handover], target: Target, *, verb: str
) -> list[OrchestratorError | None]:
    """Write each mark for itself; why it failed, if it did. What moved since it was seen is stale and left alone."""
    now = {one.id: fingerprint(one) for one in await target.observe()}
    ended: list[OrchestratorError | None] = []
    for one in handovers:
        if now.get(one.before.id) != fingerprint(one.before):
            ended.append(StalePlan(f"{one.before.id} was changed at the target meanwhile.", hint="look, and ask again"))
        else:
            ended.append(await _mark(recording, one, target, verb))
    return ended


async def _mark(recording: Recording, one: Handover, target: Target, verb: str) -> OrchestratorError | None:
    """Write one mark and nothing else; what is begun is on disk before the target is asked."""
    attempt = new_attempt() if one.stamp else ""
    stamp = one.stamp and replace(one.stamp, attempt=attempt)
    step = recording.begin_step(one.name, verb, attempt)
    try:
        await target.update(one.before.id, {"metadata": one.before.body.get("metadata") or {}}, stamp)
    except TargetError as error:
        recording.failed(step, error, open_=verb == "adopt" and uncertain(error))
        return error
    recording.written(step, one.after, stamp)
    return None


@contextmanager
def journal_of(work: Workspace) -> Generator[Journal]:
    """The journal in the project's data folder."""
    journal = Journal(work.settings.data)
    try:
        yield journal
    finally:
        journal.close()


@asynccontextmanager
async def session(
    work: Workspace, target: Target, *, say: Callable[[str], None] = lambda _: None
) -> AsyncGenerator[Session]:
    """The lock of this owner, with everything settled that an earlier apply left open.

    Raises:
        Locked: somebody else applies.
    """
    with journal_of(work) as journal:
        async with leases.held(journal, work.owner, f"{who()} (process {os.getpid()})") as lost:
            await settle_open(journal, work.owner, target, grace=grace(work), say=say)
            yield Session(work=work, journal=journal, lost=lost)


async def settle_open(
    journal: Journal,
    owner: str,
    target: Target,
    *,
    grace: float,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Look for creates that were cut off. One that is not there is given up only when the grace window has ended."""
    while left := open_intents(journal, owner):
        found = await target.observe()
        waiting: list[Intent] = []
        for intent in left:
            arrived = with_attempt(found, intent.attempt) is not None
            if arrived or intent.begun + grace <= journal.clock():
                applies.settle(journal, intent, arrived=arrived)
            else:
                waiting.append(intent)
        if waiting:
            ends = max(one.begun for one in waiting) + grace - journal.clock()
            names = ", ".join(one.name for one in waiting[:5])
            say(f"A command was cut off while it created or adopted {names}; looking for up to {ends:.0f} s more …")
            await sleep(min(LOOK_SECONDS, max(ends, 0.01)))


def grace(work: Workspace) -> float:
    """How long a list of the target may lag; our own server's never does."""
    return 0.0 if work.settings.environment == LOCAL else GRACE_SECONDS


def outcome(results: Sequence[Result]) -> str:
    """What became of an apply, in a word and counts."""
    done = sum(r.done for r in results)
    failed = sum(r.error is not None for r in results)
    skipped = sum(r.skipped for r in results)
    word = "done" if done == len(results) else "in part" if done else "failed"
    return f"{word}: {done} done, {failed} failed, {skipped} not tried"


def who() -> str:
    """The person and the machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


# ---- saved plans


def saved_plan(work: Workspace, planned: Plan) -> bytes:
    """A plan as the content of a file."""
    whose_ = whose(work)
    return saved.save(
        planned,
        environment=whose_["environment"],
        target=whose_["target"],
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        salt=secrets.token_hex(16),
        inputs=work.inputs(),
    )


def whose(work: Workspace) -> dict[str, str]:
    """Owner, environment and target, which a saved plan must be of."""
    return {"owner": work.owner, "environment": work.settings.environment, "target": _target_name(work)}


def save_plan(work: Workspace, planned: Plan, file: Path) -> None:
    """Write a plan to a file that only its owner reads. Raises: SettingsError when it cannot be written."""
    content = saved_plan(work, planned)
    beside = file.with_name(f".{file.name}.{os.getpid()}.new")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            stream.write(content)
        beside.replace(file)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise SettingsError(f"The plan cannot be written to {file}: {error.strerror}.") from error


def read_plan(work: Workspace, file: Path) -> saved.SavedPlan:
    """The plan in a file. Raises: SettingsError, StalePlan."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}.") from error
    return saved.read(content, **whose(work))


def tokens(work: Workspace) -> dict[str, HostedPlugin]:
    """Hosted plug-ins with their tokens, as the manifests and the environment give them now."""
    return {one.id: one for wish in work.desired for one in hosted(wish.body)}


def _target_name(work: Workspace) -> str:
    target = work.environment.value.spec.target
    if target is None:
        return LOCAL
    return f"{target.dialect} {target.base_url} {target.workspace or ''}".strip()


# ---- rollback


async def plan_rollback(work: Workspace, journal: Journal, target: Target, name: str, number: int | None) -> Plan:
    """A plan that writes an earlier revision of one assistant again.

    Raises:
        SettingsError: no such revision was recorded here.
    """
    observed = [o for o in await target.observe() if o.stamp is not None and o.stamp.owner == work.owner]
    now = next((o for o in observed if o.stamp is not None and o.stamp.manifest == name), None)
    current = now.stamp.revision if now is not None and now.stamp is not None else None
    recorded = history.revisions(journal, work.owner, name)
    chosen = next(
        (r for r in recorded if (r.number == number if number is not None else current is None or r.number < current)),
        None,
    )
    if chosen is None:
        which = f"revision {number}" if number is not None else "an earlier revision"
        raise SettingsError(f"No {which} of '{name}' is recorded here.", hint=f"orchestrator log {name}")
    body = whole(chosen.body, tokens(work))
    declared = work.find(name)
    file = declared.source if declared is not None else saved.Place(span=saved.Span(file=chosen.file))
    retain = declared.retain if declared is not None else now is not None and retains(now)
    wanted = Desired(name=name, body=body, source=file, protect=chosen.protect, retain=retain)
    mine = [] if now is None else [now]
    return replace(plan([wanted], mine, owner=work.owner, prune=False), beside=len(observed) - len(mine))


def hold(work: Workspace, journal: Journal, name: str, planned: Plan) -> None:
    """Hold what a rollback wrote until the manifest changes."""
    declared = work.find(name)
    if declared is None:
        return
    stamps = [stamp for change in planned.changes if (stamp := stamp_of(change, work.owner, "")) is not None]
    number = stamps[0].revision if stamps else 0
    history.hold(journal, work.owner, name, digest=manifest_digest(declared), revision=number)
