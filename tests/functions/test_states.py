"""What plug-ins keep of a thread: each for itself, through restarts, from any thread."""

import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import Context
from orchestrator.functions import Registry, Unit
from orchestrator.functions.context import Occasion, Surroundings
from orchestrator.functions.performing import Stage
from orchestrator.functions.states import States

from .making import make


def test_each_thread_and_plug_in_has_its_own_and_it_stays(tmp_path: Path):
    states = States(tmp_path / "data")
    assert dict(states.of("t1", "a")) == {}
    assert not (tmp_path / "data").exists()
    states.of("t1", "a")["seen"] = {"n": [1, "é"]}
    states.of("t2", "a")["seen"] = 2
    states.of("t1", "b")["seen"] = 3
    states.close()
    again = States(tmp_path / "data")
    assert [dict(again.of(t, u)) for t, u in (("t1", "a"), ("t2", "a"), ("t1", "b"))] == [
        {"seen": {"n": [1, "é"]}},
        {"seen": 2},
        {"seen": 3},
    ]
    del again.of("t1", "a")["seen"]
    assert (len(again.of("t1", "a")), "seen" in again.of("t1", "a"), len(again.of("t2", "a"))) == (0, False, 1)
    with pytest.raises(KeyError):
        del again.of("t1", "a")["seen"]
    again.close()


@pytest.mark.parametrize("value", [object(), float("nan"), "x" * 70_000])
def test_what_cannot_be_kept_is_refused_and_nothing_is_lost(tmp_path: Path, value: Any):
    states = States(tmp_path)
    state = states.of("t", "a")
    state["k"] = 1
    with pytest.raises((TypeError, ValueError)):
        state["k"] = value
    assert state["k"] == 1
    states.close()


@given(
    st.dictionaries(
        st.text(), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=4)
    )
)
def test_whatever_is_json_comes_back(tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any]):
    values = {k: v for k, v in values.items() if "\0" not in k and k.isprintable()}
    states = States(tmp_path_factory.mktemp("s"))
    states.of("t", "a").update(values)
    assert dict(states.of("t", "a")) == values
    states.close()


def test_from_many_threads(tmp_path: Path):
    states = States(tmp_path)

    def work(n: int) -> None:
        for k in range(20):
            states.of(f"t{n}", "a")[str(k)] = k

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(states.of(f"t{n}", "a")) for n in range(8)] == [20] * 8
    states.close()


@pytest.mark.anyio
async def test_without_a_place_to_keep_it_nothing_goes_from_one_call_to_another(tmp_path: Path):
    def count(ctx: Context) -> int:
        ctx.state["n"] = ctx.state.get("n", 0) + 1
        return ctx.state["n"]

    registry = Registry.of([Unit(name="demo", functions=(make(count),))])
    stage, states = Stage(), States(tmp_path)
    assert [(await stage.call(registry, "demo.count", "")).text for _ in range(2)] == ["1", "1"]
    kept = [
        (
            await stage.call(
                registry,
                "demo.count",
                "",
                occasion=Occasion(thread_id="t"),
                around=lambda unit: Surroundings(state=states.of("t", unit)),
            )
        ).text
        for _ in range(2)
    ]
    assert kept == ["1", "2"]
    states.close()
    await stage.close()
