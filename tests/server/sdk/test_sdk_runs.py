"""`dashscope.Runs` and `Steps`, each method but streams, against our server and its offline model."""

from typing import Any

import pytest
from scene import answer, assistant, ended, function, thread
from vendor import Assistants, InputRequired, Messages, Runs, Steps, Threads, TimeoutException

MISSING = "The specified run has been deleted or does not exist."


def run(text: str = "hi", *tools: dict[str, Any], **fields: Any) -> Any:
    return Runs.create(thread(text).id, assistant_id=assistant(*tools).id, **fields)


def test_a_run_answers() -> None:
    made = run("hi there")
    assert made.id.startswith("run_")
    assert (made.object, made.status_code) == ("thread.run", 200)
    assert made.status in ("queued", "in_progress")
    done = ended(made)
    assert (done.status, done.required_action, done.last_error) == ("completed", None, None)
    assert done.usage["total_tokens"] == done.usage["input_tokens"] + done.usage["output_tokens"]
    assert done.usage["prompt_tokens"] == done.usage["input_tokens"]
    reply = Messages.list(done.thread_id).data[0]
    assert (reply.role, reply.run_id, reply.assistant_id) == ("assistant", done.id, done.assistant_id)
    assert reply.status == "completed"
    assert "hi there" in reply.content[0].text.value


def test_call_is_create_and_wait_waits() -> None:
    home, who = thread("hi"), assistant()
    made = Runs.call(home.id, assistant_id=who.id)
    assert Runs.wait(made.id, thread_id=home.id).status == "completed"


def test_wait_gives_up_after_its_time_and_the_run_goes_on() -> None:
    made = run("/slow 6 late")
    with pytest.raises(TimeoutException):
        Runs.wait(made.id, thread_id=made.thread_id, timeout_seconds=0.1)
    Runs.cancel(made.id, thread_id=made.thread_id)
    assert ended(Runs.get(made.id, thread_id=made.thread_id)).status == "cancelled"


def test_wait_on_a_run_that_is_not_there_returns_at_once() -> None:
    assert Runs.wait("run_x", thread_id=thread().id).message == MISSING


def test_a_run_shows_the_values_that_hold_for_it() -> None:
    made = run(
        "hi",
        model="qwen-max",
        instructions="Be long.",
        metadata={"a": "1"},
        tools=[{"type": "calculator"}],
        temperature=0.1,
        top_p=0.2,
        top_k=3,
        max_tokens=40,
    )
    assert (made.model, made.instructions, made.metadata) == ("qwen-max", "Be long.", {"a": "1"})
    assert made.tools == [{"type": "calculator"}]
    assert (made.temperature, made.top_p, made.top_k, made.max_tokens) == (0.1, 0.2, 3, 40)


def test_times_of_runs_are_null_for_the_java_sdk() -> None:
    done = ended(run())
    assert len(str(done.created_at)) == 13
    for name in ("expires_at", "started_at", "cancelled_at", "failed_at", "completed_at"):
        assert getattr(done, name) is None


def test_runs_are_listed_found_and_changed() -> None:
    home, who = thread("hi"), assistant()
    ids = [ended(Runs.create(home.id, assistant_id=who.id)).id for _ in range(3)]
    listed = Runs.list(home.id, limit=2)
    assert ([r["id"] if isinstance(r, dict) else r.id for r in listed.data], listed.has_more) == (ids[:0:-1], True)
    assert Runs.get(ids[0], thread_id=home.id).id == Runs.retrieve(ids[0], thread_id=home.id).id == ids[0]
    assert Runs.update(ids[0], thread_id=home.id, metadata={"a": "1"}).metadata == {"a": "1"}
    assert Runs.update(ids[0], thread_id=home.id).metadata == {"a": "1"}


