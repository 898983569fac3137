"""Calls as they are performed: tries, limits, what a plug-in opens, and versions that follow each other."""

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from time import monotonic
from typing import Any

import pytest

from orchestrator import Context, Plugin, ToolError, Transient
from orchestrator.functions import Declaration, Options, Registry, Unit, function_of
from orchestrator.functions.context import Occasion
from orchestrator.functions.performing import Stage, Terms
from tests.transport.canary import canary, said

pytestmark = pytest.mark.anyio


@pytest.fixture
async def stage() -> AsyncGenerator[Stage]:
    stage = Stage()
    yield stage
    await stage.close()


def unit(*targets: Callable[..., Any], plugin: Plugin | None = None, **marks: Any) -> Unit:
    functions = tuple(function_of(Declaration(callable=t, options=Options(**marks)), unit="demo") for t in targets)
    return Unit(name="demo", functions=functions, plugin=plugin)


def registry(*targets: Callable[..., Any], **marks: Any) -> Registry:
    return Registry.of([unit(*targets, **marks)])


def told(text: str) -> dict[str, Any]:
    return json.loads(text)["error"]


# ---- tries


def fails(times: int, failure: Callable[[], Exception]) -> Callable[..., Any]:
    attempts: list[int] = []

    def flaky(ctx: Context) -> list[int]:
        attempts.append(ctx.attempt)
        if len(attempts) <= times:
            raise failure()
        return attempts

    return flaky


async def test_what_is_transient_is_tried_again(stage: Stage):
    functions = registry(fails(2, lambda: Transient("later", retry_after=0)))
    output = await stage.call(functions, "demo.flaky", "", terms=Terms(retries=2))
    assert (output.ok, output.text) == (True, "[1,2,3]")


async def test_tries_end_and_the_model_is_told(stage: Stage):
    functions = registry(fails(9, lambda: Transient("the warehouse is closed", retry_after=0)))
    output = await stage.call(functions, "demo.flaky", "", terms=Terms(retries=2))
    assert (output.code, told(output.text)["message"]) == ("temporary", "the warehouse is closed")


async def test_exceptions_that_the_author_names_are_tried_again(stage: Stage):
    functions = registry(fails(1, lambda: ConnectionResetError("gone")), retry_on=(OSError,))
    assert (await stage.call(functions, "demo.flaky", "", terms=Terms(retries=1))).text == "[1,2]"
    functions = registry(fails(1, lambda: ValueError("no")), retry_on=(OSError,))
    assert (await stage.call(functions, "demo.flaky", "", terms=Terms(retries=1))).code == "failed"


async def test_other_failures_are_tried_again_only_where_that_does_no_harm(stage: Stage):
    for marks, code in (({"idempotent": True}, None), ({"read_only": True}, None), ({}, "failed")):
        functions = registry(fails(1, lambda: RuntimeError("broken")), **marks)
        assert (await stage.call(functions, "demo.flaky", "", terms=Terms(retries=1))).code == code


async def test_what_the_author_says_to_the_model_is_final(stage: Stage):
    functions = registry(fails(1, lambda: ToolError("no such order")), idempotent=True)
    assert (await stage.call(functions, "demo.flaky", "", terms=Terms(retries=5))).code == "tool_error"


async def test_no_try_begins_after_the_end_of_the_round(stage: Stage):
    functions = registry(fails(9, lambda: Transient("later", retry_after=60)))
    began = monotonic()
    output = await stage.call(functions, "demo.flaky", "", terms=Terms(retries=9, until=began + 30))
    assert output.code == "temporary"
    assert monotonic() - began < 20


async def test_a_try_ends_with_the_round(stage: Stage):
    async def sleeps() -> None:
        await asyncio.sleep(60)

    output = await stage.call(registry(sleeps), "demo.sleeps", "", terms=Terms(until=monotonic() + 0.1))
    assert output.code == "timeout"


async def test_a_function_that_is_gone_is_an_output(stage: Stage):
    assert (await stage.call(Registry(), "demo.x", "")).code == "tool_gone"


# ---- limits


async def test_functions_that_hang_hold_no_threads_of_others(stage: Stage):
    free = threading.Event()

    def hangs() -> None:
        free.wait(30)

    def works() -> str:
        return "done"

    functions = registry(hangs, works)
    hung = [asyncio.ensure_future(stage.call(functions, "demo.hangs", "")) for _ in range(40)]
    await asyncio.sleep(0.05)
    assert (await stage.call(functions, "demo.works", "")).text == "done"
    assert not any(task.done() for task in hung)
    free.set()
    assert {output.code for output in await asyncio.gather(*hung)} == {None}


@pytest.mark.parametrize("kind", ["async", "thread"])
async def test_no_more_calls_are_under_way_than_the_author_allows(stage: Stage, kind: str):
    now, most = 0, 0
    lock = threading.Lock()

    def enter(step: int) -> None:
        nonlocal now, most
        with lock:
            now += step
            most = max(most, now)

    async def on_loop() -> None:
        enter(1)
        await asyncio.sleep(0.01)
        enter(-1)

    def in_thread() -> None:
        enter(1)
        threading.Event().wait(0.01)
        enter(-1)

    target = on_loop if kind == "async" else in_thread
    functions = registry(target, concurrency=2)
    outputs = await asyncio.gather(*[stage.call(functions, f"demo.{target.__name__}", "") for _ in range(12)])
    assert (most, {output.code for output in outputs}) == (2, {None})


