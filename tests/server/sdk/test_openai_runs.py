"""`client.beta.threads.runs` and `.steps`, each method and each helper that polls, against our server."""

import time
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.beta.threads import Run
from openai_scene import MISSING, answer, assistant, function, refused, text_of, thread

POLL: Any = {"poll_interval_ms": 10}
TIMES = {"expires_at", "started_at", "completed_at", "cancelled_at", "failed_at"}


def run_of(client: OpenAI, text: str = "hi", *tools: dict[str, Any], **fields: Any) -> Run:
    """A run to its end, or to where it waits."""
    made = assistant(client, *tools).id
    return client.beta.threads.runs.create_and_poll(
        thread_id=thread(client, text).id, assistant_id=made, **POLL, **fields
    )


def calls_of(run: Run) -> Any:
    assert run.required_action is not None
    return run.required_action.submit_tool_outputs.tool_calls


def steps_of(client: OpenAI, run: Run) -> Any:
    return client.beta.threads.runs.steps.list(run.id, thread_id=run.thread_id, order="asc").data


def set_times(run: Run) -> set[str]:
    shown = run.to_dict()
    return {name for name in TIMES if shown[name] is not None}


def test_create_gives_back_what_was_sent(client: OpenAI) -> None:
    sent: dict[str, Any] = {
        "model": "qwen-max",
        "instructions": "Be long.",
        "metadata": {"a": "1"},
        "tools": [function("g")],
        "temperature": 0.5,
        "top_p": 0.6,
        "max_prompt_tokens": 500,
        "max_completion_tokens": 600,
        "truncation_strategy": {"type": "last_messages", "last_messages": 3},
        "tool_choice": {"type": "function", "function": {"name": "g"}},
        "parallel_tool_calls": False,
        "response_format": {"type": "json_object"},
        "reasoning_effort": "high",
    }
    home, made = thread(client, "hi"), assistant(client, function("f"))
    run = client.beta.threads.runs.create(
        home.id, assistant_id=made.id, additional_instructions="And loud.", include=[], **sent
    )
    shown = run.to_dict()
    assert {name: shown[name] for name in sent} == {**sent, "instructions": "Be long.\n\nAnd loud."}
    assert (run.object, run.thread_id, run.assistant_id, run.status) == ("thread.run", home.id, made.id, "queued")
    assert (run.required_action, run.last_error, run.incomplete_details, run.usage) == (None, None, None, None)
    assert abs(run.created_at - time.time()) < 60
    assert run.expires_at == run.created_at + 600
    assert "stream" not in shown


def test_a_run_takes_what_its_assistant_has(client: OpenAI) -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "stock"}}
    made = assistant(
        client, function("f"), temperature=0.3, top_p=0.4, response_format=schema, reasoning_effort="minimal"
    )
    run = client.beta.threads.runs.create(thread(client, "hi").id, assistant_id=made.id).to_dict()
    assert (run["model"], run["instructions"], run["tools"]) == ("qwen-plus", "Be brief.", [function("f")])
    assert (run["temperature"], run["top_p"], run["reasoning_effort"]) == (0.3, 0.4, "minimal")
    assert run["response_format"] == schema
    assert run["parallel_tool_calls"] is True
    assert run["tool_choice"] == "auto"
    assert run["truncation_strategy"] == {"type": "auto", "last_messages": None}


def test_create_and_poll_goes_to_the_end(client: OpenAI) -> None:
    run = run_of(client, "hello")
    assert run.status == "completed"
    assert set_times(run) == {"expires_at", "started_at", "completed_at"}
    assert run.usage is not None
    assert run.usage.total_tokens == run.usage.prompt_tokens + run.usage.completion_tokens > 0
    assert answer(client, run.thread_id) == "[offline model] hello"


def test_create_and_run_makes_both(client: OpenAI) -> None:
    made = assistant(client).id
    place: Any = {"messages": [{"role": "user", "content": "hi"}], "metadata": {"a": "1"}}
    started = client.beta.threads.create_and_run(assistant_id=made, thread=place)
    run = client.beta.threads.runs.poll(started.id, thread_id=started.thread_id, **POLL)
    assert client.beta.threads.retrieve(run.thread_id).metadata == {"a": "1"}
    again = client.beta.threads.create_and_run_poll(assistant_id=made, thread=place, **POLL)
    assert [answer(client, r.thread_id) for r in (run, again)] == ["[offline model] hi"] * 2
    alone = client.beta.threads.create_and_run_poll(assistant_id=made, **POLL)
    assert alone.status == "completed"


