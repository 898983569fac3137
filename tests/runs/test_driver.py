"""Driving a run: what is told, what is answered, and what becomes of it when the stream does not hold."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import anyio
import pytest
from scripted import ScriptedApi, asks, function, message, run, says, step, tool, wants

from orchestrator.errors import CannotUnderstand, NotFound, RefusedKey, Rejected, RunError, TargetError, Unreachable
from orchestrator.runs import CallDone, Called, Ended, RunEvent, Said, drive

HELLO = [run("created"), run("queued"), run("in_progress")]
END = run("completed", usage={"total_tokens": 16})
CUT = Unreachable("the connection broke")
CALL = ("call_1", "forecast", '{"city": "Hangzhou"}')


async def _all(api: ScriptedApi, **options: Any) -> list[Any]:
    driven = drive(api, thread_id="thread_1", assistant_id="asst_1", text="hi", sleep=api.sleep, **options)
    async with aclosing(driven) as happenings:
        return [one async for one in happenings]


async def _sunny(name: str, arguments: str) -> str | None:
    return f"{name}: sunny" if name == "forecast" else None


def _text(told: list[Any]) -> str:
    return "".join(one.text for one in told if isinstance(one, Said))


async def test_text_comes_in_pieces_and_then_the_end() -> None:
    api = ScriptedApi([[*HELLO, says("Forty-"), says("two."), message("Forty-two."), END]])
    assert await _all(api) == [
        Said(text="Forty-", message="message_1"),
        Said(text="two.", message="message_1"),
        Ended(run="run_1", status="completed", usage={"total_tokens": 16}),
    ]
    assert (api.said, api.cancelled, api.open_streams) == (["hi"], 0, 0)


async def test_a_server_that_sends_no_pieces_is_heard_too() -> None:
    api = ScriptedApi([[*HELLO, message("Forty-two."), END]])
    assert _text(await _all(api)) == "Forty-two."


async def test_a_content_that_is_no_list_is_read() -> None:
    delta = {"id": "m", "delta": {"content": {"type": "text", "text": {"value": "x"}}}}
    api = ScriptedApi([[*HELLO, RunEvent(name="thread.message.delta", data=delta), END]])
    assert _text(await _all(api)) == "x"


async def test_options_go_to_the_run() -> None:
    api = ScriptedApi([[*HELLO, END]])
    await _all(api, options={"model": "qwen-max"})
    assert api.started == [{"model": "qwen-max"}]


async def test_a_call_is_answered_here_and_told_once() -> None:
    after = [step("completed", function(*CALL[1:], "forecast: sunny", key="call_1")), *HELLO[1:], says("Sunny."), END]
    api = ScriptedApi([[*HELLO, step("created"), wants(CALL)], after])
    told = await _all(api, perform=_sunny)
    assert told[:2] == [
        Called(call="call_1", name="forecast", arguments=CALL[2]),
        CallDone(call="call_1", name="forecast", output="forecast: sunny", here=True),
    ]
    assert [type(one) for one in told[2:]] == [Said, Ended]
    assert api.submitted == [[("call_1", "forecast: sunny")]]


async def test_calls_without_ids_are_answered_by_place_and_told_once() -> None:
    calls = [("", "forecast", "1"), ("", "forecast", "2")]
    repeated = step("completed", function("forecast", "1", "a"), function("forecast", "2", "b"))
    api = ScriptedApi([[*HELLO, wants(*calls)], [repeated, END]])

    async def answer(name: str, arguments: str) -> str:
        return f"{name}{arguments}"

    told = await _all(api, perform=answer)
    assert [one.output for one in told if isinstance(one, CallDone)] == ["forecast1", "forecast2"]
    assert api.submitted == [[("", "forecast1"), ("", "forecast2")]]


async def test_calls_are_performed_at_the_same_time() -> None:
    here, everybody = 0, asyncio.Event()

    async def meet(name: str, arguments: str) -> str:
        nonlocal here
        here += 1
        if here == 3:
            everybody.set()
        await everybody.wait()
        return "met"

    api = ScriptedApi([[*HELLO, wants(*[(f"c{n}", "f", "") for n in range(3)])], [END]])
    with anyio.fail_after(5):
        await _all(api, perform=meet)
    assert api.submitted == [[("c0", "met"), ("c1", "met"), ("c2", "met")]]


async def test_tools_of_the_server_are_told_though_the_status_lags() -> None:
    search = tool("quark_search", '{"query": "x"}', "found")
    api = ScriptedApi([[*HELLO, step("created"), step("completed", search, status="in_progress"), END]])
    assert (await _all(api))[:2] == [
        Called(call="step_1/0", name="quark_search", arguments='{"query": "x"}'),
        CallDone(call="step_1/0", name="quark_search", output="found", here=False),
    ]


async def test_a_call_is_told_when_it_begins() -> None:
    begun = step("in_progress", function("f", "{}", None, key="call_9"))
    done = step("completed", function("f", "{}", "42", key="call_9"))
    api = ScriptedApi([[*HELLO, begun, says("…"), done, done, END]])
    assert [type(one) for one in await _all(api)] == [Called, Said, CallDone, Ended]


@pytest.mark.parametrize(
    ("wire", "name", "output"),
    [
        ({"type": "calculator", "plugin_name": {"arguments": "1", "output": "2"}}, "calculator", "2"),
        (tool("calculator", "1", []), "calculator", ""),
        (tool("calculator", "1", {"a": 1}), "calculator", '{"a":1}'),
        ({"type": "calculator"}, "calculator", ""),
    ],
)
async def test_odd_forms_of_tool_calls_are_read(wire: dict[str, Any], name: str, output: str) -> None:
    api = ScriptedApi([[*HELLO, step("completed", wire), END]])
    (done,) = [one for one in await _all(api) if isinstance(one, CallDone)]
    assert (done.name, done.output) == (name, output)


@pytest.mark.parametrize("perform", [None, _sunny])
async def test_a_function_that_nobody_answers_is_named_and_the_run_cancelled(perform: Any) -> None:
    api = ScriptedApi([[*HELLO, wants(("call_1", "refund", "{}"))]])
    with pytest.raises(RunError, match="'refund'") as caught:
        await _all(api, perform=perform)
    assert "metadata.name: refund" in (caught.value.hint or "")
    assert (api.cancelled, api.submitted) == (1, [])


async def test_rounds_are_bounded() -> None:
    api = ScriptedApi([[*HELLO, wants((f"call_{n}", "forecast", ""))] for n in range(99)])
    with pytest.raises(RunError, match="more than 3 times"):
        await _all(api, perform=_sunny, rounds=3)
    assert (len(api.submitted), api.cancelled) == (3, 1)


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (run("failed", last_error={"code": "server_error", "message": "boom"}), "The run failed: server_error: boom"),
        (run("failed", last_error={}), "The run failed."),
        (run("expired"), "The run expired."),
        (run("cancelled"), "The run was cancelled."),
        (run("incomplete", incomplete_details={"reason": "max_tokens"}), "The run broke off: max_tokens"),
    ],
)
async def test_an_end_without_an_answer_is_an_error(event: RunEvent, text: str) -> None:
    api = ScriptedApi([[*HELLO, says("half"), event]])
    with pytest.raises(RunError) as caught:
        await _all(api)
    assert (caught.value.message, api.cancelled) == (text, 0)


@pytest.mark.parametrize(
    "end", [[CUT], [], [CannotUnderstand("An event is cut.")]], ids=["error", "silence", "garbage"]
)
async def test_a_stream_that_breaks_is_no_end(end: list[Any]) -> None:
    runs: list[Any] = [{"status": "in_progress"}, {"status": "in_progress"}, {"status": "completed", "usage": {"n": 1}}]
    api = ScriptedApi([[*HELLO, says("Forty-"), *end]], runs, newest=message("Forty-two.").data)
    notices: list[str] = []
    told = await _all(api, notice=notices.append)
    assert [one.text for one in told[:-1]] == ["Forty-", "two."]
    assert told[-1] == Ended(run="run_1", status="completed", usage={"n": 1})
    assert (api.slept, len(notices), api.cancelled) == ([0.5, 1.0, 2.0], 1, 0)


async def test_a_message_of_somebody_else_is_not_taken_for_the_answer() -> None:
    newest = {"id": "m2", "role": "user", "content": [{"type": "text", "text": {"value": "hi"}}]}
    api = ScriptedApi([[*HELLO, CUT]], [{"status": "completed"}], newest=newest)
    assert _text(await _all(api)) == ""


async def test_a_call_that_is_found_by_asking_is_answered() -> None:
    api = ScriptedApi([[*HELLO, CUT], [END]], [{"status": "requires_action", **asks(CALL)}])
    await _all(api, perform=_sunny)
    assert api.submitted == [[("call_1", "forecast: sunny")]]


async def test_outputs_that_got_lost_are_sent_again_but_not_computed_again() -> None:
    computed: list[str] = []

    async def once(name: str, arguments: str) -> str:
        computed.append(name)
        return "sunny"

    api = ScriptedApi([[*HELLO, wants(CALL)], [CUT], [END]], [{"status": "requires_action", **asks(CALL)}])
    told = await _all(api, perform=once)
    assert [type(one) for one in told] == [Called, CallDone, Ended]
    assert (computed, api.submitted) == (["forecast"], [[("call_1", "sunny")]] * 2)


async def test_outputs_whose_answer_got_lost_are_not_sent_again() -> None:
    api = ScriptedApi([[*HELLO, wants(CALL)], [CUT]], [{"status": "in_progress"}, {"status": "completed"}])
    await _all(api, perform=_sunny)
    assert len(api.submitted) == 1


async def test_outputs_that_are_refused_are_not_sent_for_ever() -> None:
    api = ScriptedApi([[*HELLO, wants(CALL)], [Rejected("no")]], [{"status": "requires_action", **asks(CALL)}])
    with pytest.raises(Rejected, match="no"):
        await _all(api, perform=_sunny)
    assert (len(api.submitted), api.cancelled) == (1, 1)


async def test_a_run_that_expired_meanwhile_says_so_instead_of_the_refusal() -> None:
    api = ScriptedApi([[*HELLO, wants(CALL)], [Rejected("not in requires_action")]], [{"status": "expired"}])
    with pytest.raises(RunError, match="expired"):
        await _all(api, perform=_sunny)


@pytest.mark.parametrize(
    "error", [RefusedKey("no"), NotFound("no"), CUT, Rejected("no")], ids=lambda e: type(e).__name__
)
async def test_a_run_that_never_began_is_the_apis_error(error: TargetError) -> None:
    api = ScriptedApi([[error]])
    with pytest.raises(type(error)):
        await _all(api)
    assert api.cancelled == 0


async def test_a_refused_key_in_the_middle_is_not_waited_out() -> None:
    api = ScriptedApi([[*HELLO, wants(CALL)], [RefusedKey("no")]])
    with pytest.raises(RefusedKey):
        await _all(api, perform=_sunny)
    assert api.slept == []


ERROR = RunEvent(name="error", data={"code": "InternalError", "message": "worker lost", "request_id": "r"})


@pytest.mark.parametrize("data", [ERROR.data, {"error": {"code": "InternalError", "message": "worker lost"}}])
async def test_an_error_event_before_the_run_is_the_end(data: dict[str, Any]) -> None:
    api = ScriptedApi([[RunEvent(name="error", data=data)]])
    with pytest.raises(RunError, match="The server reports: InternalError: worker lost"):
        await _all(api)


@pytest.mark.parametrize("state", [{"status": "in_progress"}, CUT], ids=["goes on", "cannot be asked"])
async def test_an_error_event_is_the_end_when_the_run_does_not_settle(state: Any) -> None:
    api = ScriptedApi([[*HELLO, ERROR]], [state])
    with pytest.raises(RunError, match="worker lost"):
        await _all(api)
    assert (sum(api.slept) <= 40, api.cancelled) == (True, 1)


async def test_a_run_outlives_a_server_that_lost_its_stream() -> None:
    api = ScriptedApi([[*HELLO, ERROR]], [{"status": "completed"}], newest=message("Done.").data)
    assert _text(await _all(api)) == "Done."


async def test_a_run_that_hangs_is_not_waited_for_for_ever() -> None:
    api = ScriptedApi([[*HELLO, CUT]], [{"status": "in_progress"}])
    with pytest.raises(RunError, match="still in_progress"):
        await _all(api)
    assert 600 < sum(api.slept) < 700


async def test_who_stops_listening_cancels_the_run() -> None:
    api = ScriptedApi([[*HELLO, says("a"), says("b"), END]])
    async with aclosing(drive(api, thread_id="t", assistant_id="a", text="hi")) as happenings:
        assert await anext(happenings) == Said(text="a", message="message_1")
    assert (api.cancelled, api.open_streams) == (1, 0)


async def test_an_interruption_cancels_the_run() -> None:
    async def forever(name: str, arguments: str) -> str:
        await anyio.sleep_forever()
        return ""

    api = ScriptedApi([[*HELLO, wants(CALL)]])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await _all(api, perform=forever)
    assert (api.cancelled, api.submitted) == (1, [])
