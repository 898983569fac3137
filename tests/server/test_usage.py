"""What was used is counted once and in full, whatever becomes of a run and of the server."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live import Live, live_server
from model_upstream import Canned, upstream_thread
from runs_kit import House, Told, W, ask, house, say
from wire_kit import BASES, client, error, made, start, until

from orchestrator.server import usage
from orchestrator.server.models.directory import Directory, Route
from orchestrator.server.models.door import ModelFault, Spent, Stop, TextPiece, ThoughtPiece
from orchestrator.server.performers.door import Limits
from orchestrator.server.records import Page, Run
from orchestrator.server.service.usage import Usage
from orchestrator.wire.faults import Fault
from orchestrator.wire.runs import TERMINAL

SPENT = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}


async def report(h: House, *by: Any, days: tuple[date, date] | None = None) -> list[dict[str, Any]]:
    first, last = days or (date(2020, 1, 1), date(2040, 1, 1))
    return list((await Usage(h.store, h.time).report(W, by or ("day",), first, last)).groups)


def tokens(spent: Spent) -> list[Told]:
    return [TextPiece(text="hi"), spent, Stop(reason="stop")]


async def test_a_run_is_counted_with_all_its_turns(tmp_path: Path) -> None:
    async with house(tmp_path, ask(("mine", "{}")), say("done")) as h:
        h.hands.names = ["mine"]
        run = await h.until(await h.run(tools=["mine"]), "completed")
        (group,) = await report(h, "assistant", "model", "day")
    assert run.usage == {"prompt_tokens": 15, "completion_tokens": 3, "total_tokens": 18}
    assert {name: group[name] for name in usage.COUNTS} == {
        **run.usage,
        "runs": 1,
        "turns": 2,
        "cached_tokens": 0,
        "reasoning_tokens": 0,
    }
    assert (group["assistant_id"], group["assistant_name"], group["model"]) == (run.assistant_id, None, "m")
    assert group["day"] == "2026-11-23"


async def test_cached_and_reasoning_tokens_are_counted_where_the_endpoint_tells_of_them(tmp_path: Path) -> None:
    told = Spent(prompt_tokens=40, completion_tokens=20, total_tokens=75, cached_tokens=32, reasoning_tokens=15)
    async with house(tmp_path, tokens(told), say("x")) as h:
        run = await h.until(await h.run(), "completed")
        await h.until(await h.run(), "completed")
        (day,) = await report(h)
    assert run.usage == {
        "prompt_tokens": 40,
        "completion_tokens": 20,
        "total_tokens": 75,
        "cached_tokens": 32,
        "reasoning_tokens": 15,
    }
    assert (day["total_tokens"], day["cached_tokens"], day["reasoning_tokens"], day["runs"]) == (87, 32, 15, 2)


async def test_a_total_that_is_less_than_its_parts_is_corrected(tmp_path: Path) -> None:
    async with house(tmp_path, tokens(Spent(prompt_tokens=5, completion_tokens=6, total_tokens=3))) as h:
        run = await h.until(await h.run(), "completed")
    assert run.usage is not None
    assert run.usage["total_tokens"] == 11


async def test_a_run_that_failed_counts_as_a_run_with_what_it_had_used(tmp_path: Path) -> None:
    async with house(tmp_path, ask(("mine", "{}")), [ModelFault("gone")]) as h:
        h.hands.names = ["mine"]
        run = await h.until(await h.run(tools=["mine"]), "failed")
        (day,) = await report(h)
    assert run.usage == {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6}
    assert (day["runs"], day["turns"], day["total_tokens"]) == (1, 1, 6)


async def test_a_turn_whose_calls_are_too_many_is_counted_although_it_leaves_no_step(tmp_path: Path) -> None:
    async with house(tmp_path, *[ask(("mine", "{}"))] * 2, limits=Limits(tool_rounds=1)) as h:
        h.hands.names = ["mine"]
        run = await h.until(await h.run(tools=["mine"]), "failed")
        (day,) = await report(h)
    assert run.usage == {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
    assert (day["runs"], day["turns"], day["total_tokens"]) == (1, 2, 12)


async def test_reasoning_goes_back_to_the_model_with_the_calls_it_led_to_and_nowhere_else(tmp_path: Path) -> None:
    thought = [ThoughtPiece(field="reasoning_content", text=text) for text in ("hm, ", "secret")]
    async with house(tmp_path, [*thought, *ask(("mine", "{}"))], [*thought, *say("done")]) as h:
        h.hands.names = ["mine"]
        run = await h.until(await h.run(tools=["mine"]), "completed")
        told = await h.told(run)
        second = [m for m in h.model.requests[1].messages if m["role"] == "assistant"]
        await h.runs.create(W, run.thread_id, _again(run))
        while len(h.model.requests) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    assert [message.get("reasoning_content") for message in second] == ["hm, secret"]
    assert "secret" not in str(h.model.requests[2].messages)
    assert "secret" not in str([e.subject for e in told if "message" in e.name or "delta" in e.name])


def _again(run: Run) -> Any:
    from orchestrator.server.service.runs import NewRun

    return NewRun(assistant_id=run.assistant_id)


# --- the law

TURNS: dict[str, list[Told]] = {
    "text": say("a", 0.001, "b"),
    "calls": ask(("mine", "{}"), ("mine", '{"x": 1}')),
    "client": ask(("yours", "{}")),
    "fault": [TextPiece(text="x"), ModelFault("bad")],
    "late fault": [TextPiece(text="x"), Spent(prompt_tokens=99, completion_tokens=9), ModelFault("bad")],
}


async def _account_is_the_sum(folder: Path, plan: list[tuple[list[str], list[str]]]) -> None:
    """Lives of the server, each with some turns to say and some things to happen, then one more to end all runs."""
    runs: list[Run] = []
    for turns, actions in plan:
        async with house(folder, *(list(TURNS[name]) for name in turns)) as h:
            h.hands.names = ["mine"]
            for action in actions:
                if action == "run":
                    runs.append(await h.run(tools=["mine", "yours"]))
                elif action == "cancel" and runs:
                    try:
                        await h.runs.cancel(W, runs[-1].thread_id, runs[-1].id)
                    except Fault:
                        continue
                else:
                    await asyncio.sleep(0.003)
    async with house(folder) as h:
        h.hands.names = ["mine"]
        h.time.now += 700_000
        ended = [await h.until(run, *TERMINAL) for run in runs]
        groups = await report(h, "assistant")
        by_day = await report(h, "day")
        assert len(groups) == len({run.assistant_id for run in runs})
        for run in ended:
            (mine,) = [group for group in groups if group["assistant_id"] == run.assistant_id]
            steps = (await h.runs.list_steps(W, run.thread_id, run.id, Page(limit=100))).items
            assert {name: mine[name] for name in SPENT} == {name: (run.usage or {})[name] for name in SPENT}
            assert mine["runs"] == 1
            stepless = mine["turns"] - sum(step.usage is not None for step in steps)
            assert stepless == 0 or (stepless, run.status) == (1, "failed")  # its calls were too many
        total: Counter[str] = Counter()
        for day in by_day:
            total.update({name: day[name] for name in usage.COUNTS})
        assert total["runs"] == len(runs)
        assert total["total_tokens"] == sum((run.usage or {})["total_tokens"] for run in ended)


lives = st.tuples(
    st.lists(st.sampled_from(sorted(TURNS)), max_size=5),
    st.lists(st.sampled_from(["run", "run", "wait", "cancel"]), min_size=1, max_size=5),
)


@given(st.lists(lives, min_size=1, max_size=3))
@settings(max_examples=25, deadline=None)
def test_the_account_is_the_sum_of_the_runs_whatever_happens(plan: list[tuple[list[str], list[str]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_account_is_the_sum(Path(folder), plan))


# --- on the wire


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_server(tmp_path_factory.mktemp("usage")) as running:
        yield running


@pytest.fixture(params=BASES)
def http(live: Live, request: pytest.FixtureRequest) -> Iterator[httpx2.Client]:
    with client(live, request.param) as opened:
        yield opened


def test_a_workspace_asks_what_it_has_used(http: httpx2.Client) -> None:
    run = until(http, start(http, "hello there"), "completed")
    told = made(http.get("/usage", params={"group_by": "assistant,model"}))
    (mine,) = [group for group in told["data"] if group["assistant_id"] == run["assistant_id"]]
    assert (mine["runs"], mine["model"]) == (1, "m")
    assert mine["total_tokens"] == run["usage"]["total_tokens"] > 0
    assert told["total"]["total_tokens"] == sum(group["total_tokens"] for group in told["data"])
    (day,) = made(http.get("/usage"))["data"]
    assert day["day"] == told["to"]
    assert made(http.get("/usage", params={"from": "2020-01-01", "to": "2020-01-02"}))["data"] == []


@pytest.mark.parametrize("base", BASES)
def test_a_run_shows_the_parts_of_its_tokens_that_are_known(tmp_path: Path, base: str) -> None:
    parts = b'"prompt_tokens_details":{"cached_tokens":8},"completion_tokens_details":{"reasoning_tokens":3}'
    spent = b'"usage":{"prompt_tokens":9,"completion_tokens":4,%b}' % parts
    told = b'data: {"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}],%b}\n\n' % spent
    with upstream_thread(Canned(pieces=[told])) as model:
        models = Directory([Route(match="*", model=model.model())])
        with live_server(tmp_path / "data", models=models) as server, client(server, base) as opened:
            shown = until(opened, start(opened, "hello"), "completed")["usage"]
    assert (shown["prompt_tokens_details"], shown["total_tokens"]) == ({"cached_tokens": 8}, 13)
    assert shown["completion_tokens_details"] == {"reasoning_tokens": 3}


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"group_by": "thread"}, "group_by"),
        ({"group_by": "day,day; DROP"}, "group_by"),
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-02-30"}, "to"),
        ({"from": "2026-02-02", "to": "2026-02-01"}, "from"),
    ],
)
def test_a_question_without_sense_is_refused(http: httpx2.Client, query: dict[str, str], param: str) -> None:
    assert param in error(http.get("/usage", params=query))["message"]
