"""Whatever happens in whatever order: one object for each name, nothing of others touched, an empty plan at the end."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

sys.path.insert(0, str(Path(__file__).parents[1] / "reconcile"))
sys.path.insert(0, str(Path(__file__).parents[1] / "server"))

from faulty import BURST, CUT, KEY, LOST, MALFORMED, OWNER, Service, converge, never, often, target_of
from virtual import run_virtually
from worlds import Died, desired, many

from orchestrator.applying import settle_open
from orchestrator.errors import OrchestratorError
from orchestrator.journal import Journal
from orchestrator.journal.applies import Recording, open_intents
from orchestrator.reconcile.desired import Desired
from orchestrator.reconcile.stamp import Stamp, read_stamp

NAMES = ["a", "b", "c", "d"]
TEXTS = st.sampled_from(["Be kind.", "Be brief.", "Be both."])
FAULTS = [*BURST, *MALFORMED[:-2], CUT, LOST]
GRACE = 60.0
LAG = 20.0


def dies_at(k: int, *, after: bool) -> Callable[[int, httpx2.Request], None]:
    """The process is gone at the k-th request; `after`: it was carried out."""

    def script(number: int, _: httpx2.Request) -> None:
        if number == k and not after:
            raise Died

    return script


class Dying(Service):
    """Also dies right after a request was carried out."""

    dies_after = 0

    def carry_out(self, request: httpx2.Request, body: bytes, now: float) -> httpx2.Response:
        response = super().carry_out(request, body, now)
        if len(self.log) == self.dies_after:
            raise Died
        return response


class Projects(RuleBasedStateMachine):
    """One project with a journal, one account that others use too; each apply begins as `applying.session` does."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.now = 0.0
        self.service = Dying(lag=LAG)
        self.wanted: dict[str, Desired] = {}
        self.journal = Journal(Path(self.folder.name), clock=self.clock)
        theirs = Stamp(owner="shop/staging", manifest="a", fields={}).encode()
        self.service.add({"model": "m", "name": "a", "metadata": {}})
        self.service.add({"model": "m", "name": "b", "metadata": {"orchestrator": theirs}})
        self.foreign = {id_: dict(one) for id_, one in self.service.objects.items()}
        self.told: list[str] = []

    def teardown(self) -> None:
        if not hasattr(self, "journal"):
            return
        try:
            self.faults_end()
        finally:
            self.journal.close()
            self.folder.cleanup()

    # -- the author

    @rule(name=st.sampled_from(NAMES), text=TEXTS)
    def edit(self, name: str, text: str) -> None:
        self.wanted[name] = replace(desired(name, instructions=text), protect=False)

    @rule(name=st.sampled_from(NAMES))
    def remove(self, name: str) -> None:
        self.wanted.pop(name, None)

    @precondition(lambda self: self.wanted)
    @rule(data=st.data(), new=st.sampled_from([*NAMES, "e", "f"]))
    def rename(self, data: st.DataObject, new: str) -> None:
        old = data.draw(st.sampled_from(sorted(self.wanted)))
        if new not in self.wanted:
            self.wanted[new] = replace(desired(new), previous_names=(old,))
            del self.wanted[old]

    # -- the colleague by hand

    @precondition(lambda self: self.ours())
    @rule(data=st.data(), text=TEXTS)
    def drift(self, data: st.DataObject, text: str) -> None:
        self.service.objects[data.draw(st.sampled_from(self.ours()))]["instructions"] = text

    @precondition(lambda self: self.ours())
    @rule(data=st.data())
    def delete_by_hand(self, data: st.DataObject) -> None:
        del self.service.objects[data.draw(st.sampled_from(self.ours()))]

    @precondition(lambda self: self.ours())
    @rule(data=st.data())
    def take_the_mark_away(self, data: st.DataObject) -> None:
        id_ = data.draw(st.sampled_from(self.ours()))
        self.service.objects[id_]["metadata"] = {}
        self.foreign[id_] = dict(self.service.objects[id_])

    # -- applies

    @rule(prune=st.booleans())
    def apply(self, *, prune: bool) -> None:
        self.carry_out(never, prune=prune)

    @rule(prune=st.booleans(), seed=st.integers(0, 1000))
    def apply_with_faults(self, *, prune: bool, seed: int) -> None:
        self.carry_out(often(FAULTS, 0.3, seed), prune=prune)

    @rule(prune=st.booleans(), k=st.integers(1, 12), after=st.booleans())
    def die(self, *, prune: bool, k: int, after: bool) -> None:
        self.carry_out(dies_at(k, after=after), prune=prune, dies_after=k if after else 0)

    @rule(text=TEXTS)
    def second_writer(self, text: str) -> None:
        """Another machine with a folder of its own, after the first; it knows nothing of our journal."""
        others = [replace(one, body={**one.body, "instructions": text}) for one in self.wanted.values()]
        self.virtually(converge(self.service, others, grace=GRACE))

    # -- what holds

    @invariant()
    def nothing_is_there_twice(self) -> None:  # I1
        assert len(self.service.names()) == len(set(self.service.names()))

    @invariant()
    def nothing_of_others_is_touched(self) -> None:  # I2
        assert {id_: self.service.objects.get(id_) for id_ in self.foreign} == self.foreign

    @invariant()
    def no_secret_is_told(self) -> None:  # I9
        assert not any(KEY in text for text in self.told)
        assert all(KEY.encode() not in file.read_bytes() for file in Path(self.folder.name).iterdir())

    # -- how

    def ours(self) -> list[str]:
        marked = ((i, read_stamp(o["metadata"])) for i, o in self.service.objects.items())
        return sorted(i for i, stamp in marked if stamp is not None and stamp.owner == OWNER)

    def clock(self) -> float:
        """Time of the wall: each command's own time, one after the other."""
        return self.now + asyncio.get_running_loop().time()

    def virtually(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run one command in its own loop; enough time passes before the next that lists show everything."""

        async def main() -> Any:
            offset = self.now
            self.service.shown_from = {i: at - offset for i, at in self.service.shown_from.items()}
            try:
                return await work
            finally:
                self.now = offset + asyncio.get_running_loop().time() + LAG + 1
                self.service.shown_from = {i: at + offset for i, at in self.service.shown_from.items()}

        return run_virtually(main())

    def carry_out(self, script: Callable[..., Any], *, prune: bool, dies_after: int = 0) -> None:
        self.service.log.clear()
        self.service.script, self.service.dies_after = script, dies_after
        try:
            self.virtually(self.command(prune=prune))
        except* OrchestratorError as told:
            self.told += [f"{error.message} {error.hint}" for error in told.exceptions]
        except* Died:  # and nothing else: whatever else is raised is a trace that a person would see (I10)
            pass
        finally:
            self.service.script, self.service.dies_after = never, 0

    async def command(self, *, prune: bool) -> Any:
        await settle_open(self.journal, OWNER, target_of(self.service), grace=GRACE)
        recorder = Recording.begin(
            self.journal, owner=OWNER, who="me", verb="apply", commit=None, dirty=False, plan="p"
        )
        planned, results = await converge(
            self.service, list(self.wanted.values()), prune=prune, grace=GRACE, recorder=recorder
        )
        self.told += [result.error.message for result in results if result.error]
        return planned

    def faults_end(self) -> None:  # I11: one apply is enough, and the next writes nothing
        self.service.script, self.service.dies_after = never, 0
        self.virtually(self.command(prune=True))
        assert self.virtually(self.command(prune=True)).empty
        assert self.service.names() == sorted(self.wanted)
        assert open_intents(self.journal, OWNER) == []
        self.nothing_of_others_is_touched()


Projects.TestCase.settings = settings(
    max_examples=60, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
TestProjects = Projects.TestCase


strangers = st.one_of(
    st.none(),
    st.text(max_size=20),
    st.builds(
        lambda owner: Stamp(owner=owner, manifest="a", fields={}).encode(),
        st.sampled_from(
            ["shop/staging", "other/production", "shop/production2", "SHOP/production", " shop/production", ""]
        ),
    ),
)


@given(
    st.lists(strangers, min_size=1, max_size=5), st.lists(st.sampled_from(NAMES), unique=True), st.integers(0, 10**6)
)
@settings(max_examples=1000, deadline=None)
def test_law_no_object_of_others_is_written_in_a_thousand_worlds(marks: list, names: list, seed: int) -> None:  # A15
    async def main() -> None:
        service = Service()
        for mark in marks:
            metadata = {} if mark is None else {"orchestrator": mark}
            service.add({"model": "m", "name": "a", "instructions": "Theirs.", "metadata": metadata})
        before = {id_: dict(one) for id_, one in service.objects.items()}
        for wanted in ([desired(name) for name in names], [desired(name, instructions="New.") for name in names[1:]]):
            service.script = often(FAULTS, 0.1, seed)
            try:
                await converge(service, wanted, prune=True)
            except OrchestratorError:
                continue
        assert {id_: service.objects.get(id_) for id_ in before} == before
        touched = {one.path.rpartition("/")[2] for one in service.log if one.method != "GET"}
        assert touched.isdisjoint(before)

    run_virtually(main())


def test_what_was_changed_by_hand_is_seen_at_once_and_healed_once() -> None:  # A16
    async def main() -> None:
        service = Service()
        await converge(service, many(3))
        edited, deleted, unmarked = service.objects
        service.objects[edited]["instructions"] = "By hand."
        del service.objects[deleted]
        service.objects[unmarked]["metadata"] = {}
        planned, results = await converge(service, many(3))
        assert sorted(type(change).__name__ for change in planned.changes) == ["Create", "Create", "Update"]
        assert (planned.unmanaged, all(result.done for result in results)) == (1, True)
        again, _ = await converge(service, many(3), prune=True)
        assert (again.empty, again.unmanaged, len(service.objects)) == (True, 1, 4)

    run_virtually(main())


def test_a_name_that_changes_without_a_word_is_a_create_and_an_orphan_that_is_shown() -> None:  # A20
    async def main() -> None:
        service = Service()
        await converge(service, [desired("old")])
        planned, _ = await converge(service, [desired("new")])
        assert [one.manifest for one in planned.orphans] == ["old"]
        assert (service.names(), service.sent("DELETE")) == (["new", "old"], [])

    run_virtually(main())
