"""The journal: intents before creates, what a crash leaves open, locks, a full disk; dispensable in all of it."""

from __future__ import annotations

import sqlite3
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "reconcile"))

from worlds import OWNER, Died, breaking, converge, desired, lost_answer, many, names

from orchestrator.applying import settle_open, write_marks
from orchestrator.errors import JournalError, JournalFull, Locked, StalePlan
from orchestrator.journal import Journal, applies, history, leases
from orchestrator.journal.applies import Recording, open_intents
from orchestrator.journal.schema import VERSIONS
from orchestrator.reconcile import owning
from orchestrator.reconcile.causes import Input, Inputs
from orchestrator.reconcile.changes import Create, stamp_for


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(tmp_path: Path, clock: Clock) -> Iterator[Journal]:
    made = Journal(tmp_path / "data", clock=clock)
    yield made
    made.close()


def recording(journal: Journal) -> Recording:
    return Recording.begin(journal, owner=OWNER, who="me@here", verb="apply", commit=None, dirty=False, plan="p")


def test_reading_makes_no_file_and_writing_makes_a_private_one(journal: Journal) -> None:
    assert history.holds(journal, OWNER) == {}
    assert not journal.path.exists()
    recording(journal)
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600


def test_a_newer_journal_is_refused(journal: Journal) -> None:
    recording(journal)
    journal.close()
    with sqlite3.connect(journal.path) as raw:
        raw.execute("PRAGMA user_version = 99")
    raw.close()
    with pytest.raises(JournalError, match="newer version"):
        recording(journal)


async def test_steps_and_revisions_are_what_was_done(journal: Journal) -> None:
    mine = recording(journal)
    target = breaking()
    await converge(target, [desired("a"), desired("b")], recorder=mine)
    await converge(target, [desired("a", instructions="New."), desired("b")], recorder=mine)
    assert [(s.name, s.action, s.state) for s in applies.steps(journal, mine.apply)] == [
        ("a", "create", "done"),
        ("b", "create", "done"),
        ("a", "update", "done"),
    ]
    found = history.revisions(journal, OWNER, "a")
    assert [(r.number, r.body["instructions"]) for r in found] == [(2, "New."), (1, "You are a.")]


async def test_a_create_is_on_disk_before_the_target_is_asked(journal: Journal) -> None:
    target = breaking()
    target.arm(2, after=False, raises=Died)
    with pytest.raises((Died, BaseExceptionGroup)):
        await converge(target, [desired("a")], recorder=recording(journal))
    other = Journal(journal.path.parent)
    assert [i.name for i in open_intents(other, OWNER)] == ["a"]
    other.close()


@pytest.mark.parametrize("after", [False, True])
async def test_death_at_every_create_leaves_nothing_twice(journal: Journal, clock: Clock, after: bool) -> None:
    for at in range(2, 12):
        target = breaking()
        target.arm(at, after=after, raises=Died)
        with pytest.raises((Died, BaseExceptionGroup)):
            await converge(target, many(10), recorder=recording(journal))
        target.arm(None, after=False, raises=Died)
        await settle_open(journal, OWNER, target, grace=60, sleep=clock.sleep)
        await converge(target, many(10), recorder=recording(journal))
        assert await names(target) == [one.name for one in many(10)]
        assert open_intents(journal, OWNER) == []


async def test_death_between_create_and_journal_is_settled_by_the_attempt(journal: Journal, clock: Clock) -> None:
    class DiesUnwritten(Recording):
        def done(self, *_: object) -> None:
            raise Died

    target = breaking()
    mine = DiesUnwritten(journal, OWNER, recording(journal).apply)
    with pytest.raises((Died, BaseExceptionGroup)):
        await converge(target, [desired("a")], recorder=mine)
    begun = clock.now
    await settle_open(journal, OWNER, target, grace=60, sleep=clock.sleep)
    assert (clock.now, open_intents(journal, OWNER)) == (begun, [])
    planned, _ = await converge(target, [desired("a")])
    assert planned.empty


