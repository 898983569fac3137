"""/metrics says what happened, in numbers that Prometheus reads; /readyz says why there is no work to be had."""

import asyncio
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from process import ECHO, assistant, begin, ended, served
from prometheus_client.parser import text_string_to_metric_families

from orchestrator.errors import DiskFull
from orchestrator.server.life import Life
from orchestrator.server.operation import Operation
from orchestrator.server.telemetry.tally import REQUEST_SECONDS, Tally

Sample = tuple[str, frozenset[tuple[str, str]]]


def scraped(url: str) -> dict[Sample, float]:
    answer = httpx2.get(f"{url}/metrics", trust_env=False)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    families = text_string_to_metric_families(answer.text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def value(found: dict[Sample, float], name: str, **labels: str) -> float:
    return found[f"orchestrator_{name}", frozenset(labels.items())]


def test_what_happened_is_counted(tmp_path: Path) -> None:
    with served(tmp_path) as server, server.client(headers={"x-dashscope-workspace": "secret-team"}) as http:
        guide = assistant(http, [ECHO], name="secret-name")
        ended(http, begin(http, guide, "hello"))
        ended(http, begin(http, guide, "/fail"))
        waiting = ended(http, begin(http, guide, '/call lookup {"a": 1}'), "requires_action")
        http.get("/threads/thread_none")
        http.request("PROPFIND", "/threads")
        found = scraped(server.url)
        text = httpx2.get(f"{server.url}/metrics", trust_env=False).text
        calls = [c["id"] for c in waiting["required_action"]["submit_tool_outputs"]["tool_calls"]]
        outputs = [{"tool_call_id": call, "output": "x"} for call in calls]
        run = f"/threads/{waiting['thread_id']}/runs/{waiting['id']}"
        http.post(f"{run}/submit_tool_outputs", json={"tool_outputs": outputs})
        ended(http, waiting)
        after = scraped(server.url)
    create = {"dialect": "dashscope", "method": "POST", "route": "/api/v1/threads/runs"}
    assert value(found, "requests_total", **create, status="200") == 3
    assert value(found, "request_seconds_count", **create) == 3
    missing = {"dialect": "dashscope", "method": "GET", "route": "/api/v1/threads/{thread}", "status": "400"}
    assert value(found, "requests_total", **missing) == 1
    other = {"dialect": "dashscope", "method": "OTHER", "route": "/api/v1/threads", "status": "400"}
    assert value(found, "requests_total", **other) == 1
    assert (
        value(found, "runs_ended_total", status="completed") == value(found, "runs_ended_total", status="failed") == 1
    )
    assert value(found, "run_seconds_count") == 2
    assert value(found, "runs_active", status="requires_action") == 1
    assert value(found, "tokens_total", kind="completion") > 0
    assert value(found, "ready") == 1
    assert value(found, "store_commit_seconds_count") == value(found, "store_batch_units_count") > 5
    assert value(found, "store_wal_bytes") > 0
    assert found["process_resident_memory_bytes", frozenset()] > 1e6
    assert value(after, "function_calls_total", outcome="client") == 1
    assert value(after, "runs_ended_total", status="completed") == 2
    assert not re.search(r"secret|asst_|thread_[0-9a-f]|run_[0-9a-f]", text)


def test_what_is_undone_is_not_counted(tmp_path: Path) -> None:
    from orchestrator.server.store.sqlite import SqliteStore
    from orchestrator.server.telemetry.tally import TokensSpent

    async def main() -> Tally:
        tally = Tally()
        store = await SqliteStore.open(tmp_path / "server.db", tally)

        def undone(tx: Any) -> None:
            tx.note(TokensSpent(7, 7))
            raise LookupError

        with pytest.raises(LookupError):
            await store.write(undone)
        await store.write(lambda tx: tx.note(TokensSpent(1, 2)))
        await store.close()
        return tally

    tally = asyncio.run(main())
    assert (tally.prompt_tokens, tally.completion_tokens) == (1, 2)
    assert tally.commit_seconds.counts != [0] * len(tally.commit_seconds.counts)


def test_a_value_on_a_bound_lies_within_it() -> None:
    tally = Tally()
    for seconds in (0.001, 0.0011, 99.0):
        tally.answered("d", "r", "GET", 200, seconds)
    counts = tally.answering["d", "r", "GET"].counts
    assert (counts[0], counts[1], counts[-1]) == (1, 1, 1)
    assert len(counts) == len(REQUEST_SECONDS) + 1


class Probed:
    """A store whose writing can fail, or never end."""

    def __init__(self, trouble: BaseException | None = None) -> None:
        self.trouble = trouble
        self.asked = 0

    async def probe(self) -> None:
        self.asked += 1
        if isinstance(self.trouble, TimeoutError):
            await asyncio.sleep(60)
        elif self.trouble is not None:
            raise self.trouble


def operation(store: Probed, *, works: bool = True) -> Operation:
    worker: Any = SimpleNamespace(works=works)
    anything: Any = store
    return Operation(anything, worker, Tally(), Life())


@pytest.mark.anyio
async def test_it_is_not_ready_while_the_disk_is_full() -> None:
    assert await operation(Probed(DiskFull("the disk is full"))).reasons() == ["the disk is full"]


@pytest.mark.anyio
async def test_it_is_not_ready_without_its_worker() -> None:
    assert await operation(Probed(), works=False).reasons() == ["the worker does not run"]


@pytest.mark.anyio
async def test_it_is_not_ready_when_the_database_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.server.operation.PROBE_SECONDS", 0.05)
    assert await operation(Probed(TimeoutError())).reasons() == ["the database does not answer"]


@pytest.mark.anyio
async def test_who_asks_often_does_not_write_often() -> None:
    store = Probed()
    asked = operation(store)
    assert await asyncio.gather(*(asked.reasons() for _ in range(50))) == [[]] * 50
    assert store.asked == 1
