"""The reliability matrix over a wire with scripted faults: nothing twice, nothing lost, nothing of others touched."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from random import Random

import httpx2
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "reconcile"))
sys.path.insert(0, str(Path(__file__).parents[1] / "server"))

from faulty import (
    BURST,
    CUT,
    KEY,
    LOST,
    MALFORMED,
    OWNER,
    Fault,
    Service,
    at,
    converge,
    in_seconds,
    never,
    of,
    often,
    raising,
    refusal,
    target_of,
    until_a_date,
)
from virtual import run_virtually
from worlds import desired, many

from orchestrator.applying import settle_open
from orchestrator.errors import OrchestratorError
from orchestrator.journal import Journal
from orchestrator.journal.applies import Recording, open_intents

LOSSES = [LOST, CUT, raising(httpx2.ReadTimeout, commits=True, seconds=60), raising(httpx2.WriteError, commits=True)]


def now() -> float:
    return asyncio.get_running_loop().time()


async def settled(service: Service, wanted: list, *, prune: bool = False) -> None:
    """Without faults one more apply is enough, and the next one writes nothing."""
    service.script = never
    await asyncio.sleep(service.lag)
    await converge(service, wanted, prune=prune)
    await asyncio.sleep(service.lag)
    before = len(service.log)
    planned, _ = await converge(service, wanted, prune=prune)
    assert planned.empty
    assert {one.method for one in service.log[before:]} == {"GET"}
    assert service.names() == sorted(one.name for one in wanted)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_200_creates_with_lost_answers_are_found_again_each_by_one_post(loss: Fault) -> None:  # A4, A7
    async def main() -> None:
        service = Service(script=of("POST", loss), latency=0.1)
        _, results = await converge(service, many(200))
        assert all(result.done for result in results)
        assert service.names() == [one.name for one in many(200)]
        assert len({one.attempt for one in service.creates()}) == len(service.creates()) == 200
        assert len(service.sent("GET")) <= 2 + 200 * 2  # the plan's two pages, and one list (two pages) for each
        await settled(service, many(200))

    run_virtually(main())


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_a_list_that_lags_30_s_brings_no_second_create(loss: Fault) -> None:  # A5
    async def main() -> None:
        service = Service(script=of("POST", loss), lag=30)
        _, results = await converge(service, many(20))
        assert all(result.done for result in results)
        assert (len(service.creates()), len(service.objects)) == (20, 20)
        assert now() <= 60 + 60
        await settled(service, many(20))

    run_virtually(main())


@pytest.mark.parametrize("status", [400, 401, 500])
def test_a_create_that_nobody_could_look_for_stays_open(tmp_path: Path, status: int) -> None:  # A5, A6
    async def main() -> None:
        service = Service()
        journal = Journal(tmp_path, clock=now)
        recorder = Recording.begin(journal, owner=OWNER, who="me", verb="apply", commit=None, dirty=False, plan="p")
        service.script = lambda number, _: [None, LOST][number - 1] if number <= 2 else refusal(status, "Broken")
        _, results = await converge(service, [desired("a")], recorder=recorder)
        assert [result.done for result in results] == [False]
        assert [intent.name for intent in open_intents(journal, OWNER)] == ["a"]
        service.script = never
        await settle_open(journal, OWNER, target_of(service), grace=60, sleep=asyncio.sleep)
        assert open_intents(journal, OWNER) == []
        journal.close()
        await settled(service, [desired("a")])
        assert len(service.creates()) == 1

    run_virtually(main())


def test_the_grace_window_of_an_open_create_counts_from_its_last_sending(tmp_path: Path) -> None:  # A5, A6
    async def main() -> None:
        service = Service(lag=30)
        journal = Journal(tmp_path, clock=now)
        recorder = Recording.begin(journal, owner=OWNER, who="me", verb="apply", commit=None, dirty=False, plan="p")

        def script(_: int, request: httpx2.Request) -> Fault | None:
            sent = len(service.creates())
            if request.method == "POST":  # the first never arrives; the second does, a minute later
                return raising(httpx2.ReadError) if sent == 1 else LOST
            return refusal(400, "Broken") if sent == 2 else None

        service.script = script
        _, results = await converge(service, [desired("a")], recorder=recorder)
        assert ([result.done for result in results], len(service.objects)) == ([False], 1)
        service.script = never
        await settle_open(journal, OWNER, target_of(service), grace=60, sleep=asyncio.sleep)
        await converge(service, [desired("a")])
        journal.close()
        assert (len(service.creates()), len(service.objects)) == (2, 1)

    run_virtually(main())


def test_what_never_arrived_is_sent_again_only_after_the_grace_window() -> None:  # A5
    async def main() -> None:
        service = Service(script=at([2], raising(httpx2.ReadError)))
        _, results = await converge(service, [desired("a")])
        first, second = service.creates()
        assert results[0].done
        assert first.attempt == second.attempt
        assert second.at - first.at >= 60

    run_virtually(main())


@pytest.mark.parametrize("slow", [in_seconds(30), until_a_date(30)], ids=str)
def test_nobody_asks_before_the_time_that_one_was_told(slow: Fault) -> None:  # A8
    async def main() -> None:
        service = Service(script=at([2], slow), latency=0.1)
        _, results = await converge(service, many(20), concurrency=4)
        assert all(result.done for result in results)
        told = service.log[1].at + 0.1
        assert [one.at for one in service.log if told + 0.01 < one.at < told + 29.5] == []
        assert now() <= told + 30 * 1.2
        assert len(service.creates()) == 21

    run_virtually(main())


def test_slow_down_for_ever_ends_after_six_tries_of_each() -> None:  # A8
    async def main() -> None:
        service = Service(script=of("POST", in_seconds(30)))
        _, results = await converge(service, many(5))
        assert [r.error.code for r in results if r.error] == ["API005"] * 5
        assert len(service.creates()) == 5 * 6

    run_virtually(main())


@pytest.mark.parametrize("seed", range(5))
def test_a_fifth_of_all_requests_fails_and_all_is_done_with_few_requests_more(seed: int) -> None:  # A9
    async def main() -> None:
        service = Service(latency=0.1)
        await converge(service, many(200))
        service.log.clear()
        service.script = often(BURST, 0.2, seed)
        edited = many(200, instructions="New.")
        _, results = await converge(service, edited)
        assert all(result.done for result in results)
        assert len(service.log) <= 1.6 * (2 + 200)
        await settled(service, edited)

    run_virtually(main())


@pytest.mark.parametrize("seed", range(5))
def test_creates_in_a_burst_are_never_doubled(seed: int) -> None:  # A9, A7
    async def main() -> None:
        service = Service(script=often([*BURST, *LOSSES], 0.2, seed), latency=0.1, lag=5)
        await converge(service, many(100))
        assert len(service.names()) == len(set(service.names()))
        await settled(service, many(100))

    run_virtually(main())


def test_one_that_is_rejected_is_told_with_its_place_and_not_tried_again() -> None:  # A10
    async def main() -> None:
        service = Service(script=at([100], refusal(400, "InvalidParameter")))
        _, results = await converge(service, many(200))
        (failed,) = [result for result in results if result.error]
        assert sum(result.done for result in results) == 199
        assert failed.change.after.place.file == "assistants.d/a.yaml"
        assert failed.error.message == "InvalidParameter: no, ***"
        assert len(service.creates()) == 200
        await settled(service, many(200))

    run_virtually(main())


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_refused_in_the_middle_stops_the_rest(status: int) -> None:  # A11
    async def main() -> None:
        refused = refusal(status, "AccessDenied")
        service = Service(script=lambda number, _: refused if number >= 50 else None, latency=0.1)
        _, results = await converge(service, many(200), concurrency=2)
        assert len(service.log) <= 50 + 2
        assert sum(result.done for result in results) == 48
        assert sum(result.skipped for result in results) == 200 - 48 - sum(r.error is not None for r in results)
        await settled(service, many(200))

    run_virtually(main())


@pytest.mark.parametrize("seed", range(10))
def test_random_stalls_end_and_cost_nothing(seed: int) -> None:  # A12
    async def main() -> None:
        stalls = [
            raising(httpx2.ConnectTimeout, seconds=5),
            raising(httpx2.ReadTimeout, seconds=60),
            raising(httpx2.ReadTimeout, seconds=60, commits=True),
            raising(httpx2.WriteTimeout, seconds=60),
        ]
        service = Service(script=often(stalls, 0.3, seed))
        await converge(service, many(10))
        assert now() <= 60 * 6 * 10
        await settled(service, many(10))

    run_virtually(main())


@pytest.mark.parametrize("fault", MALFORMED, ids=str)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_answer_that_makes_no_sense_deletes_nothing_and_doubles_nothing(method: str, fault: Fault) -> None:  # A13
    async def main() -> None:
        service = Service(lag=0)
        await converge(service, many(6))
        theirs = service.add({"model": "m", "name": "theirs", "metadata": {}})
        wanted = [*many(2, instructions="New."), *many(5)[2:], desired("b"), desired("c")]
        service.script = of(method, fault)
        try:
            _, results = await converge(service, wanted, prune=True)
            assert all(result.done or isinstance(result.error, OrchestratorError) for result in results)
        except OrchestratorError as error:
            assert KEY not in error.message  # noqa: PT017
        assert set(service.names()) >= {one.name for one in many(5)}
        await settled(service, wanted, prune=True)
        assert service.objects[theirs["id"]] == theirs

    run_virtually(main())


@pytest.mark.parametrize("fault", MALFORMED, ids=str)
def test_a_create_whose_answer_makes_no_sense_is_found_though_the_list_lags(fault: Fault) -> None:  # A5, A13
    async def main() -> None:
        service = Service(script=of("POST", fault), lag=30)
        _, results = await converge(service, many(3))
        assert all(result.done for result in results)
        assert len(service.creates()) == 3
        await settled(service, many(3))

    run_virtually(main())


def test_pages_that_shift_while_they_are_read_hide_nothing_of_ours() -> None:  # A13
    async def main() -> None:
        service = Service(page=7)
        await converge(service, many(40))
        dice = Random(3)

        def shift(number: int, request: httpx2.Request) -> None:
            service.add({"model": "m", "name": f"new {number}", "metadata": {}})
            if number % 2 and request.method == "GET":
                strangers = [id_ for id_, one in service.objects.items() if not one["metadata"]]
                del service.objects[dice.choice(strangers)]

        service.script = shift
        planned, _ = await converge(service, many(40), prune=True)
        assert (planned.empty, len(planned.unchanged)) == (True, 40)

    run_virtually(main())
