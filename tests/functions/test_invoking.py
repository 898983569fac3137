"""One call of a model becomes one output, whatever the function does."""

import asyncio
import contextvars
import functools
import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass
from datetime import date
from typing import Annotated, Any

import anyio
import anyio.lowlevel
import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel

from orchestrator.functions import Function, ToolError, ToolOutput, invoke
from orchestrator.functions import invoking as room
from orchestrator.wire.outputs import LARGEST, cut

from .making import make
from .signatures import CASES

pytestmark = pytest.mark.anyio


def problem(output: ToolOutput) -> dict[str, Any]:
    assert not output.ok
    error = json.loads(output.text)["error"]
    assert error["code"] == output.code
    return error


async def call(function: Callable[..., Any], arguments: str = "{}", **more: Any) -> ToolOutput:
    return await invoke(make(function), arguments, **more)


# Arguments


def add(a: int, b: int = 2) -> int:
    return a + b


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "nonsense",
        "[1, 2]",
        "null",
        "3",
        '"x"',
        '{"a": 1} x',
        '{"a": 1,}',
        '{"a": "\ud800"}',
        "\ud800",
        "[" * 10_000,
        '{"a": ' + "[" * 10_000,
    ],
)
async def test_what_is_no_json_object_gives_the_schema_back(text: str):
    error = problem(await call(add, text))
    assert error["code"] == "bad_json"
    assert error["schema"]["required"] == ["a"]


async def test_wrong_values_are_named_by_path_and_shown():
    class Item(BaseModel):
        count: int

    def f(items: list[Item], days: Annotated[int, AfterValidator(lambda v: v)]): ...

    output = await call(f, '{"items": [{"count": 1}, {"count": "many"}], "dayz": 3}')
    message = problem(output)["message"]
    assert output.code == "bad_arguments"
    assert "items.1.count: Input should be a valid integer" in message
    assert '(given: "many")' in message
    assert "days: is required" in message
    assert "dayz: there is no such argument (known: items, days)" in message


async def test_many_problems_are_cut():
    def f(items: list[int]): ...

    message = problem(await call(f, json.dumps({"items": ["x" * 500] * 100})))["message"]
    assert message.endswith("… and 80 more")
    assert len(message) < 6_000


@pytest.mark.parametrize("text", ["", "  \n", "{}"])
async def test_no_text_is_an_empty_object(text: str):
    assert (await call(lambda_named(lambda: "ok"), text)).text == "ok"
    assert (await call(add, text)).code == "bad_arguments"


def lambda_named(function: Callable[..., Any]) -> Callable[..., Any]:
    function.__name__ = "f"
    return function


@pytest.mark.parametrize("failure", [SystemExit, KeyboardInterrupt, RuntimeError, RecursionError])
async def test_a_validator_that_breaks_is_a_failed_function(failure: type[BaseException]):
    def check(value: int) -> int:
        raise failure

    def f(a: Annotated[int, AfterValidator(check)]): ...

    assert (await call(f, '{"a": 1}')).code == "failed"


# Results


class Model(BaseModel):
    name: str
    score: float = 0.5


@dataclass
class Record:
    day: date
    tags: set[str]


class Unspeakable:
    def __repr__(self) -> str:
        raise AssertionError("must not be shown")


