"""The driver over a real socket: against a stub that speaks as the vendor does, and against our own server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import orjson
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from stub import broken, html, js, opened, refusal, serving

from orchestrator.errors import CannotUnderstand, RunError, SlowDown, TargetError, Unreachable
from orchestrator.reconcile.stamp import Stamp
from orchestrator.runs import CallDone, Called, Ended, Said, drive
from orchestrator.server.app import open_server
from orchestrator.server.models import directory
from orchestrator.server.models.scripted import ScriptedModel
from orchestrator.targets import HttpTarget
from orchestrator.tools import Function, FunctionDefinition
from orchestrator.wire.faults import MISSING

STAMP = Stamp(owner="shop/prod", manifest="weather", fields={})
TOOLS = tuple(Function(function=FunctionDefinition(name=name)) for name in ("stock_level", "refund"))
CALL = {"id": "call_1f0e", "type": "function", "function": {"name": "stock_level", "arguments": '{"sku": "A-17"}'}}
WANTS = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": [CALL]}}


class Vendor:
    """Threads and runs whose streams are scripts: one list of answers for all POSTs that stream."""

    def __init__(self, *streams: Any, runs: list[Any] | None = None, space: str = "") -> None:
        self.streams = list(streams)
        self.runs = runs or []
        self.space = space
        self.log: list[tuple[str, str, Any]] = []

    async def answer(self, request: Request) -> Response:
        body = await request.body()
        path = request.url.path.removeprefix("/api/v1")
        self.log.append((request.method, path, orjson.loads(body) if body else None))
        if path == "/threads":
            return js({"id": "thread_1", "object": "thread"})
        if path.endswith("/messages"):
            text = [{"type": "text", "text": {"value": "Forty-two."}}]
            newest = {"id": "message_m1", "role": "assistant", "run_id": "run_r1", "content": text}
            return js({"data": [newest], "has_more": False} if request.method == "GET" else newest)
        if request.method == "GET" or path.endswith("/cancel"):
            return js({"id": "run_r1", **(self.runs.pop(0) if self.runs else {"status": "cancelled"})})
        script = self.streams.pop(0)
        return script() if callable(script) else StreamingResponse(self._frames(script), 200, self._promise(script))

    def _promise(self, script: list[Any]) -> dict[str, str]:
        cut = {"content-length": "100000"} if script[-1] == "cut" else {}
        return {"content-type": "text/event-stream;charset=UTF-8", **cut}

    async def _frames(self, script: list[Any]) -> AsyncIterator[bytes]:
        for name, data in (one for one in script if one != "cut"):
            text = data if isinstance(data, str) else orjson.dumps({**data, "request_id": "r-1"}).decode()
            yield f"event:{self.space}{name}\ndata:{self.space}{text}\n\n".encode()

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/api/v1/{rest:path}", self.answer, methods=["GET", "POST"])])


def _run(status: str, **fields: Any) -> tuple[str, dict[str, Any]]:
    return f"thread.run.{status}", {"id": "run_r1", "object": "thread.run", "status": status, **fields}


def _piece(text: str) -> tuple[str, dict[str, Any]]:
    parts = [{"index": 0, "type": "text", "text": {"value": text, "annotations": []}}]
    return "thread.message.delta", {"id": "message_m1", "delta": {"role": "assistant", "content": parts}}


BEGIN = [_run("created"), _run("queued"), _run("in_progress")]
DONE = ("done", "[DONE]")
FIRST = [*BEGIN, _run("requires_action", required_action=WANTS), DONE]
SECOND = [_run("queued"), _piece("Forty-"), _piece("two."), _run("completed", usage={"total_tokens": 16}), DONE]


async def _all(target: HttpTarget, assistant: str = "asst_1", text: str = "hi", **options: Any) -> list[Any]:
    thread = await target.create_thread()
    driven = drive(target, thread_id=thread, assistant_id=assistant, text=text, **options)
    async with aclosing(driven) as happenings:
        return [one async for one in happenings]


async def _level(name: str, arguments: str) -> str:
    return "42"


@pytest.mark.parametrize("space", ["", " "], ids=["vendor", "OpenAI"])
async def test_a_function_call_goes_round_in_both_framings(space: str) -> None:
    vendor = Vendor(FIRST, SECOND, space=space)
    async with serving(vendor.app()) as url, opened(url) as target:
        told = await _all(target, perform=_level)
    assert [type(one) for one in told] == [Called, CallDone, Said, Said, Ended]
    assert [(method, path, body) for method, path, body in vendor.log if "runs" in path] == [
        ("POST", "/threads/thread_1/runs", {"assistant_id": "asst_1", "stream": True}),
        (
            "POST",
            "/threads/thread_1/runs/run_r1/submit_tool_outputs",
            {"tool_outputs": [{"tool_call_id": "call_1f0e", "output": "42"}], "stream": True},
        ),
    ]


async def test_a_stream_that_is_cut_is_followed_by_asking() -> None:
    vendor = Vendor([*BEGIN, _piece("Forty-"), "cut"], runs=[_run("in_progress")[1], _run("completed")[1]])
    async with serving(vendor.app()) as url, opened(url) as target:
        told = await _all(target)
    assert "".join(one.text for one in told if isinstance(one, Said)) == "Forty-two."


async def test_a_server_that_does_not_stream_is_polled() -> None:
    vendor = Vendor(lambda: js(_run("queued")[1]), runs=[_run("completed")[1]])
    async with serving(vendor.app()) as url, opened(url) as target:
        told = await _all(target)
    assert [type(one) for one in told] == [Said, Ended]


@pytest.mark.parametrize(
    ("answer", "family"),
    [
        (lambda: refusal(400, "InvalidParameter", MISSING["assistant"]), TargetError),
        (html, CannotUnderstand),
        (lambda: broken(b"{"), Unreachable),
        (lambda: refusal(500, "InternalError"), TargetError),
    ],
)
async def test_a_run_that_may_have_begun_is_begun_once(answer: Any, family: type[TargetError]) -> None:
    vendor = Vendor(*[answer] * 9)
    async with serving(vendor.app()) as url, opened(url) as target:
        with pytest.raises(family):
            await _all(target)
    assert sum(path.endswith("/runs") for _, path, _ in vendor.log) == 1


async def test_a_run_that_was_refused_for_its_pace_is_begun_again() -> None:
    vendor = Vendor(lambda: refusal(429, "Throttling", Retry_After="3"), [*BEGIN, _run("completed"), DONE])
    async with serving(vendor.app()) as url, opened(url) as target:
        told = await _all(target)
    assert [type(one) for one in told] == [Ended]


async def test_throttling_for_ever_is_told() -> None:
    vendor = Vendor(*[lambda: refusal(429, "Throttling")] * 9)
    async with serving(vendor.app()) as url, opened(url) as target:
        with pytest.raises(SlowDown):
            await _all(target)


async def test_who_leaves_cancels_the_run_at_the_server() -> None:
    vendor = Vendor([*BEGIN, _piece("a"), _piece("b"), "cut"])
    async with (
        serving(vendor.app()) as url,
        opened(url) as target,
        aclosing(drive(target, thread_id="t", assistant_id="a", text="hi")) as happenings,
    ):
        assert isinstance(await anext(happenings), Said)
    assert vendor.log[-1][:2] == ("POST", "/threads/t/runs/run_r1/cancel")


@pytest.fixture
async def ours(tmp_path: Path) -> Any:
    models = directory.Directory([directory.Route(match="*", model=ScriptedModel(None))])
    async with open_server(tmp_path, models=models) as server, serving(server.app) as url, opened(url) as target:
        yield target


async def test_our_own_server_answers(ours: HttpTarget) -> None:
    made = await ours.create({"model": "qwen-plus"}, STAMP)
    told = await _all(ours, made.id, "hello there")
    assert [type(one) for one in told if not isinstance(one, Said)] == [Ended]
    assert any(isinstance(one, Said) for one in told)


async def test_our_own_server_asks_for_a_function(ours: HttpTarget) -> None:
    made = await ours.create({"model": "qwen-plus", "tools": TOOLS}, STAMP)
    told = await _all(ours, made.id, '/call stock_level {"sku": "A-17"}', perform=_level)
    (called,) = [one for one in told if isinstance(one, Called)]
    (done,) = [one for one in told if isinstance(one, CallDone)]
    assert (called.name, orjson.loads(called.arguments)) == ("stock_level", {"sku": "A-17"})
    assert (done.call, done.output, done.here) == (called.call, "42", True)
    assert isinstance(told[-1], Ended)


async def test_our_own_servers_thread_is_free_after_an_unbound_function(ours: HttpTarget) -> None:
    made = await ours.create({"model": "qwen-plus", "tools": TOOLS}, STAMP)
    thread = await ours.create_thread()
    for text, fails in (("/call refund {}", True), ("hello", False)):
        async with aclosing(drive(ours, thread_id=thread, assistant_id=made.id, text=text)) as happenings:
            if fails:
                with pytest.raises(RunError, match="'refund'"):
                    [one async for one in happenings]
            else:
                assert isinstance([one async for one in happenings][-1], Ended)