async def test_a_list_that_lags_is_waited_for_and_told(journal: Journal, clock: Clock) -> None:
    target = breaking()
    target.arm(2, after=True, raises=Died)
    with pytest.raises((Died, BaseExceptionGroup)):
        await converge(target, [desired("a")], recorder=recording(journal))
    target.arm(None, after=False, raises=Died)
    hidden, target.objects = target.objects, {}
    begun = clock.now

    async def sleep(seconds: float) -> None:
        clock.now += seconds
        if clock.now >= begun + 30:
            target.objects = hidden

    said: list[str] = []
    await settle_open(journal, OWNER, target, grace=60, sleep=sleep, say=said.append)
    assert "while it created or adopted a" in said[0]
    assert clock.now - begun < 40
    assert (await names(target), open_intents(journal, OWNER)) == (["a"], [])


async def test_what_never_arrived_is_given_up_when_the_grace_window_ends(journal: Journal, clock: Clock) -> None:
    target = breaking()
    target.arm(2, after=False, raises=Died)
    with pytest.raises((Died, BaseExceptionGroup)):
        await converge(target, [desired("a")], recorder=recording(journal))
    target.arm(None, after=False, raises=Died)
    begun = clock.now
    await settle_open(journal, OWNER, target, grace=60, sleep=clock.sleep)
    assert clock.now - begun == pytest.approx(60)
    assert open_intents(journal, OWNER) == []


async def test_a_full_disk_stops_before_the_next_write(journal: Journal) -> None:
    mine = recording(journal)
    intend = mine.intend

    def full(change: object, attempt: str) -> int:
        if len(applies.steps(journal, mine.apply)) == 3:
            raise JournalFull
        return intend(change, attempt)  # pyright: ignore[reportArgumentType]

    mine.intend = full  # pyright: ignore[reportAttributeAccessIssue]
    target = breaking()
    _, results = await converge(target, many(20), recorder=mine)
    assert len(await names(target)) == 3
    assert next(r.error.code for r in results if r.error) == "JRN002"
    assert any(r.skipped for r in results)
    await converge(target, many(20), recorder=recording(journal))
    assert len(await names(target)) == 20


def test_sqlite_without_room_is_told_as_a_full_disk(journal: Journal) -> None:
    mine = recording(journal)
    with journal.writing() as tx:
        pages = tx.execute("PRAGMA page_count").fetchone()[0]
        tx.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(JournalFull, match="disk is full"):
        mine.end("x" * 1_000_000)


async def test_without_a_journal_the_target_knows_enough(journal: Journal) -> None:
    target = breaking()
    await converge(target, many(3), recorder=recording(journal))
    journal.close()
    journal.path.unlink()
    planned, _ = await converge(target, many(3), recorder=recording(journal))
    assert planned.empty


async def test_a_lost_answer_stays_open_for_the_next_apply(journal: Journal) -> None:
    class Deaf(type(breaking())):
        async def create(self, *_: object):
            raise lost_answer()

    target = Deaf()
    target.arm(None, after=False, raises=Died)
    _, results = await converge(target, [desired("a")], recorder=recording(journal))
    assert [r.done for r in results] == [False]
    assert [i.name for i in open_intents(journal, OWNER)] == ["a"]


def test_a_lock_names_its_holder_and_ends_by_release_or_time(journal: Journal, clock: Clock) -> None:
    mine = leases.take(journal, OWNER, "ann@one", ttl=60)
    with pytest.raises(Locked, match=f"ann@one .*{mine.nonce}") as refused:
        leases.take(journal, OWNER, "bob@two")
    assert refused.value.exit_code == 6
    assert leases.take(journal, "other/env", "bob@two").holder == "bob@two"
    clock.now += 61
    theirs = leases.take(journal, OWNER, "bob@two")
    assert leases.renew(journal, mine) is None
    assert not leases.release(journal, mine.nonce)
    assert leases.release(journal, theirs.nonce)
    assert leases.take(journal, OWNER, "ann@one").nonce != mine.nonce