loop_list: list[Any] = []
loop_list.append(loop_list)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain “text”", "plain “text”"),
        ("", "null"),
        (None, "null"),
        (True, "true"),
        (0, "0"),
        ([], "[]"),
        (Model(name="ä"), '{"name":"ä","score":0.5}'),
        (Record(date(2026, 1, 2), {"x"}), '{"day":"2026-01-02","tags":["x"]}'),
        (float("nan"), '"NaN"'),
        ({"a": float("-inf")}, '{"a":"-Infinity"}'),
        (b"bytes", "bytes"),
        (b"\xff\xfe", '"__4="'),
        ({"b": b"\xff\xfe"}, '{"b":"__4="}'),
        ({"t": "\ud800"}, '{"t": "\\ud800"}'),
        ("half \ud800", "half ?"),
        ("nul \0 and \x1b[31mred\u200b", "nul  and red"),
        ((1, 2), "[1,2]"),
        ({1: {2: date(2026, 1, 2)}}, '{"1":{"2":"2026-01-02"}}'),
        (2**80, str(2**80)),
        (range(3), None),
        (Unspeakable(), None),
        ([Unspeakable()], None),
        (loop_list, None),
        ((n for n in range(3)), None),
        (Exception("secret"), None),
    ],
)
async def test_results_become_text(value: Any, text: str | None):
    async def f() -> Any:
        return value

    output = await call(f)
    if text is None:
        assert problem(output)["code"] == "bad_result"
        assert type(value).__name__ in output.text
        assert "secret" not in output.text
    else:
        assert (output.text, output.ok, output.code) == (text, True, None)
        output.text.encode()


@pytest.mark.parametrize("char", ["x", "ä", "🌦"])
@pytest.mark.parametrize("as_json", [False, True])
async def test_large_results_are_cut_with_a_notice(char: str, as_json: bool):
    text = char * 10_000_000
    output = await call(lambda_named(lambda: [text] if as_json else text))
    total = len(text.encode()) + (4 if as_json else 0)
    assert output.ok
    kept = len(output.text[: output.text.index("\n[cut: ")].encode())
    assert output.text.endswith(f"[cut: {total - kept} of {total} bytes left out]")
    assert LARGEST - 4 < len(output.text.encode()) <= LARGEST


def test_the_largest_result_that_fits_is_not_cut():
    assert cut("x" * LARGEST) == "x" * LARGEST
    assert cut("x" * (LARGEST + 1)) != "x" * (LARGEST + 1)


# Failures

LOUD = [
    ValueError("secret"),
    SystemExit(3),
    KeyboardInterrupt(),
    MemoryError(),
    GeneratorExit(),
    StopIteration(1),
    asyncio.CancelledError(),
    RecursionError(),
]


@pytest.mark.parametrize("failure", LOUD, ids=lambda f: type(f).__name__)
@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_whatever_is_raised_gives_a_reference_and_the_trace_goes_to_the_log(
    failure: BaseException, kind: str, caplog: pytest.LogCaptureFixture
):
    def plain():
        raise failure

    async def coroutine():
        await anyio.lowlevel.checkpoint()
        raise failure

    output = await call(plain if kind == "sync" else coroutine)
    message = problem(output)["message"]
    assert output.code == "failed"
    assert "secret" not in output.text
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert record.exc_info is not None
    assert record.getMessage().split()[-1] == message.split()[-1].rstrip(".")


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_an_authors_error_reaches_the_model(kind: str, caplog: pytest.LogCaptureFixture):
    def plain():
        raise ToolError("no station in “Ülm”", code="unknown_city")

    async def coroutine():
        raise ToolError("no station in “Ülm”", code="unknown_city")

    output = await call(plain if kind == "sync" else coroutine)
    assert problem(output) == {"code": "unknown_city", "message": "no station in “Ülm”"}
    assert "“Ülm”" in output.text
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []


async def test_an_authors_error_is_found_in_a_task_group():
    async def fail():
        raise ToolError("no station")

    async def f():
        async with anyio.create_task_group() as group:
            group.start_soon(fail)

    assert problem(await call(f))["message"] == "no station"


async def test_a_serialiser_that_breaks_is_a_failed_function():
    class Bad(dict[str, int]):
        def items(self) -> Any:
            raise SystemExit

    class Model2(BaseModel):
        @property
        def x(self) -> int:
            raise SystemExit

        def __getattribute__(self, name: str) -> Any:
            raise SystemExit(name)

    async def f():
        return Model2.model_construct()

    assert (await call(f)).code in {"failed", "bad_result"}
    assert (await call(lambda_named(lambda: Bad(a=1)))).ok


async def test_an_output_is_frozen():
    output = await call(add, '{"a": 1}')
    assert output.text == "3"
    assert 0 < output.seconds < 5
    with pytest.raises(FrozenInstanceError):
        output.text = "x"  # type: ignore[misc]


