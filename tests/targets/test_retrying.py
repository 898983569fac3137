"""When a request is tried again, and after which pause."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import CannotUnderstand, Rejected, SlowDown, TargetError, TheirFault, Unreachable
from orchestrator.targets.retrying import not_carried_out, retry, temporary


class Failing:
    def __init__(self, *errors: TargetError) -> None:
        self.errors = list(errors)
        self.pauses: list[float] = []
        self.tries = 0

    async def __call__(self) -> str:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)


async def test_pauses_double_up_to_their_bound() -> None:
    work = Failing(*[TheirFault() for _ in range(9)])
    assert await retry(work, sleep=work.sleep, random=lambda: 1.0, attempts=10) == "done"
    assert work.pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


async def test_what_the_target_asks_for_is_the_least() -> None:
    work = Failing(SlowDown(retry_after=7), SlowDown(retry_after=0.1), SlowDown(retry_after=1e9))
    await retry(work, sleep=work.sleep, random=lambda: 1.0)
    assert work.pauses == [7, 1, 120]


async def test_permanent_errors_are_not_repeated() -> None:
    work = Failing(Rejected())
    with pytest.raises(Rejected):
        await retry(work, sleep=work.sleep)
    assert (work.tries, work.pauses) == (1, [])


@given(st.lists(st.floats(0, 1), min_size=5, max_size=5))
async def test_jitter_never_exceeds_the_bound(numbers: list[float]) -> None:
    work = Failing(*[TheirFault() for _ in range(5)])
    left = iter(numbers)
    await retry(work, sleep=work.sleep, random=lambda: next(left))
    assert all(pause <= bound for pause, bound in zip(work.pauses, (0.5, 1, 2, 4, 8), strict=True))


@pytest.mark.parametrize(
    ("error", "again", "singly"),
    [
        (TheirFault(), True, False),
        (Unreachable(sent=True), True, False),
        (Unreachable(sent=False), True, True),
        (SlowDown(), True, True),
        (Rejected(sent=False), False, False),
        (CannotUnderstand(), False, False),
    ],
    ids=str,
)
def test_only_what_was_surely_not_carried_out_is_repeated_singly(
    error: TargetError, *, again: bool, singly: bool
) -> None:
    assert (temporary(error), not_carried_out(error)) == (again, singly)
