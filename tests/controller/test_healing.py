"""Repairing drift when somebody fights back: on a virtual clock."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.reconcile.healing import ALERT_FROM, LONGEST_PAUSE, QUIET, Healing


def test_pauses_double_up_to_five_minutes_and_the_fifth_is_an_alert():
    healing, now, pauses = Healing(), 0.0, []
    for _ in range(9):  # it drifts again at once, each time
        assert healing.may("a", now)
        done = healing.done("a", now)
        assert done.alert == (done.times >= ALERT_FROM)
        pauses.append(done.next - now)
        assert not healing.may("a", done.next - 0.01)
        assert healing.next("a", now) == done.next
        now = done.next
    assert pauses == [10, 20, 40, 80, 160, 300, 300, 300, 300]


def test_ten_quiet_minutes_and_all_is_forgotten():
    healing = Healing()
    for now in (0.0, 10.0, 30.0):
        healing.done("a", now)
    assert healing.done("a", 30.0 + QUIET).times == 1
    assert healing.may("b", 30.0)
    healing.forget({"b"})
    assert healing.known == {}


@given(st.lists(st.floats(0, 700), min_size=1, max_size=60))
def test_repairs_are_never_closer_than_their_pause(waits: list[float]):
    """Whatever happens at the target, whoever looks whenever."""
    healing, now, repairs = Healing(), 0.0, []
    for wait in waits:
        now += wait
        if healing.may("a", now):
            healing.done("a", now)
            repairs.append(now)
    gaps = [b - a for a, b in pairwise(repairs)]
    assert all(gap >= 10 for gap in gaps)
    for nth in range(5, len(gaps)):  # six in a row, each within ten minutes of the one before: five minutes apart
        if all(gap < QUIET for gap in gaps[nth - 5 : nth + 1]):
            assert gaps[nth] >= min(LONGEST_PAUSE, 160)