# Time

FOREVER = threading.Event()


def hang() -> None:
    FOREVER.wait(20)


@pytest.fixture(autouse=True)
def let_go():
    FOREVER.clear()
    yield
    FOREVER.set()


async def test_a_sync_function_out_of_time():
    started = time.monotonic()
    output = await call(hang, timeout=0.1)
    assert output.code == "timeout"
    assert "0.1 s" in problem(output)["message"]
    assert time.monotonic() - started < 2


async def test_an_async_function_out_of_time_is_cancelled_and_may_clean_up():
    seen: list[str] = []

    async def f():
        try:
            await anyio.sleep(20)
        finally:
            await anyio.lowlevel.checkpoint()
            seen.append("clean")

    assert (await call(f, timeout=0.05)).code == "timeout"
    assert seen == ["clean"]


async def test_a_coroutine_that_ignores_its_cancellation_is_left_behind():
    stop = asyncio.Event()

    async def stubborn():
        while not stop.is_set():
            try:
                await stop.wait()
            except asyncio.CancelledError:
                continue
        return "late"

    started = time.monotonic()
    output = await call(stubborn, timeout=0.05)
    assert output.code == "timeout"
    assert time.monotonic() - started < 3
    assert len(room._tasks_left) == 1
    stop.set()
    await asyncio.sleep(0.05)
    assert len(room._tasks_left) == 0


async def test_a_result_after_the_cancellation_is_still_a_timeout():
    async def f():
        try:
            await anyio.sleep(20)
        except asyncio.CancelledError:
            return "late"

    assert (await call(f, timeout=0.05)).code == "timeout"


async def test_the_functions_own_time_holds_unless_the_call_names_one():
    async def f():
        await anyio.sleep(0.3)

    assert (await invoke(make(f, timeout=0.05), "{}")).code == "timeout"
    assert (await invoke(make(f, timeout=0.05), "{}", timeout=5)).ok


@pytest.mark.parametrize("limit", [float("inf"), 1e300])
async def test_endless_time_is_allowed(limit: float):
    async def f(): ...

    assert (await call(f, timeout=limit)).ok
    assert (await call(add, '{"a": 1}', timeout=limit)).ok


@pytest.mark.parametrize("limit", [0, -1])
async def test_no_time_at_all_is_an_output_too(limit: float):
    async def f():
        await anyio.sleep(1)

    assert (await call(f, timeout=limit)).code == "timeout"
    assert (await call(hang, timeout=limit)).code in {"timeout", "busy"}


async def test_hanging_functions_do_not_starve_others():
    hanging, quick = make(hang), make(add)
    limiter = anyio.CapacityLimiter(8)
    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(lambda: invoke(hanging, "{}", timeout=0.2, limiter=limiter))
    assert limiter.borrowed_tokens == 0
    started = time.monotonic()
    outputs = [await invoke(quick, '{"a": 1}', limiter=limiter) for _ in range(20)]
    assert all(o.ok for o in outputs)
    assert time.monotonic() - started < 1


async def test_no_free_thread_is_told_apart_from_a_timeout():
    called: list[int] = []
    limiter = anyio.CapacityLimiter(1)
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: invoke(make(hang), "{}", timeout=1, limiter=limiter))
        await anyio.sleep(0.05)
        output = await invoke(make(lambda_named(lambda: called.append(1))), "{}", timeout=0.1, limiter=limiter)
        FOREVER.set()
    assert output.code == "busy"
    assert called == []


async def test_a_function_whose_calls_all_hang_is_not_called_any_more_until_they_come_back():
    hanging = make(hang)
    async with anyio.create_task_group() as group:
        for _ in range(room.MOST_LEFT_BEHIND):
            group.start_soon(lambda: invoke(hanging, "{}", timeout=0.1))
    assert (await invoke(hanging, "{}", timeout=0.1)).code == "stuck"
    assert (await call(add, '{"a": 1}')).ok
    FOREVER.set()
    with anyio.fail_after(5):
        while not (await invoke(hanging, "{}", timeout=1)).ok:
            await anyio.lowlevel.checkpoint()


