"""One limiter for all requests to a target: it narrows when asked to slow down, and widens again."""

from __future__ import annotations

import anyio

from orchestrator.targets.limits import Limits


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await anyio.lowlevel.checkpoint()


async def busiest(limits: Limits, requests: int) -> int:
    busy = most = 0

    async def one() -> None:
        nonlocal busy, most
        async with limits.slot():
            busy += 1
            most = max(most, busy)
            await anyio.lowlevel.checkpoint()
            busy -= 1

    async with anyio.create_task_group() as group:
        for _ in range(requests):
            group.start_soon(one)
    return most


def limits(time: Time, concurrency: int = 16) -> Limits:
    return Limits(concurrency=concurrency, per_second=None, sleep=time.sleep, clock=time)


async def test_a_burst_of_429_halves_once_and_success_widens_one_by_one() -> None:
    time = Time()
    shared = limits(time)
    for _ in range(10):
        shared.hold(0)
    assert (shared.width, await busiest(shared, 40)) == (8, 8)
    time.now += 2
    shared.hold(0)
    assert shared.width == 4
    for _ in range(5):
        shared.went_well()
    assert shared.width == 5
    for _ in range(1000):
        shared.went_well()
    assert (shared.width, await busiest(shared, 40)) == (16, 16)


async def test_it_never_narrows_to_nothing() -> None:
    time = Time()
    shared = limits(time, 2)
    for _ in range(9):
        shared.hold(0)
        time.now += 2
    assert await busiest(shared, 5) == 1


async def test_no_worker_begins_before_the_time_that_one_was_told() -> None:
    time = Time()
    shared = limits(time)
    shared.hold(30)
    begun: list[float] = []

    async def one() -> None:
        async with shared.slot():
            begun.append(time.now)

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(one)
    assert min(begun) >= 30


async def test_who_gives_up_waiting_leaves_his_place_to_others() -> None:
    time = Time()
    shared = limits(time, 1)
    async with shared.slot():
        with anyio.move_on_after(0.01) as gave_up:
            await busiest(shared, 1)
    assert gave_up.cancelled_caught
    assert await busiest(shared, 3) == 1