async def test_a_lock_that_was_released_is_lost(journal: Journal, clock: Clock) -> None:
    import asyncio

    async with leases.held(journal, OWNER, "ann@one", ttl=0.03) as lost:
        assert not lost()
        leases.release(journal, leases.leases(journal)[0].nonce)
        await asyncio.sleep(0.1)
        assert lost()


@pytest.mark.parametrize("after", [False, True])
async def test_an_adoption_that_was_cut_off_is_settled_by_its_attempt(
    journal: Journal, clock: Clock, after: bool
) -> None:
    target = breaking()
    known = target.put({"model": "m", "name": "a", "instructions": "Theirs.", "metadata": {}})["id"]
    handover = owning.adopt(desired("a"), known, await target.observe(), owner=OWNER)
    target.arm(2, after=after, raises=Died)
    with pytest.raises(Died):
        await write_marks(recording(journal), [handover], target, verb="adopt")
    target.arm(None, after=False, raises=Died)
    assert [one.name for one in open_intents(journal, OWNER)] == ["a"]
    await settle_open(journal, OWNER, target, grace=60, sleep=clock.sleep)
    assert open_intents(journal, OWNER) == []
    (now,) = await target.observe()
    assert (now.stamp is not None) is after
    assert [s.state for s in applies.steps(journal, 1)] == ["done" if after else "absent"]


async def test_what_moved_since_it_was_seen_is_not_taken_and_the_others_are(journal: Journal) -> None:
    target = breaking()
    ids = [target.put({"model": "m", "name": name, "instructions": "Theirs.", "metadata": {}})["id"] for name in "ab"]
    seen = await target.observe()
    both = [owning.adopt(desired(name), known, seen, owner=OWNER) for name, known in zip("ab", ids, strict=True)]
    await target.update(ids[0], {"instructions": "Moved."}, None)
    moved, taken = await write_marks(recording(journal), both, target, verb="adopt")
    assert (isinstance(moved, StalePlan), taken) == (True, None)
    assert {one.id: one.stamp is not None for one in await target.observe()} == {ids[0]: False, ids[1]: True}
    (kept,) = history.revisions(journal, OWNER, "b")
    assert kept.body["instructions"] == "Theirs."


async def test_what_an_assistant_was_made_of_is_kept_for_its_last_revision_only(journal: Journal) -> None:
    first, second = Inputs(digests={Input("template", "a"): "1"}), Inputs(digests={Input("template", "a"): "2"})
    for revision, made_of in ((1, first), (2, second), (3, None)):
        mine = recording(journal)
        mine.inputs = lambda _, made_of=made_of: made_of
        want = desired("weather")
        change = Create(after=want)
        mine.done(mine.intend(change, "a"), change, stamp_for(want, OWNER, revision=revision, attempt="a"))
        assert history.inputs(journal, OWNER) == {"weather": (revision, made_of)}


def test_a_journal_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "journal.db")
    for statement in VERSIONS[0]:
        old.execute(statement)
    old.execute("INSERT INTO holds VALUES (?, 'weather', 'd', 3, 1.0)", (OWNER,))
    old.execute("PRAGMA user_version = 1")
    old.commit()
    old.close()
    journal = Journal(tmp_path)
    assert history.inputs(journal, OWNER) == {}
    assert history.holds(journal, OWNER)["weather"].revision == 3
    journal.close()


async def test_the_lease_of_a_process_that_is_gone_is_taken_over_at_once(journal: Journal) -> None:
    mine = leases.take(journal, OWNER, "ann@one")
    with pytest.raises(Locked):
        leases.take(journal, OWNER, "bob@one")  # this very process lives
    world, pid, began = mine.process.split()
    for process, gone in (
        (f"{world} {pid} {int(began) + 1}", True),  # the id belongs to another process by now
        (f"{world} 4194304 {began}", True),  # there is none
        (f"elsewhere {pid} {int(began) + 1}", False),  # on another machine: nobody knows
        ("", False),
    ):
        with journal.writing() as tx:
            tx.execute("UPDATE leases SET process = ?", (process,))
        if gone:
            assert leases.take(journal, OWNER, "bob@one").holder == "bob@one"
        else:
            with pytest.raises(Locked):
                leases.take(journal, OWNER, "bob@one")
