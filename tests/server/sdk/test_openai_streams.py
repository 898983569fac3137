"""Streams, read by the SDK's own parser: raw, by each helper, by its event handlers and their asynchronous twins."""

from typing import Any

import openai
import pytest
from openai import AssistantEventHandler, AsyncOpenAI, OpenAI, Stream
from openai.lib.streaming import AssistantStreamManager
from openai.types.beta import AssistantStreamEvent
from openai_hearing import AsyncHearing, Hearing, check_complete, names, of
from openai_scene import assistant, function, refused, text_of, thread

PLAIN = [
    "thread.run.created",
    "thread.run.queued",
    "thread.run.in_progress",
    "thread.run.step.created",
    "thread.run.step.in_progress",
    "thread.message.created",
    "thread.message.in_progress",
    "thread.message.delta",
    "thread.message.completed",
    "thread.run.step.completed",
    "thread.run.completed",
]
CALLS = [*PLAIN[:5], "thread.run.step.delta", "thread.run.requires_action"]
SUBMITTED = ["thread.run.step.completed", "thread.run.queued", *PLAIN[2:]]


def hear(client: OpenAI, text: str, *tools: dict[str, Any], **fields: Any) -> Hearing:
    """A run told to an event handler from its creation to its end."""
    heard = Hearing()
    with client.beta.threads.runs.stream(
        thread_id=thread(client, text).id, assistant_id=assistant(client, *tools).id, event_handler=heard, **fields
    ) as stream:
        stream.until_done()
    check_complete(heard)
    return heard


def outputs_for(heard: Any, output: str = "wet") -> dict[str, Any]:
    """The arguments that answer what a run waits for."""
    run = heard.current_run
    calls = run.required_action.submit_tool_outputs.tool_calls
    outputs = [{"tool_call_id": call.id, "output": output} for call in calls]
    return {"run_id": run.id, "thread_id": run.thread_id, "tool_outputs": outputs}


def test_a_run_is_told_from_its_creation_to_its_end(client: OpenAI) -> None:
    heard = hear(client, "one two three 四")
    assert names(heard.events) == PLAIN
    assert of(heard, "on_text_delta")[-1].value == "[offline model] one two three 四"
    assert text_of(of(heard, "on_message_done")[0]) == "[offline model] one two three 四"
    assert [t.value for t in of(heard, "on_text_done")] == ["[offline model] one two three 四"]
    assert heard.current_run is not None
    assert heard.current_run.usage is not None


def test_the_final_objects_are_what_is_kept(client: OpenAI) -> None:
    with client.beta.threads.runs.stream(
        thread_id=thread(client, "hi").id, assistant_id=assistant(client).id
    ) as stream:
        run, messages, steps = stream.get_final_run(), stream.get_final_messages(), stream.get_final_run_steps()
    assert client.beta.threads.runs.retrieve(run.id, thread_id=run.thread_id) == run
    assert client.beta.threads.messages.list(run.thread_id, run_id=run.id).data == messages
    kept = client.beta.threads.runs.steps.list(run.id, thread_id=run.thread_id).data
    assert [(s.id, s.step_details) for s in kept] == [(s.id, s.step_details) for s in steps]


def test_the_text_alone(client: OpenAI) -> None:
    with client.beta.threads.runs.stream(
        thread_id=thread(client, "one two").id, assistant_id=assistant(client).id
    ) as stream:
        assert "".join(stream.text_deltas) == "[offline model] one two"


def test_the_older_name_of_stream_works(client: OpenAI) -> None:
    stream: Any = client.beta.threads.runs.create_and_stream
    with stream(thread_id=thread(client, "hi").id, assistant_id=assistant(client).id) as told:
        assert told.get_final_run().status == "completed"


