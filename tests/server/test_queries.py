"""Every query of a run's way finds its rows by an index, so that it costs the same with fifty thousand threads."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from runs_kit import Hands, House, Time, W, ask, eventually, house, say, user

from orchestrator.server.models.door import ModelFault, TextPiece
from orchestrator.server.records import Page
from orchestrator.server.service.runs import NewRun, ToolOutput, Wanted
from orchestrator.server.store.transaction import SqliteTx


class Anything(dict[str, Any]):
    def __missing__(self, name: str) -> None:
        return None


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Every statement that any unit carries out."""
    statements: set[str] = set()
    for name in ("rows", "change", "change_many"):
        verb = getattr(SqliteTx, name)

        def spy(tx: SqliteTx, sql: str, values: Any = None, verb: Any = verb) -> Any:
            statements.add(sql)
            return verb(tx, sql, values)

        monkeypatch.setattr(SqliteTx, name, spy)
    return statements


async def everything(h: House, clock: Time) -> None:
    """Runs of all kinds, with all that clients ask meanwhile."""
    assistant = await h.assistants.create(W, model="m", tools=())
    h.model.turns = [ask(("f", "{}"), ("g", "{}")), say("a", 0.0, "b"), [TextPiece(text="x"), ModelFault("bad")]]
    run = await h.run(tools=["f", "g"])
    place = (W, run.thread_id, run.id)
    await h.until(run, "requires_action")
    await h.runs.update(*place, {"k": "v"})
    await h.runs.submit_tool_outputs(*place, [ToolOutput(output="1")])
    await h.until(run, "completed")
    failing = await h.runs.create(W, run.thread_id, NewRun(assistant_id=assistant.id, additional_messages=(user("x"),)))
    await h.until(failing, "failed")
    h.model.turns = [say("half", asyncio.Event())]
    cancelled = await h.runs.create(W, run.thread_id, NewRun(assistant_id=assistant.id))
    await eventually(lambda: h.runs.latest_seq(W, run.thread_id, cancelled.id), lambda seq: seq >= 8)
    await h.runs.cancel(W, run.thread_id, cancelled.id)
    await h.until(cancelled, "cancelled")
    h.model.turns = [say("half", asyncio.Event())]
    expired = await h.runs.create(W, run.thread_id, NewRun(assistant_id=assistant.id))
    await h.until(expired, "in_progress")
    clock.now += 600_000
    await h.until(expired, "expired")
    page = Page(limit=2)
    steps = (await h.runs.list_steps(*place, page)).items
    await h.runs.get_step(*place, steps[0].id)
    await h.runs.list(W, run.thread_id, Page(limit=2, after=run.id))
    messages = (await h.threads.list_messages(W, run.thread_id, page)).items
    await h.threads.list_messages(W, run.thread_id, Page(limit=1), run.id)
    await h.threads.list_messages(W, run.thread_id, Page(limit=1, after=messages[0].id))
    await h.threads.get_message(W, run.thread_id, messages[0].id)
    await h.threads.update_message(W, run.thread_id, messages[0].id, {})
    await h.threads.create_message(W, run.thread_id, user("more"))
    await h.assistants.list(W, page)
    await h.assistants.get(W, assistant.id)


async def test_every_query_finds_its_rows_by_an_index(tmp_path: Path, asked: set[str]) -> None:
    clock = Time()
    async with house(tmp_path, time=clock, hands=Hands(["f"])) as h:
        await everything(h, clock)
    async with house(tmp_path, say(asyncio.Event())) as h:  # takes over what it finds
        run = await h.run()
        await h.until(run, "in_progress")
    async with house(tmp_path) as h:
        await h.until(run, "completed")
        asked_for = [sql for sql in asked if not sql.lstrip().startswith("INSERT INTO")]
        assert len(asked_for) > 30
        plans = {sql: await h.store.read(lambda tx, sql=sql: plan(tx, sql)) for sql in asked_for}
    slow = {sql: steps for sql, steps in plans.items() if any(map(scans, steps))}
    assert slow == {}


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (None, "runs_listed"),
        (Wanted(), "runs_of_workspace"),
        (Wanted(thread_id="t"), "runs_listed"),
        (Wanted(thread_id="t", assistant_id="a"), "runs_listed"),
    ],
)
async def test_runs_of_a_thread_are_not_looked_for_in_the_whole_workspace(
    tmp_path: Path, asked: set[str], wanted: Wanted | None, index: str
) -> None:
    async with house(tmp_path) as h:
        run = await h.run()
        asked.clear()
        if wanted is None:
            await h.runs.list(W, run.thread_id, Page())
        else:
            await h.runs.list_all(W, Page(), wanted)
        (listing,) = (sql for sql in asked if "FROM runs" in sql and "ORDER BY seq" in sql)
        assert index in " ".join(await h.store.read(lambda tx: plan(tx, listing)))


def plan(tx: Any, sql: str) -> list[str]:
    rows: list[Mapping[str, Any]] = tx.rows(f"EXPLAIN QUERY PLAN {sql}", Anything(some="thing"))
    return [row["detail"] for row in rows]


def scans(step: str) -> bool:
    """Whether a whole table is read. The runs that are not over have an index of their own, which may be read whole."""
    return step.startswith("SCAN") and "runs_active" not in step and "runs_due" not in step