def test_steps_are_listed_and_found() -> None:
    done = ended(run())
    listed = Steps.list(done.id, thread_id=done.thread_id)
    step = listed.data[0]
    assert (step.object, step.type, step.status) == ("thread.run.step", "message_creation", "completed")
    assert (step.run_id, step.thread_id, step.assistant_id) == (done.id, done.thread_id, done.assistant_id)
    message_id = Messages.list(done.thread_id).data[0].id
    assert step.step_details.message_creation["message_id"] == message_id
    for look in (Steps.get, Steps.retrieve):
        assert look(step.id, thread_id=done.thread_id, run_id=done.id).id == step.id
    refused = Steps.get("step_x", thread_id=done.thread_id, run_id=done.id)
    assert refused.message == "The specified run step does not exist."
    assert Steps.list("run_x", thread_id=done.thread_id).message == MISSING


def test_a_run_that_is_not_there() -> None:
    home = thread()
    for refused in (
        Runs.get("run_x", thread_id=home.id),
        Runs.update("run_x", thread_id=home.id, metadata={}),
        Runs.cancel("run_x", thread_id=home.id),
        Runs.submit_tool_outputs("run_x", thread_id=home.id, tool_outputs=[{"output": "1"}]),
    ):
        assert (refused.status_code, refused.message) == (400, MISSING)
    assert "thread" in Runs.list("thread_x").message
    assert "assistant" in Runs.create(home.id, assistant_id="asst_x").message


def test_a_busy_thread_is_refused() -> None:
    made = run("/slow 6 late")
    for refused in (
        Runs.create(made.thread_id, assistant_id=made.assistant_id),
        Messages.create(made.thread_id, content="again"),
    ):
        assert (refused.status_code, refused.code) == (400, "InvalidParameter")
        assert made.id in refused.message
    Runs.cancel(made.id, thread_id=made.thread_id)
    ended(Runs.get(made.id, thread_id=made.thread_id))
    assert Messages.create(made.thread_id, content="again").status_code == 200


def test_cancel() -> None:
    made = run("/slow 6 late")
    assert Runs.cancel(made.id, thread_id=made.thread_id).status in ("cancelling", "cancelled")
    assert ended(Runs.get(made.id, thread_id=made.thread_id)).status == "cancelled"


def test_a_run_that_fails_says_why() -> None:
    done = ended(run("/fail no luck"))
    assert done.status == "failed"
    assert done.last_error["code"] == "server_error"
    assert "no luck" in done.last_error["message"]


def test_two_rounds_of_calls_that_the_client_answers() -> None:
    done = ended(run('/call weather {"sku": "a"}\n/call weather {"sku": "b"}', function("weather")))
    assert done.status == "requires_action"
    assert done.required_action.type == "submit_tool_outputs"
    calls = done.required_action.submit_tool_outputs.tool_calls
    assert [(c.type, c.function.name, c.function.arguments) for c in calls] == [
        ("function", "weather", '{"sku": "a"}'),
        ("function", "weather", '{"sku": "b"}'),
    ]
    assert len({c.id for c in calls} - {""}) == 2
    outputs = [{"tool_call_id": c.id, "output": text} for c, text in zip(calls, ("wet", "dry"), strict=True)]
    on = Runs.submit_tool_outputs(done.id, thread_id=done.thread_id, tool_outputs=outputs)
    assert (on.status in ("queued", "in_progress"), on.required_action) == (True, None)
    assert ended(on).status == "completed"
    assert "wet" in answer(done.thread_id)
    assert "dry" in answer(done.thread_id)
    step = Steps.list(done.id, thread_id=done.thread_id, order="asc").data[0]
    assert (step.type, step.status) == ("tool_calls", "completed")
    assert [call.function.output for call in step.step_details.tool_calls] == ["wet", "dry"]
    assert step.step_details.tool_calls[0].function.name == "weather"


def test_outputs_without_ids_belong_by_position() -> None:
    done = ended(run('/call weather {"sku": "a"}', function("weather")))
    Runs.submit_tool_outputs(done.id, thread_id=done.thread_id, tool_outputs=[{"output": "wet"}])
    assert ended(Runs.get(done.id, thread_id=done.thread_id)).status == "completed"
    assert "wet" in answer(done.thread_id)