def test_a_thread_and_its_run_are_told_together(client: OpenAI) -> None:
    heard = Hearing()
    with client.beta.threads.create_and_run_stream(
        assistant_id=assistant(client).id,
        thread={"messages": [{"role": "user", "content": "hi"}]},
        event_handler=heard,
    ) as stream:
        stream.until_done()
    check_complete(heard)
    assert names(heard.events) == ["thread.created", *PLAIN]
    assert heard.events[0].data.id == heard.events[1].data.thread_id


def test_two_rounds_over_two_streams(client: OpenAI) -> None:
    first = hear(client, '/call weather {"sku": "a"}', function("weather"))
    assert names(first.events) == CALLS
    assert of(first, "on_tool_call_created")[0].function.arguments == '{"sku": "a"}'
    second = Hearing()
    with client.beta.threads.runs.submit_tool_outputs_stream(**outputs_for(first), event_handler=second) as stream:
        stream.until_done()
    check_complete(second)
    assert names(second.events) == SUBMITTED
    assert of(second, "on_run_step_done")[0].step_details.tool_calls[0].function.output == "wet"
    assert text_of(of(second, "on_message_done")[0]) == "[offline model] wet"


def test_outputs_of_tools_reach_the_helper_through_deltas(client: OpenAI) -> None:
    text = '/call stock_level {"sku": "a"}\n/call code_interpreter {"code": "1"}\n/call calculator {"a": 1}'
    heard = hear(client, text, function("stock_level"), {"type": "code_interpreter"}, {"type": "calculator"})
    assert names(heard.events)[-1] == "thread.run.completed"
    steps: Any = heard.get_final_run_steps()
    stock, code, calculator = steps[0].step_details.tool_calls
    assert (stock.function.output, calculator.function.output) == ("42", "42")
    assert "not available" in code.code_interpreter.outputs[0].logs
    assert {call.id for call in of(heard, "on_tool_call_created")} == {stock.id, code.id, calculator.id}


def test_a_failure_is_told_as_a_failed_run(client: OpenAI) -> None:
    heard = hear(client, "/fail no luck")
    assert names(heard.events) == [*PLAIN[:3], "thread.run.failed"]
    assert "no luck" in heard.events[-1].data.last_error.message


def test_a_run_at_its_limit_is_told_as_incomplete(client: OpenAI) -> None:
    heard = hear(client, "one two three four five", max_completion_tokens=6)
    end = ["thread.message.incomplete", "thread.run.step.completed", "thread.run.incomplete"]
    assert names(heard.events) == [*PLAIN[:8], *end]
    assert heard.current_run is not None
    assert heard.current_run.status == "incomplete"


def test_a_cancelled_run_is_told_to_its_end(client: OpenAI) -> None:
    class Impatient(Hearing):
        def on_event(self, event: Any) -> None:
            super().on_event(event)
            if event.event == "thread.message.delta" and not of(self, "on_text_delta"):
                run = self.events[0].data
                client.beta.threads.runs.cancel(run.id, thread_id=run.thread_id)

    heard = Impatient()
    with client.beta.threads.runs.stream(
        thread_id=thread(client, "/slow 8 a b c d").id, assistant_id=assistant(client).id, event_handler=heard
    ) as stream:
        stream.until_done()
    check_complete(heard)
    end = ["cancelling", "step.cancelled", "message.incomplete", "cancelled"]
    assert [n.removeprefix("thread.").removeprefix("run.") for n in names(heard.events)][-4:] == end


def test_a_stream_can_be_read_without_a_helper(client: OpenAI) -> None:
    events = list(
        client.beta.threads.runs.create(
            thread(client, "/call weather {}").id,
            assistant_id=assistant(client, function("weather")).id,
            stream=True,
        )
    )
    assert names(events) == CALLS
    run: Any = events[-1].data
    calls = run.required_action.submit_tool_outputs.tool_calls
    more = client.beta.threads.runs.submit_tool_outputs(
        run.id, thread_id=run.thread_id, tool_outputs=[{"tool_call_id": calls[0].id, "output": "wet"}], stream=True
    )
    assert names(list(more)) == SUBMITTED
    both = client.beta.threads.create_and_run(assistant_id=run.assistant_id, stream=True)
    assert next(iter(both)).event == "thread.created"


