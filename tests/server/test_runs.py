"""Runs from creation to each of their ends, as a client of the service sees them."""

import asyncio
from pathlib import Path

import pytest
from runs_kit import START, TEXT_START, Hands, House, Time, W, ask, eventually, functions, house, say, user

from orchestrator.server.models.door import CallPiece, ModelFault, Stop, TextPiece
from orchestrator.server.performers.door import Limits
from orchestrator.server.records import Delta, Page
from orchestrator.server.records import Run as RunRecord
from orchestrator.server.service.runs import NewRun, ToolOutput
from orchestrator.wire.faults import Fault

TEXT = [*TEXT_START, "message.delta", "message.completed", "step.completed"]
CALLS = ["step.created", "step.in_progress", "step.delta"]


async def text_of(h: House, run: RunRecord) -> str:
    return (await h.threads.list_messages(W, run.thread_id, Page(limit=1), run.id)).items[0].text


async def test_a_plain_text_run_tells_its_events_in_order(tmp_path: Path) -> None:
    async with house(tmp_path, say("Forty-", "two.")) as h:
        run = await h.run()
        assert await h.names(run) == [*START, *TEXT, "run.completed"]
        done = await h.get(run)
        assert done.usage == {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
        assert done.completed_at is not None
        assert done.started_at is not None
        assert await text_of(h, run) == "Forty-two."


async def test_a_new_thread_is_the_first_event(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        assert (await h.told(await h.run()))[0].name == "thread.created"


async def test_deltas_add_up_to_the_message(tmp_path: Path) -> None:
    pieces = [part for n in range(200) for part in (f"{n} ", 0.0)]
    async with house(tmp_path, say(*pieces)) as h:
        run = await h.run()
        told = await h.told(run)
        deltas = [e.subject.text for e in told if isinstance(e.subject, Delta)]
        assert "".join(filter(None, deltas)) == await text_of(h, run) == "".join(f"{n} " for n in range(200))


async def test_an_event_holds_the_whole_run(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        run = await h.run(tools=["f"], options={"parallel_tool_calls": True}, settings={"top_p": 0.5})
        told = await h.told(run)
        assert told[1].subject == run
        assert told[-1].subject == await h.get(run)


async def test_a_silent_model_completes_with_an_empty_message(tmp_path: Path) -> None:
    async with house(tmp_path, say()) as h:
        run = await h.run()
        assert await h.names(run) == [*START, *TEXT_START, "message.completed", "step.completed", "run.completed"]
        assert await text_of(h, run) == ""


async def test_a_cut_answer_says_why(tmp_path: Path) -> None:
    async with house(tmp_path, [TextPiece(text="half"), Stop(reason="length")]) as h:
        run = await h.run()
        await h.told(run)
        assert (await h.get(run)).status == "completed"
        assert (await h.get(run)).incomplete_details == {"reason": "max_completion_tokens"}


async def test_a_performed_function_is_called_once_and_told_to_the_model(tmp_path: Path) -> None:
    hands = Hands(["f"])
    async with house(tmp_path, ask(("f", '{"a": 1}')), say("it is so"), hands=hands) as h:
        run = await h.run(tools=["f"])
        assert await h.names(run) == [*START, *CALLS, "step.delta", "step.completed", *TEXT, "run.completed"]
        assert [call.name for call in hands.made] == ["f"]
        called, output = h.model.requests[1].messages[-2:]
        assert called["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a": 1}'}
        assert output == {"role": "tool", "tool_call_id": "call_0", "content": 'f({"a": 1})'}
        assert (await h.get(run)).usage == {"prompt_tokens": 15, "completion_tokens": 3, "total_tokens": 18}


async def test_calls_run_side_by_side_within_the_limit(tmp_path: Path) -> None:
    hands = Hands(["f"], gate=asyncio.Event())
    calls = ask(*[("f", f'{{"n": {n}}}') for n in range(5)])
    async with house(tmp_path, calls, hands=hands, limits=Limits(parallel_calls=3)) as h:
        run = await h.run(tools=["f"])
        await hands.busy(3)
        assert hands.gate is not None
        hands.gate.set()
        await h.told(run)
        assert (hands.most, len(hands.made)) == (3, 5)


async def test_a_text_before_calls_is_a_message_of_its_own(tmp_path: Path) -> None:
    turn = [TextPiece(text="let me see"), *ask(("f", "{}"))]
    async with house(tmp_path, turn, hands=Hands(["f"])) as h:
        run = await h.run(tools=["f"])
        told = await h.names(run)
        assert told == [*START, *TEXT, *CALLS, "step.delta", "step.completed", *TEXT, "run.completed"]
        assert h.model.requests[1].messages[-2]["content"] == "let me see"


async def test_two_rounds_of_the_clients_functions(tmp_path: Path) -> None:
    async with house(tmp_path, ask(("f", "{}")), ask(("g", "{}")), say("so")) as h:
        run = await h.run(tools=["f", "g"])
        assert await h.names(run) == [*START, *CALLS, "run.requires_action"]
        for name, rest in (("f", [*CALLS, "run.requires_action"]), ("g", [*TEXT, "run.completed"])):
            waiting = await h.get(run)
            assert [call["function"]["name"] for call in waiting.required_action] == [name]
            seq = await h.runs.latest_seq(W, run.thread_id, run.id)
            queued = await h.runs.submit_tool_outputs(W, run.thread_id, run.id, [ToolOutput(output=f"out {name}")])
            assert (queued.status, queued.required_action) == ("queued", ())
            assert await h.names(run, seq) == ["step.completed", "run.queued", "run.in_progress", *rest]
        assert [m["content"] for m in h.model.requests[2].messages if m["role"] == "tool"] == ["out f", "out g"]
        ids = [m["tool_call_id"] for m in h.model.requests[2].messages if m["role"] == "tool"]
        assert len(set(ids)) == 2


async def test_of_mixed_calls_only_the_clients_are_asked_for(tmp_path: Path) -> None:
    hands = Hands(["mine"])
    async with house(tmp_path, ask(("mine", "{}"), ("yours", "{}")), say("so"), hands=hands) as h:
        run = await h.run(tools=["mine", "yours"])
        assert await h.names(run) == [*START, *CALLS, "step.delta", "step.delta", "run.requires_action"]
        assert [call["function"]["name"] for call in (await h.get(run)).required_action] == ["yours"]
        seq = await h.runs.latest_seq(W, run.thread_id, run.id)
        await h.runs.submit_tool_outputs(W, run.thread_id, run.id, [ToolOutput(call_id="call_1", output="y")])
        await h.told(run, seq)
        assert len(hands.made) == 1
        step = (await h.runs.list_steps(W, run.thread_id, run.id, Page(descending=False))).items[0]
        assert [call["output"] for call in step.calls] == ["mine({})", "y"]
        assert await h.runs.get_step(W, run.thread_id, run.id, step.id) == step


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ([ToolOutput(output="1")], "missing: call_1"),
        ([ToolOutput(output="1", call_id="call_9")], "does not wait for a tool call 'call_9'"),
        ([ToolOutput(output="1", call_id="call_0")] * 2, "two outputs"),
        ([ToolOutput(output="1")] * 3, "waits for 2 tool outputs, 3 were given"),
    ],
)
async def test_outputs_that_do_not_fit_are_refused(tmp_path: Path, outputs: list[ToolOutput], words: str) -> None:
    async with house(tmp_path, ask(("f", "{}"), ("g", "{}"))) as h:
        run = await h.run(tools=["f", "g"])
        await h.told(run)
        with pytest.raises(Fault, match=words):
            await h.runs.submit_tool_outputs(W, run.thread_id, run.id, outputs)
        assert (await h.get(run)).status == "requires_action"


async def test_outputs_without_ids_go_to_the_calls_in_order(tmp_path: Path) -> None:
    async with house(tmp_path, ask(("f", "{}"), ("g", "{}"))) as h:
        run = await h.run(tools=["f", "g"])
        await h.told(run)
        outputs = [ToolOutput(output="first"), ToolOutput(output="second")]
        await h.runs.submit_tool_outputs(W, run.thread_id, run.id, outputs)
        await h.until(run, "completed")
        said = [m["content"] for m in h.model.requests[1].messages if m["role"] == "tool"]
        assert said == ["first", "second"]


async def test_outputs_are_taken_once(tmp_path: Path) -> None:
    async with house(tmp_path, ask(("f", "{}"))) as h:
        run = await h.run(tools=["f"])
        await h.told(run)
        submits = [h.runs.submit_tool_outputs(W, run.thread_id, run.id, [ToolOutput(output="1")]) for _ in range(5)]
        done = await asyncio.gather(*submits, return_exceptions=True)
        assert sum(isinstance(outcome, Fault) for outcome in done) == 4
        await h.until(run, "completed")
        assert len(h.model.requests) == 2


async def test_a_fault_before_the_first_word_fails_the_run(tmp_path: Path) -> None:
    async with house(tmp_path, [ModelFault("too busy", code="rate_limit_exceeded")]) as h:
        run = await h.run()
        assert await h.names(run) == [*START, "run.failed"]
        assert (await h.get(run)).last_error == {"code": "rate_limit_exceeded", "message": "too busy"}


async def test_a_fault_in_mid_sentence_keeps_what_was_said(tmp_path: Path) -> None:
    async with house(tmp_path, [TextPiece(text="Half "), TextPiece(text="a s"), ModelFault("cut")]) as h:
        run = await h.run()
        end = ["message.delta", "message.incomplete", "step.failed", "run.failed"]
        assert await h.names(run) == [*START, *TEXT_START, *end]
        assert await text_of(h, run) == "Half a s"


async def test_an_unexpected_error_fails_the_run_and_the_next_one_goes_well(tmp_path: Path) -> None:
    async with house(tmp_path, [TextPiece(text="x"), ZeroDivisionError()]) as h:
        run = await h.run()
        assert (await h.names(run))[-1] == "run.failed"
        assert ((await h.get(run)).last_error or {})["code"] == "server_error"
        assistant = run.assistant_id
        again = await h.runs.create(W, run.thread_id, NewRun(assistant_id=assistant))
        assert (await h.names(again))[-1] == "run.completed"


async def test_a_stream_without_end_is_a_fault(tmp_path: Path) -> None:
    async with house(tmp_path, [TextPiece(text="x")]) as h:
        assert (await h.names(await h.run()))[-1] == "run.failed"


async def test_a_model_that_nobody_serves_fails_the_run(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        run = await h.run(model="nobody")
        assert await h.names(run) == [*START, "run.failed"]
        assert "'nobody'" in ((await h.get(run)).last_error or {})["message"]


async def test_an_unknown_function_is_corrected(tmp_path: Path) -> None:
    async with house(tmp_path, ask(("sock_level", "{}")), say("sorry")) as h:
        run = await h.run(tools=["stock_level"])
        assert (await h.names(run))[-1] == "run.completed"
        assert "Known functions: stock_level" in h.model.requests[1].messages[-1]["content"]


@pytest.mark.parametrize("call", [("nope", "{}"), ("f", "{not json")])
async def test_the_same_wrong_call_three_times_fails_the_run(tmp_path: Path, call: tuple[str, str]) -> None:
    async with house(tmp_path, *[ask(call)] * 5) as h:
        run = await h.run(tools=["f"])
        assert (await h.names(run))[-1] == "run.failed"
        assert len(h.model.requests) == 3
        assert f"'{call[0]}' wrongly 3 times" in ((await h.get(run)).last_error or {})["message"]


async def test_a_run_that_only_calls_ends_at_the_limit(tmp_path: Path) -> None:
    hands = Hands(["f"])
    turns = [ask(("f", f'{{"n": {n}}}')) for n in range(9)]
    async with house(tmp_path, *turns, hands=hands, limits=Limits(tool_rounds=4)) as h:
        run = await h.run(tools=["f"])
        assert (await h.names(run))[-1] == "run.failed"
        assert len(hands.made) == 4
        assert "4 tool rounds" in ((await h.get(run)).last_error or {})["message"]


async def test_a_broken_performer_is_an_output(tmp_path: Path) -> None:
    async with house(tmp_path, ask(("f", "{}")), hands=Hands(["f"], breaks=True)) as h:
        assert (await h.names(await h.run(tools=["f"])))[-1] == "run.completed"
        assert "tool_failed" in h.model.requests[1].messages[-1]["content"]


async def test_half_characters_are_no_obstacle(tmp_path: Path) -> None:
    turn = [TextPiece(text="a\ud83d"), CallPiece(index=0, id="c", name="f\ud83d", arguments='"\ud83d"')]
    async with house(tmp_path, [*turn, Stop(reason="tool_calls")], say("\udfff")) as h:
        assert (await h.names(await h.run(tools=["f"])))[-1] == "run.completed"


async def test_of_fifty_runs_at_once_a_thread_takes_one(tmp_path: Path) -> None:
    async with house(tmp_path, say(asyncio.Event())) as h:
        assistant = await h.assistants.create(W, model="m")
        thread = await h.threads.create(W, {}, (user("hi"),))
        creates = [h.runs.create(W, thread.id, NewRun(assistant_id=assistant.id)) for _ in range(50)]
        outcomes = await asyncio.gather(*creates, return_exceptions=True)
        accepted = [run for run in outcomes if isinstance(run, RunRecord)]
        refused = [fault for fault in outcomes if isinstance(fault, Fault)]
        assert (len(accepted), len(refused)) == (1, 49)
        assert {fault.detail["run_id"] for fault in refused} == {accepted[0].id}
        assert all(fault.kind == "busy" and accepted[0].id in fault.message for fault in refused)


async def test_a_run_of_nothing_known_is_refused(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        run = await h.run()
        for thread, assistant in ((run.thread_id, "asst_x"), ("thread_x", run.assistant_id)):
            with pytest.raises(Fault, match="does not exist"):
                await h.runs.create(W, thread, NewRun(assistant_id=assistant))
        with pytest.raises(Fault, match="does not exist"):
            await h.runs.get("other", run.thread_id, run.id)
        with pytest.raises(Fault, match="run step does not exist"):
            await h.runs.get_step(W, run.thread_id, run.id, "step_x")


async def test_values_of_the_run_go_over_those_of_the_assistant(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        assistant = await h.assistants.create(
            W, model="a", instructions="I", tools=functions("f"), settings={"top_p": 0.1, "top_k": 5}
        )
        new = NewRun(
            assistant_id=assistant.id,
            additional_instructions="more",
            settings={"top_p": 0.9, "top_k": None},
            metadata={"k": "v"},
            additional_messages=(user("and this"),),
        )
        run = await h.runs.create_with_thread(W, new, {"t": "1"}, (user("hi"),))
        assert (run.model, run.instructions) == ("a", "I\n\nmore")
        assert (run.settings, run.tools) == ({"top_p": 0.9, "top_k": 5}, assistant.tools)
        await h.told(run)
        assert [m["content"] for m in h.model.requests[0].messages] == ["I\n\nmore", "hi", "and this"]
        assert (await h.runs.update(W, run.thread_id, run.id, {"k": "w"})).metadata == {"k": "w"}
        assert (await h.runs.list(W, run.thread_id, Page())).items == (await h.get(run),)


async def test_a_late_listener_hears_everything(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        run = await h.run()
        live = await h.told(run)
        assert await h.told(run) == live
        assert await h.told(run, after=len(live)) == []
        assert [e.seq for e in await h.told(run, after=3)] == list(range(4, len(live) + 1))


async def test_when_the_server_stops_listeners_are_let_go(tmp_path: Path) -> None:
    async with house(tmp_path, say("a", asyncio.Event())) as h:
        run = await h.run()
        hearing = asyncio.create_task(h.told(run))
        await h.until(run, "in_progress")
        await h.worker.stop(0)
        assert (await asyncio.wait_for(hearing, 2))[-1].name != "thread.run.completed"


# --- cancel and expiry


async def test_a_run_at_work_is_cancelled(tmp_path: Path) -> None:
    async with house(tmp_path, say("half", asyncio.Event())) as h:
        run = await h.run()
        await eventually(lambda: h.runs.latest_seq(W, run.thread_id, run.id), lambda seq: seq >= 9)
        told = await h.runs.cancel(W, run.thread_id, run.id)
        assert told.status == "cancelling"
        again = await h.runs.cancel(W, run.thread_id, run.id)
        assert again.status == "cancelling"
        end = ["run.cancelling", "step.cancelled", "message.incomplete", "run.cancelled"]
        assert await h.names(run) == [*START, *TEXT_START, "message.delta", *end]
        assert (await h.get(run)).cancelled_at is not None
        assert await text_of(h, run) == "half"


async def test_a_run_with_a_function_at_work_is_cancelled(tmp_path: Path) -> None:
    hands = Hands(["f"], gate=asyncio.Event())
    async with house(tmp_path, ask(("f", "{}")), hands=hands) as h:
        run = await h.run(tools=["f"])
        await hands.busy(1)
        await h.runs.cancel(W, run.thread_id, run.id)
        assert (await h.names(run))[-3:] == ["run.cancelling", "step.cancelled", "run.cancelled"]
        assert hands.now == 0


async def test_a_waiting_run_is_cancelled_at_once(tmp_path: Path) -> None:
    async with house(tmp_path, ask(("f", "{}"))) as h:
        run = await h.run(tools=["f"])
        await h.told(run)
        seq = await h.runs.latest_seq(W, run.thread_id, run.id)
        done = await h.runs.cancel(W, run.thread_id, run.id)
        assert (done.status, done.required_action) == ("cancelled", ())
        assert await h.names(run, seq) == ["run.cancelling", "step.cancelled", "run.cancelled"]


async def test_a_queued_run_is_cancelled_and_never_begun(tmp_path: Path) -> None:
    async with house(tmp_path, say(asyncio.Event()), limit=1) as h:
        first, second = await h.run(), await h.run()
        assert (await h.runs.cancel(W, second.thread_id, second.id)).status == "cancelled"
        await h.runs.cancel(W, first.thread_id, first.id)
        await h.until(first, "cancelled")
        third = await h.run()
        await h.told(third)
        assert await h.names(second) == ["run.created", "run.queued", "run.cancelling", "run.cancelled"]
        assert len(h.model.requests) == 2


@pytest.mark.parametrize("turn", [say("fine"), [ModelFault("bad")]], ids=["completed", "failed"])
async def test_what_is_over_cannot_be_cancelled(tmp_path: Path, turn: list[object]) -> None:
    async with house(tmp_path, turn) as h:  # type: ignore[arg-type]
        run = await h.run()
        await h.told(run)
        status = (await h.get(run)).status
        with pytest.raises(Fault, match=f"Cannot cancel run with status '{status}'"):
            await h.runs.cancel(W, run.thread_id, run.id)


async def test_a_function_that_does_not_listen_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.server.worker.HALT_SECONDS", 0.05)
    release = asyncio.Event()

    class Deaf(Hands):
        async def perform(self, assistant: object, run: RunRecord, call: object) -> str:
            while not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    continue
            return "too late"

    async with house(tmp_path, ask(("f", "{}")), hands=Deaf(["f"]), limit=1) as h:
        run = await h.run(tools=["f"])
        await eventually(lambda: h.runs.latest_seq(W, run.thread_id, run.id), lambda seq: seq >= 7)
        await h.runs.cancel(W, run.thread_id, run.id)
        told = await h.names(run)
        assert told[-1] == "run.cancelled"
        assert (await h.names(await h.run()))[-1] == "run.completed"  # its place is free
        release.set()
        await asyncio.sleep(0.05)
        assert await h.names(run) == told


async def test_cancel_racing_completion_has_one_end(tmp_path: Path) -> None:
    ends: set[str] = set()
    async with house(tmp_path) as h:
        for n in range(60):
            h.model.turns = [say("a", 0.0005 * (n % 8), "b")]
            run = await h.run()
            await asyncio.sleep(0.0004 * (n % 20))
            try:
                await h.runs.cancel(W, run.thread_id, run.id)
            except Fault as fault:
                assert "Cannot cancel run with status 'completed'" in fault.message  # noqa: PT017
            last = (await h.names(run))[-1].removeprefix("run.")
            assert (await h.get(run)).status == last
            ends.add(last)
    assert ends <= {"completed", "cancelled"}


@pytest.mark.parametrize("turn", ["talk", "wait"])
async def test_a_run_expires_wherever_it_is(tmp_path: Path, turn: str) -> None:
    turns = say("half", asyncio.Event()) if turn == "talk" else ask(("f", "{}"))
    clock = Time()
    async with house(tmp_path, turns, time=clock, limits=Limits(run_seconds=600)) as h:
        run = await h.run(tools=["f"])
        await eventually(lambda: h.runs.latest_seq(W, run.thread_id, run.id), lambda seq: seq >= 7)
        before = await h.get(run)
        clock.now += 599_000
        await asyncio.sleep(0.06)
        assert (await h.get(run)).status == before.status
        clock.now += 1_000
        await h.until(run, "expired")
        seq = next(e.seq for e in await h.told(run) if e.name.endswith(("message.delta", "requires_action")))
        end = ["message.incomplete", "run.expired"] if turn == "talk" else ["run.expired"]
        assert await h.names(run, seq) == ["step.expired", *end]
        again = await h.runs.create(W, run.thread_id, NewRun(assistant_id=run.assistant_id))
        assert (await h.names(again))[-1] == "run.completed"


async def test_a_queued_run_expires_while_nobody_works(tmp_path: Path) -> None:
    clock = Time()
    async with house(tmp_path, time=clock, start=False) as h:
        run = await h.run()
    clock.now += 600_000
    async with house(tmp_path, time=clock) as h:
        assert (await h.get(run)).status == "expired"
        assert h.model.requests == []