def test_a_hanging_function_does_not_keep_the_process_from_ending():
    code = (
        "import asyncio, time\nfrom orchestrator.functions import function_of, invoke\n"
        "def f(): time.sleep(60)\n"
        "print(asyncio.run(invoke(function_of(f, unit='x'), '{}', timeout=0.1)).code)"
    )
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "timeout"
    assert time.monotonic() - started < 20


# The caller


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_the_callers_cancellation_goes_through(kind: str):
    seen: list[str] = []

    async def coroutine():
        try:
            await anyio.sleep(20)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    task = asyncio.ensure_future(call(hang if kind == "sync" else coroutine))
    await asyncio.sleep(0.05)
    task.cancel()
    started = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < 2
    await asyncio.sleep(0.05)
    assert seen == ([] if kind == "sync" else ["cancelled"])


async def test_a_scope_of_the_caller_ends_the_call():
    with anyio.move_on_after(0.1) as scope:
        await call(hang)
    assert scope.cancelled_caught


async def test_parallel_calls_run_at_the_same_time():
    barrier = threading.Barrier(5, timeout=5)
    function = make(lambda_named(lambda: barrier.wait() >= 0))
    outputs = await asyncio.gather(*(invoke(function, "{}") for _ in range(5)))
    assert [o.text for o in outputs] == ["true"] * 5


async def test_one_failure_of_five_stays_alone():
    def f(n: int) -> int:
        return 10 // n

    outputs = await asyncio.gather(*(invoke(make(f), json.dumps({"n": n})) for n in range(5)))
    assert [o.ok for o in outputs] == [False, True, True, True, True]


async def test_a_plain_function_that_gives_a_coroutine_is_awaited():
    def spread(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return wrapper

    @spread
    async def f(a: int) -> int:
        await anyio.sleep(0.01)
        return a + 1

    assert (await call(f, '{"a": 1}')).text == "2"
    assert (await call(functools.partial(add, 1), '{"b": 5}')).text == "6"


async def test_functions_do_not_run_on_the_loops_thread_and_see_the_callers_context():
    variable = contextvars.ContextVar("variable", default="unset")
    variable.set("seen")

    def f() -> list[Any]:
        return [variable.get(), threading.current_thread() is threading.main_thread()]

    assert (await call(f)).text == '["seen",false]'


def test_it_works_on_uvloop_and_on_one_loop_after_another():
    async def both() -> list[str]:
        async def coroutine() -> str:
            await asyncio.sleep(0)
            return "async"

        outputs = [await call(coroutine), await call(add, '{"a": 1}'), await call(hang, timeout=0.05)]
        return [o.code or o.text for o in outputs]

    for _ in range(2):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            assert runner.run(both()) == ["async", "3", "timeout"]


# Properties

FUNCTIONS: list[Function] = [make(c.callable) for c in CASES]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=6) | st.sampled_from(["a", "b", "x", "n"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    function=st.sampled_from(FUNCTIONS), text=JSON.map(json.dumps) | st.text() | st.text(alphabet='{}[]":,0a\\n\ud800')
)
def test_no_text_makes_invoke_raise(function: Function, text: str):
    output = asyncio.run(invoke(function, text, timeout=10))
    assert output.ok == (output.code is None)
    assert output.code in {None, "bad_json", "bad_arguments", "failed"}
    output.text.encode()


VALUES = st.recursive(
    st.none() | st.integers() | st.floats() | st.text() | st.binary() | st.dates() | st.uuids() | st.decimals(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text() | st.integers() | st.binary(), inner, max_size=3)
        | st.tuples(inner)
    ),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=VALUES)
def test_every_plain_value_becomes_text_and_containers_become_json(value: Any):
    async def f() -> Any:
        return value

    output = asyncio.run(call(f))
    assert output.ok
    output.text.encode()
    if isinstance(value, list | dict | tuple):
        json.loads(output.text, parse_constant=pytest.fail)