def test_a_refusal_before_the_stream_is_an_exception(client: OpenAI) -> None:
    home, create = thread(client, "hi").id, client.beta.threads.runs.create
    error = refused(lambda: create(home, assistant_id="asst_x", stream=True), openai.NotFoundError)
    assert error.status_code == 404


def test_the_id_of_the_request_is_in_the_header_of_a_stream(client: OpenAI) -> None:
    create = client.beta.threads.runs.with_streaming_response.create
    with create(thread(client, "hi").id, assistant_id=assistant(client).id, stream=True) as answer:
        assert len(answer.headers["x-request-id"]) == 36
        assert answer.headers["content-type"] == "text/event-stream"


def test_a_streams_end_is_told_as_the_vendor_tells_it(client: OpenAI) -> None:
    create = client.beta.threads.runs.with_streaming_response.create
    with create(thread(client, "hi").id, assistant_id=assistant(client).id, stream=True) as answer:
        raw = answer.read().decode()
    assert raw.startswith('event: thread.run.created\nid: 1\ndata: {"id":"run_')
    assert raw.endswith("\n\nevent: done\ndata: [DONE]\n\n")


async def test_the_asynchronous_twins(client: OpenAI) -> None:
    async with AsyncOpenAI(base_url=client.base_url, api_key="any-key", max_retries=0) as sdk:
        made = assistant(client, function("weather")).id
        heard = AsyncHearing()
        async with sdk.beta.threads.create_and_run_stream(
            assistant_id=made,
            thread={"messages": [{"role": "user", "content": "/call weather {}"}]},
            event_handler=heard,
        ) as stream:
            await stream.until_done()
        check_complete(heard)
        assert names(heard.events) == ["thread.created", *CALLS]
        second = AsyncHearing()
        async with sdk.beta.threads.runs.submit_tool_outputs_stream(
            **outputs_for(heard), event_handler=second
        ) as stream:
            assert (await stream.get_final_run()).status == "completed"
        check_complete(second)
        assert names(second.events) == SUBMITTED
        home = thread(client, "one two")
        async with sdk.beta.threads.runs.stream(thread_id=home.id, assistant_id=made) as text:
            assert "".join([piece async for piece in text.text_deltas]) == "[offline model] one two"
        raw = await sdk.beta.threads.runs.create(home.id, assistant_id=made, stream=True)
        assert names([event async for event in raw]) == PLAIN


def test_a_handler_of_the_application_may_raise(client: OpenAI) -> None:
    class Broken(AssistantEventHandler):
        def on_text_created(self, text: Any) -> None:
            raise ValueError("broken")

    with (
        pytest.raises(ValueError, match="broken"),
        client.beta.threads.runs.stream(
            thread_id=thread(client, "hi").id, assistant_id=assistant(client).id, event_handler=Broken()
        ) as stream,
    ):
        stream.until_done()


def test_a_run_that_was_started_without_a_stream_can_be_heard_by_the_helper(client: OpenAI) -> None:
    run = client.beta.threads.runs.create(thread(client, "hi").id, assistant_id=assistant(client).id)
    path = f"/threads/{run.thread_id}/runs/{run.id}/stream"

    def listen(**options: Any) -> Any:
        return client.get(path, cast_to=object, stream=True, stream_cls=Stream[AssistantStreamEvent], options=options)

    heard = Hearing()
    with AssistantStreamManager(listen, event_handler=heard) as stream:
        stream.until_done()
    check_complete(heard)
    assert names(heard.events) == PLAIN
    rest = list(listen(headers={"Last-Event-ID": "5"}))
    assert [event.event for event in rest] == [event.event for event in heard.events][5:]