def test_additional_messages_come_before_the_run(client: OpenAI) -> None:
    run = run_of(client, "one", additional_messages=[{"role": "user", "content": "two"}])
    assert answer(client, run.thread_id) == "[offline model] two"


def test_a_client_that_polls_is_told_when_to_ask_again(client: OpenAI) -> None:
    made = assistant(client)
    raw = client.beta.threads.runs.with_raw_response.create(thread(client, "/slow 5 a b").id, assistant_id=made.id)
    run = raw.parse()
    assert 0 < int(raw.headers["openai-poll-after-ms"]) < 1000
    client.beta.threads.runs.cancel(run.id, thread_id=run.thread_id)
    over = client.beta.threads.runs.poll(run.id, thread_id=run.thread_id)
    assert over.status == "cancelled"
    done = client.beta.threads.runs.with_raw_response.retrieve(run.id, thread_id=run.thread_id)
    assert "openai-poll-after-ms" not in done.headers


def test_runs_are_found_listed_and_marked(client: OpenAI) -> None:
    made, home = assistant(client).id, thread(client, "hi").id
    create = client.beta.threads.runs.create_and_poll
    runs = [create(thread_id=home, assistant_id=made, **POLL) for _ in range(3)]
    assert client.beta.threads.runs.retrieve(runs[0].id, thread_id=home) == runs[0]
    assert [run.id for run in client.beta.threads.runs.list(home, limit=1, order="asc")] == [run.id for run in runs]
    assert client.beta.threads.runs.list(home, before=runs[1].id).data[0].id == runs[2].id
    update = client.beta.threads.runs.update
    assert update(runs[0].id, thread_id=home) == runs[0]
    assert update(runs[0].id, thread_id=home, metadata={"a": "1"}).metadata == {"a": "1"}
    assert update(runs[0].id, thread_id=home, metadata=None) == runs[0]


def test_two_rounds_of_function_calls(client: OpenAI) -> None:
    run = run_of(client, '/call weather {"city": "a"}\n/call weather {"city": "b"}', function("weather"))
    assert (run.status, set_times(run)) == ("requires_action", {"expires_at", "started_at"})
    assert run.required_action is not None
    assert run.required_action.type == "submit_tool_outputs"
    assert [c.function.arguments for c in calls_of(run)] == ['{"city": "a"}', '{"city": "b"}']
    outputs: Any = [{"tool_call_id": c.id, "output": f"wet {i}"} for i, c in enumerate(calls_of(run))]
    after = client.beta.threads.runs.submit_tool_outputs(run.id, thread_id=run.thread_id, tool_outputs=outputs)
    assert (after.status, after.required_action) == ("queued", None)
    done = client.beta.threads.runs.poll(run.id, thread_id=run.thread_id, **POLL)
    assert done.status == "completed"
    assert answer(client, run.thread_id) == "[offline model] wet 0\nwet 1"
    calls, message = steps_of(client, run)
    assert [c.function.output for c in calls.step_details.tool_calls] == ["wet 0", "wet 1"]
    newest = client.beta.threads.messages.list(run.thread_id, limit=1).data[0]
    assert message.step_details.message_creation.message_id == newest.id


def test_submit_and_poll(client: OpenAI) -> None:
    run = run_of(client, "/call weather {}", function("weather"))
    outputs: Any = [{"tool_call_id": calls_of(run)[0].id, "output": "wet"}]
    done = client.beta.threads.runs.submit_tool_outputs_and_poll(
        run_id=run.id, thread_id=run.thread_id, tool_outputs=outputs, **POLL
    )
    assert (done.status, answer(client, run.thread_id)) == ("completed", "[offline model] wet")