def test_outputs_that_nobody_waits_for_are_refused() -> None:
    with pytest.raises(InputRequired):
        Runs.submit_tool_outputs("run_x", thread_id="thread_x", tool_outputs=[])
    done = ended(run())
    refused = Runs.submit_tool_outputs(done.id, thread_id=done.thread_id, tool_outputs=[{"output": "1"}])
    assert (refused.status_code, refused.code) == (400, "InvalidParameter")


def test_a_call_that_this_server_performs_needs_no_client() -> None:
    done = ended(run('/call stock_level {"sku": "A-17"}', function("stock_level")))
    assert done.status == "completed"
    assert "42" in answer(done.thread_id)
    step = Steps.list(done.id, thread_id=done.thread_id, order="asc").data[0]
    assert step.step_details.tool_calls[0].function.output == "42"


def test_a_built_in_tool_stands_below_its_own_name() -> None:
    done = ended(run('/call calculator {"expression": "6*7"}', {"type": "calculator"}))
    assert done.status == "completed"
    call = Steps.list(done.id, thread_id=done.thread_id, order="asc").data[0].step_details.tool_calls[0]
    assert call["type"] == "calculator"
    assert call["calculator"] == {"arguments": '{"expression": "6*7"}', "output": "42"}


def test_thread_and_run_in_one_request() -> None:
    made = Runs.create_thread_and_run(
        assistant_id=assistant().id, thread={"messages": [{"role": "user", "content": "hi"}]}, metadata={"a": "1"}
    )
    assert made.metadata == {"a": "1"}
    assert ended(made).status == "completed"
    assert Runs.create_thread_and_run(assistant_id=assistant().id).thread_id.startswith("thread_")


def test_a_run_outlives_its_assistant() -> None:
    made = run("/slow 1 late")
    Assistants.delete(made.assistant_id)
    assert ended(made).status == "completed"


def test_q5_what_the_sdk_has_no_word_for_goes_through_extra_body() -> None:
    strategy = {"type": "last_messages", "last_messages": 3}
    body = {"truncation_strategy": strategy, "response_format": "json_object", "unheard_of": [1]}
    made = run("hi", extra_body=body)
    assert made.truncation_strategy == strategy
    assert ended(made).status == "completed"


def test_q8_a_code_interpreter_step_has_no_outputs() -> None:
    done = ended(run('/call code_interpreter {"code": "1"}', {"type": "code_interpreter"}))
    assert done.status == "completed"
    call = Steps.list(done.id, thread_id=done.thread_id, order="asc").data[0].step_details.tool_calls[0]
    assert call.code_interpreter.outputs == []
    assert "not available" in call.code_interpreter.output


def test_q9_a_function_without_a_function_is_refused() -> None:
    refused = Assistants.create(model="m", tools=[{"type": "function", "function": None}])
    assert (refused.status_code, refused.message) == (400, "'tools[0].function' must be given.")


@pytest.mark.parametrize(
    ("text", "status"), [("hi", "completed"), ("/fail x", "failed"), ("/call weather {}", "requires_action")]
)
def test_q13_wait_knows_each_end(text: str, status: str) -> None:
    made = ended(run(text, function("weather")))
    assert Runs.wait(made.id, thread_id=made.thread_id, timeout_seconds=5).status == status


def test_q14_every_object_can_be_printed() -> None:
    done = ended(run())
    assert done.id in str(done)
    assert done.id in str(Runs.list(done.thread_id))
    assert done.id in str(Steps.list(done.id, thread_id=done.thread_id))


def test_a_deleted_thread_hides_its_runs() -> None:
    done = ended(run())
    Threads.delete(done.thread_id)
    assert Runs.get(done.id, thread_id=done.thread_id).status_code == 400
