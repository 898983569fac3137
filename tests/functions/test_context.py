"""The context of a call: where it is found, what the model is told of it, what it says where nothing stands behind."""

import asyncio
import json
from collections.abc import Callable
from time import monotonic
from typing import Annotated, Any

import pytest

from orchestrator import Context, ToolError, Transient
from orchestrator.errors import PluginsInvalid
from orchestrator.functions import invoke
from orchestrator.functions.context import Occasion, Surroundings, current

from .making import make

pytestmark = pytest.mark.anyio


def first(ctx: Context, city: str) -> str:
    return f"{ctx.call_id} {city}"


def last(city: str, ctx: Context) -> str:
    return f"{ctx.call_id} {city}"


def between(city: str, here: Annotated[Context, "the call"], /, days: int = 1) -> str:
    return f"{here.call_id} {city}"


def by_name(city: str, *, ctx: "Context | None" = None) -> str:
    return f"{ctx.call_id if ctx else 'nobody'} {city}"


def starred(city: str, ctx: Context, *more: int) -> str:
    return f"{ctx.call_id} {city}" + "".join(map(str, more))


async def async_twice(one: Context, city: str, two: Context) -> str:
    assert one is two
    return f"{one.call_id} {city}"


def open_ended(ctx: Context, city: str, **more: Any) -> str:
    assert not more
    return f"{ctx.call_id} {city}"


class Method:
    def look(self, ctx: Context, city: str) -> str:
        return f"{ctx.call_id} {city}"


SHAPES = [first, last, between, by_name, starred, async_twice, open_ended, Method().look]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda f: f.__name__)
async def test_the_context_is_found_by_type_in_any_position(shape: Callable[..., Any]):
    function = make(shape)
    assert "city" in function.parameters["properties"]
    assert not {"ctx", "here", "one", "two"} & set(function.parameters["properties"])
    assert "Context" not in json.dumps(function.parameters)
    output = await invoke(function, '{"city": "Oslo"}', context=Context(Occasion(call_id="call_7")))
    assert output.text == "call_7 Oslo"


async def test_without_a_context_the_function_gets_an_empty_one():
    assert (await invoke(make(first), '{"city": "Oslo"}')).text == " Oslo"


@pytest.mark.parametrize("shape", [first, last, by_name], ids=lambda f: f.__name__)
async def test_a_model_cannot_hand_in_a_context(shape: Callable[..., Any]):
    output = await invoke(make(shape), '{"city": "Oslo", "ctx": {"call_id": "forged"}}')
    assert (output.code, "there is no such argument" in output.text) == ("bad_arguments", True)


async def test_what_keyword_arguments_let_in_is_not_the_context():
    output = await invoke(make(open_ended), '{"city": "Oslo", "ctx": 1}', context=Context(Occasion(call_id="call_7")))
    assert output.text == "call_7 Oslo"


def many(ctx: list[Context]) -> None: ...
def among(ctx: Context | int) -> None: ...
def star(*ctx: Context) -> None: ...
def keywords(**ctx: Context) -> None: ...
def optional_list(ctx: list[Context] | None = None) -> None: ...


@pytest.mark.parametrize("shape", [many, among, star, keywords, optional_list], ids=lambda f: f.__name__)
def test_a_context_among_others_is_refused_at_load(shape: Callable[..., Any]):
    with pytest.raises(PluginsInvalid) as caught:
        make(shape)
    (told,) = caught.value.diagnostics
    assert "parameter 'ctx' cannot be offered" in told.message
    assert "the context stands alone" in told.message


async def test_helpers_find_the_context_of_their_call_on_the_loop_and_in_threads():
    def in_thread() -> str:
        return said()

    async def on_loop() -> str:
        await asyncio.sleep(0)
        return said()

    def said() -> str:
        here = current()
        return here.call_id if here else "nobody"

    calls = [
        invoke(make(target), "", context=Context(Occasion(call_id=f"{target.__name__}_{n}")))
        for target in (in_thread, on_loop)
        for n in range(5)
    ]
    texts = [output.text for output in await asyncio.gather(*calls)]
    assert texts == [f"{name}_{n}" for name in ("in_thread", "on_loop") for n in range(5)]
    assert current() is None


async def test_what_is_not_there_is_told_to_the_model():
    async def reads(ctx: Context) -> bytes:
        return await ctx.files.read("file_1")

    def fetches(ctx: Context) -> str:
        return str(ctx.http)

    async def asks(ctx: Context) -> bool:
        return await ctx.approve("may I?")

    assert json.loads((await invoke(make(reads), "")).text)["error"]["code"] == "not_available"
    assert "no network" in (await invoke(make(fetches), "")).text
    assert (await invoke(make(asks), "")).text == "false"


async def test_progress_reaches_the_listener_and_state_what_stands_behind_it():
    heard: list[tuple[float, float | None, str]] = []
    state: dict[str, Any] = {"seen": 1}

    def counts(ctx: Context) -> int:
        ctx.progress(1, 3, "one of three")
        ctx.state["seen"] += 1
        return ctx.state["seen"]

    around = Surroundings(state=state, listener=lambda done, total, note: heard.append((done, total, note)))
    output = await invoke(make(counts), "", context=Context(around=around))
    assert (output.text, heard, state) == ("2", [(1, 3, "one of three")], {"seen": 2})


def test_the_time_left_is_never_less_than_nothing():
    assert Context().seconds_left is None
    assert Context(Occasion(deadline=monotonic() - 5)).seconds_left == 0
    assert 8 < (Context(Occasion(deadline=monotonic() + 9)).seconds_left or 0) <= 9


async def test_an_error_for_the_model_carries_its_details():
    def unknown() -> None:
        raise ToolError("no station", code="unknown_city", retry=True, known=["oslo", "lima"], message2="x")

    told = json.loads((await invoke(make(unknown), "")).text)["error"]
    assert told == {
        "code": "unknown_city",
        "message": "no station",
        "retry": True,
        "known": ["oslo", "lima"],
        "message2": "x",
    }


async def test_what_would_pass_is_told_as_temporary():
    def busy() -> None:
        raise Transient("the warehouse does not answer", retry_after=2)

    output = await invoke(make(busy), "")
    assert (output.code, "does not answer" in output.text) == ("temporary", True)


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ({"timeout": 0}, "timeout must be more than 0 seconds, not 0"),
        ({"retries": -1}, "retries must be a whole number from 0, not -1"),
        ({"concurrency": 0}, "concurrency must be a whole number from 1, not 0"),
        ({"max_result": 1.5}, "max_result must be a whole number from 1, not 1.5"),
        ({"approval": "maybe"}, "approval must be one of auto, ask, deny, not 'maybe'"),
        ({"isolate": "jail"}, "isolate must be one of thread, loop, process, not 'jail'"),
    ],
    ids=str,
)
def test_a_mark_that_cannot_be_kept_is_refused_at_load(mark: dict[str, Any], message: str):
    def f() -> None: ...

    with pytest.raises(PluginsInvalid) as caught:
        make(f, **mark)
    assert message in caught.value.diagnostics[0].message


async def test_a_result_is_cut_where_the_author_says():
    def long() -> str:
        return "x" * 5_000

    assert len((await invoke(make(long, max_result=500), "")).text.encode()) <= 500