def test_outputs_that_do_not_fit_are_refused(client: OpenAI) -> None:
    run = run_of(client, "/call weather {}\n/call weather {}", function("weather"))
    ids = [c.id for c in calls_of(run)]

    def submit(*outputs: Any) -> Any:
        give = client.beta.threads.runs.submit_tool_outputs
        return lambda: give(run.id, thread_id=run.thread_id, tool_outputs=outputs)

    wrong = refused(submit({"tool_call_id": "call_x", "output": "a"}), openai.BadRequestError)
    assert wrong.param == "tool_outputs"
    assert ids[1] in str(refused(submit({"tool_call_id": ids[0], "output": "a"}), openai.BadRequestError))
    assert refused(submit(), openai.BadRequestError).param == "tool_outputs"
    done = run_of(client)
    late = client.beta.threads.runs.submit_tool_outputs
    error = refused(
        lambda: late(done.id, thread_id=done.thread_id, tool_outputs=[{"output": "a"}]), openai.BadRequestError
    )
    assert error.body["message"] == "Runs in status 'completed' do not accept tool outputs."


def test_cancel(client: OpenAI) -> None:
    made = assistant(client).id
    run = client.beta.threads.runs.create(thread(client, "/slow 8 a b c d").id, assistant_id=made)
    assert client.beta.threads.runs.cancel(run.id, thread_id=run.thread_id).status in ("cancelling", "cancelled")
    over = client.beta.threads.runs.poll(run.id, thread_id=run.thread_id, **POLL)
    assert over.status == "cancelled"
    assert {"expires_at", "cancelled_at"} <= set_times(over)
    waiting = run_of(client, "/call weather {}", function("weather"))
    assert client.beta.threads.runs.cancel(waiting.id, thread_id=waiting.thread_id).status == "cancelled"
    step = steps_of(client, waiting)[0]
    assert (step.status, step.cancelled_at is not None) == ("cancelled", True)


def test_a_failure_has_a_code_and_a_time(client: OpenAI) -> None:
    run = run_of(client, "/fail no luck")
    assert (run.status, set_times(run)) == ("failed", {"expires_at", "started_at", "failed_at"})
    assert run.last_error is not None
    assert run.last_error.code == "server_error"
    assert "no luck" in run.last_error.message


def test_a_run_that_used_up_its_completion_is_incomplete(client: OpenAI) -> None:
    run = run_of(client, "one two three four five", max_completion_tokens=6)
    assert (run.status, run.max_completion_tokens) == ("incomplete", 6)
    assert run.incomplete_details is not None
    assert run.incomplete_details.reason == "max_completion_tokens"
    cut = client.beta.threads.messages.list(run.thread_id).data[0]
    assert (cut.status, text_of(cut)) == ("incomplete", "[offline model] one two ")
    assert cut.incomplete_details is not None
    assert cut.incomplete_details.reason == "max_tokens"
    assert (cut.incomplete_at is not None, cut.completed_at) == (True, None)


def test_a_run_that_used_up_its_prompt_is_incomplete(client: OpenAI) -> None:
    run = run_of(client, '/call stock_level {"sku": "a"}', function("stock_level"), max_prompt_tokens=1)
    assert run.status == "incomplete"
    assert run.incomplete_details is not None
    assert run.incomplete_details.reason == "max_prompt_tokens"


def test_the_thread_of_an_active_run_is_locked(client: OpenAI) -> None:
    made, home = assistant(client).id, thread(client, "/slow 8 a b c d").id
    run = client.beta.threads.runs.create(home, assistant_id=made)
    error = refused(lambda: client.beta.threads.runs.create(home, assistant_id=made), openai.BadRequestError)
    assert error.body["message"] == f"Thread {home} already has an active run {run.id}."
    assert error.body["run_id"] == run.id
    client.beta.threads.runs.cancel(run.id, thread_id=home)