async def test_a_call_that_finds_no_place_says_that_it_was_not_made(stage: Stage):
    async def waits() -> None:
        await asyncio.sleep(0.4)

    functions = registry(waits, concurrency=1)
    first = asyncio.ensure_future(stage.call(functions, "demo.waits", ""))
    await asyncio.sleep(0.05)
    assert (await stage.call(functions, "demo.waits", "", terms=Terms(timeout=0.1))).code == "busy"
    assert (await first).ok


# ---- what a plug-in opens


def with_life(events: list[str], **broken: bool) -> tuple[Plugin, Callable[..., Any]]:
    plugin = Plugin("Demo")

    @plugin.lifespan
    async def life(settings: Any) -> AsyncGenerator[str]:
        events.append(f"open {settings}")
        if broken.get("once") and len(events) == 1:
            raise ConnectionError("no database")
        yield "the database"
        events.append("close")

    async def asks(ctx: Context) -> str:
        return f"{ctx.resources} {len(events)}"

    return plugin, asks


async def test_a_lifespan_opens_before_the_first_call_and_closes_with_the_stage():
    events: list[str] = []
    plugin, asks = with_life(events)
    functions = Registry.of([replace(unit(asks, plugin=plugin), settings={"a": 1})])
    stage = Stage()
    assert events == []
    outputs = await asyncio.gather(*[stage.call(functions, "demo.asks", "") for _ in range(5)])
    assert {output.text for output in outputs} == {"the database 1"}
    await stage.close()
    assert events == ["open {'a': 1}", "close"]


async def test_a_lifespan_that_fails_is_an_output_and_the_next_call_tries_again(stage: Stage):
    events: list[str] = []
    plugin, asks = with_life(events, once=True)
    functions = Registry.of([unit(asks, plugin=plugin)])
    first = await stage.call(functions, "demo.asks", "")
    assert (first.code, "no database" in first.text, "reference" in first.text) == ("unavailable", False, True)
    assert (await stage.call(functions, "demo.asks", "")).text == "the database 2"


async def test_a_new_version_opens_anew_and_the_old_one_closes_after_its_last_call(stage: Stage):
    events: list[str] = []
    go = asyncio.Event()

    def version(name: str) -> Registry:
        plugin = Plugin(name)

        @plugin.lifespan
        async def life() -> AsyncGenerator[str]:
            events.append(f"open {name}")
            yield name
            events.append(f"close {name}")

        async def asks(ctx: Context, wait: bool = False) -> str:
            if wait:
                await go.wait()
            return f"{name} with {ctx.resources}"

        return Registry.of([unit(asks, plugin=plugin)])

    old, new = version("one"), version("two")
    slow = asyncio.ensure_future(stage.call(old, "demo.asks", '{"wait": true}'))
    await asyncio.sleep(0.01)
    assert (await stage.call(new, "demo.asks", "")).text == "two with two"
    assert events == ["open one", "open two"]
    go.set()
    assert (await slow).text == "one with one"
    await asyncio.sleep(0.01)
    assert events == ["open one", "open two", "close one"]


async def test_settings_that_change_open_anew_and_the_same_ones_do_not(stage: Stage):
    events: list[str] = []
    plugin, asks = with_life(events)
    plain = unit(asks, plugin=plugin)
    for settings in ({"a": 1}, {"a": 1}, {"a": 2}):
        await stage.call(Registry.of([replace(plain, settings=settings)]), "demo.asks", "")
    assert [event for event in events if "open" in event] == ["open {'a': 1}", "open {'a': 2}"]


# ---- the context


async def test_the_context_tells_the_call_the_settings_and_the_secrets(stage: Stage):
    def looks(ctx: Context) -> dict[str, Any]:
        assert ctx.seconds_left is not None
        return {"ids": [ctx.run_id, ctx.thread_id, ctx.call_id], "set": ctx.settings, "key": ctx.secrets["key"]}

    ready = replace(unit(looks), settings={"a": 1}, secrets=lambda: {"key": "k-1"})
    output = await stage.call(
        Registry.of([ready]), "demo.looks", "", occasion=Occasion(run_id="r", thread_id="t", call_id="c")
    )
    assert json.loads(output.text) == {"ids": ["r", "t", "c"], "set": {"a": 1}, "key": "k-1"}


@pytest.mark.parametrize("kind", ["async", "thread"])
async def test_the_network_is_reached_where_it_was_granted_and_nowhere_else(stage: Stage, kind: str):
    async def on_loop(ctx: Context, url: str) -> str:
        return (await ctx.http.get(url)).text

    def in_thread(ctx: Context, url: str) -> str:
        return ctx.wait(ctx.http.get(url)).text

    target = on_loop if kind == "async" else in_thread
    async with canary() as bird, canary() as other:
        bird.answers["/"] = said(200, b"sunny")
        ready = replace(unit(target), grants=(f"net:private http://127.0.0.1:{bird.port}",))
        functions, name = Registry.of([ready]), f"demo.{target.__name__}"
        url = json.dumps({"url": f"http://127.0.0.1:{bird.port}/"})
        assert (await stage.call(functions, name, url)).text == "sunny"
        elsewhere = json.dumps({"url": f"http://127.0.0.1:{other.port}/"})
        refused = await stage.call(functions, name, elsewhere)
        assert (refused.code, "may not be reached" in refused.text) == ("out_of_reach", True)
        assert other.connections == 0
    without = await stage.call(registry(target), name, url)
    assert (without.code, "was granted no 'net:" in without.text) == ("not_available", True)


async def test_waiting_on_the_loop_itself_is_refused(stage: Stage):
    def on_loop(ctx: Context) -> str:
        with pytest.raises(RuntimeError, match="await it"):
            ctx.wait(asyncio.sleep(0))
        return "refused"

    assert (await stage.call(registry(on_loop, isolate="loop"), "demo.on_loop", "")).text == "refused"
