"""Token buckets, on a clock that is moved by hand."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.server.access.buckets import Buckets

PACES = st.floats(0.01, 1000)
BURSTS = st.integers(1, 50)
PAUSES = st.lists(st.floats(0, 20), max_size=60)


@dataclass
class Time:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def asked(buckets: Buckets, name: str, pace: float, burst: int) -> float:
    """Take a token if there is one; what was waited for."""
    wait = buckets.wait(name, pace, burst)
    if not wait:
        buckets.take(name, pace)
    return wait


def test_a_burst_then_one_by_one() -> None:
    time = Time()
    buckets = Buckets(time)
    assert [asked(buckets, "a", 2.0, 3) for _ in range(4)] == [0, 0, 0, 0.5]
    time.now += 0.5
    assert [asked(buckets, "a", 2.0, 3) for _ in range(2)] == [0, 0.5]
    assert asked(buckets, "b", 2.0, 3) == 0
    time.now += 60
    assert buckets.left("a", 2.0, 3) == 3
    assert buckets.refill("a") == 0


@given(PACES, BURSTS, PAUSES)
def test_never_more_than_a_burst_and_what_comes_in_with_time(pace: float, burst: int, pauses: list[float]) -> None:
    time = Time()
    buckets = Buckets(time)
    let_in: list[float] = []
    for pause in pauses:
        time.now += pause
        if not asked(buckets, "a", pace, burst):
            let_in.append(time.now)
    for first, begin in enumerate(let_in):
        for last, end in enumerate(let_in[first:], start=first):
            assert last - first + 1 <= burst + pace * (end - begin) + 1e-3


@given(PACES, BURSTS, PAUSES)
def test_whoever_waits_as_long_as_told_is_let_in_and_not_much_sooner(
    pace: float, burst: int, pauses: list[float]
) -> None:
    time = Time()
    buckets = Buckets(time)
    for pause in pauses:
        time.now += pause
        wait = asked(buckets, "a", pace, burst)
        if wait:
            time.now += wait * 0.9
            assert buckets.wait("a", pace, burst) > 0 or wait < 1e-6
            time.now += wait * 0.1 + 1e-9
            assert asked(buckets, "a", pace, burst) == 0


@given(PACES, BURSTS, PAUSES)
def test_what_is_left_is_what_is_let_in(pace: float, burst: int, pauses: list[float]) -> None:
    time = Time()
    buckets = Buckets(time)
    for pause in pauses:
        time.now += pause
        left = buckets.left("a", pace, burst)
        assert 0 <= left <= burst
        assert (left > 0) == (asked(buckets, "a", pace, burst) == 0)


@given(st.lists(st.tuples(st.integers(0, 30), st.floats(0, 3)), max_size=200))
def test_their_number_is_bounded_and_none_that_matters_is_forgotten_before_its_half(
    requests: list[tuple[int, float]],
) -> None:
    time = Time()
    few, many = Buckets(time, most=8), Buckets(time)
    for name, pause in requests:
        time.now += pause
        if few.wait(str(name), 1.0, 2):  # what the bounded one refuses, the other one refuses too
            assert many.wait(str(name), 1.0, 2)
        if not many.wait(str(name), 1.0, 2):
            many.take(str(name), 1.0)
        if not few.wait(str(name), 1.0, 2):
            few.take(str(name), 1.0)
        assert len(few) <= 8


def test_forgetting_full_buckets_changes_nothing() -> None:
    time = Time()
    buckets = Buckets(time, most=4)
    for name in "abcd":
        buckets.take(name, 1.0)
    time.now += 0.9
    buckets.take("a", 1.0)
    time.now += 0.2
    buckets.take("e", 1.0)
    assert len(buckets) == 2
    assert buckets.wait("a", 1.0, 1) > 0