def test_steps_in_the_form_of_this_api(client: OpenAI) -> None:
    text = '/call code_interpreter {"code": "print(1)"}\n/call stock_level {"sku": "a"}\n/call calculator {"a": 1}'
    tools = ({"type": "code_interpreter"}, function("stock_level"), {"type": "calculator"})
    run = run_of(client, text, *tools)
    first = client.beta.threads.runs.steps.list(
        run.id,
        thread_id=run.thread_id,
        order="asc",
        limit=1,
        include=["step_details.tool_calls[*].file_search.results[*].content"],
    ).data[0]
    assert client.beta.threads.runs.steps.retrieve(first.id, thread_id=run.thread_id, run_id=run.id) == first
    assert (first.object, first.type, first.status) == ("thread.run.step", "tool_calls", "completed")
    assert (first.run_id, first.thread_id, first.assistant_id) == (run.id, run.thread_id, run.assistant_id)
    assert first.completed_at is not None
    assert first.usage is not None
    details: Any = first.step_details
    code, stock, calculator = details.tool_calls
    assert (code.type, code.code_interpreter.input) == ("code_interpreter", "print(1)")
    assert [(o.type, "not available" in o.logs) for o in code.code_interpreter.outputs] == [("logs", True)]
    assert stock.function.to_dict() == {"name": "stock_level", "arguments": '{"sku": "a"}', "output": "42"}
    assert calculator.type == "function"
    assert calculator.function.to_dict() == {"name": "calculator", "arguments": '{"a": 1}', "output": "42"}
    assert len({call.id for call in details.tool_calls}) == 3


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"truncation_strategy": {"type": "first"}}, "truncation_strategy.type"),
        ({"truncation_strategy": {"type": "last_messages"}}, "truncation_strategy.last_messages"),
        ({"truncation_strategy": {"type": "last_messages", "last_messages": 0}}, "truncation_strategy.last_messages"),
        ({"tool_choice": "always"}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.function"),
        ({"max_prompt_tokens": 0}, "max_prompt_tokens"),
        ({"max_completion_tokens": True}, "max_completion_tokens"),
        ({"parallel_tool_calls": "no"}, "parallel_tool_calls"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"additional_messages": [{"role": "user"}]}, "content"),
        ({"stream": "yes"}, "stream"),
    ],
)
def test_a_wrong_field_is_named(client: OpenAI, fields: dict[str, Any], param: str) -> None:
    create: Any = client.beta.threads.runs.create
    home, made = thread(client, "hi").id, assistant(client).id
    assert refused(lambda: create(home, assistant_id=made, **fields), openai.BadRequestError).param == param


def test_what_is_not_there_is_not_found(client: OpenAI) -> None:
    home, runs = thread(client, "hi").id, client.beta.threads.runs
    run = run_of(client)
    for call, thing in (
        (lambda: runs.create(home, assistant_id="asst_x"), "assistant"),
        (lambda: runs.create("thread_x", assistant_id=run.assistant_id), "thread"),
        (lambda: client.beta.threads.create_and_run(assistant_id="asst_x"), "assistant"),
        (lambda: runs.list("thread_x"), "thread"),
        (lambda: runs.retrieve(run.id, thread_id=home), "run"),
        (lambda: runs.update("run_x", thread_id=home), "run"),
        (lambda: runs.cancel("run_x", thread_id=home), "run"),
        (lambda: runs.submit_tool_outputs("run_x", thread_id=home, tool_outputs=[{"output": "a"}]), "run"),
        (lambda: runs.steps.list("run_x", thread_id=home), "run"),
    ):
        assert refused(call, openai.NotFoundError).body["message"] == MISSING.format(thing)
    look = runs.steps.retrieve
    error = refused(lambda: look("step_x", thread_id=run.thread_id, run_id=run.id), openai.NotFoundError)
    assert error.body["message"] == "The specified run step does not exist."
    error = refused(lambda: runs.cancel(run.id, thread_id=run.thread_id), openai.BadRequestError)
    assert error.body["message"] == "Cannot cancel run with status 'completed'."


async def test_the_asynchronous_client_can_do_the_same(client: OpenAI) -> None:
    async with AsyncOpenAI(base_url=client.base_url, api_key="any-key", max_retries=0) as sdk:
        made = await sdk.beta.assistants.create(model="m", tools=[function("weather")])  # type: ignore[list-item]
        place = await sdk.beta.threads.create(messages=[{"role": "user", "content": "/call weather {}"}])
        run = await sdk.beta.threads.runs.create_and_poll(thread_id=place.id, assistant_id=made.id, **POLL)
        outputs: Any = [{"tool_call_id": calls_of(run)[0].id, "output": "wet"}]
        done = await sdk.beta.threads.runs.submit_tool_outputs_and_poll(
            run_id=run.id, thread_id=place.id, tool_outputs=outputs, **POLL
        )
        assert done.status == "completed"
        said = [text_of(message) async for message in sdk.beta.threads.messages.list(place.id, limit=1)]
        assert said == ["[offline model] wet", "/call weather {}"]
        assert len([step async for step in sdk.beta.threads.runs.steps.list(run.id, thread_id=place.id)]) == 2
        with pytest.raises(openai.NotFoundError):
            await sdk.beta.threads.retrieve("thread_x")
