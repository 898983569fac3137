"""Streams, read by the vendor's own parser."""

from typing import Any

from scene import assistant, ended, function, thread
from vendor import Messages, Runs, Steps

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


def stream(text: str, *tools: dict[str, Any], **fields: Any) -> list[tuple[str, Any]]:
    return list(Runs.create(thread(text).id, assistant_id=assistant(*tools).id, stream=True, **fields))


def names(events: list[tuple[str, Any]]) -> list[str]:
    """The events' names, repeated ones once."""
    found = [name for name, _ in events]
    return [name for before, name in zip(["", *found], found, strict=False) if name != before]


def text_of(events: list[tuple[str, Any]]) -> str:
    return "".join(item.delta.content.text.value for name, item in events if name == "thread.message.delta")


def test_a_run_is_told_from_its_creation_to_its_end() -> None:
    events = stream("one two three")
    assert names(events) == PLAIN
    last = events[-1][1]
    assert last.status == "completed"
    assert last.usage["total_tokens"] > 0
    assert len({item.request_id for _, item in events}) == 1
    assert all(item.status_code == 200 for _, item in events)


def test_the_pieces_are_the_message() -> None:
    events = stream("one two three 四")
    whole = next(item for name, item in events if name == "thread.message.completed")
    assert text_of(events) == whole.content[0].text.value
    stored = Messages.get(whole.id, thread_id=whole.thread_id)
    assert (stored.status, stored.content[0].text.value) == ("completed", text_of(events))


def test_a_thread_and_its_run_are_told_together() -> None:
    made = {"messages": [{"role": "user", "content": "hi"}]}
    events = list(Runs.create_thread_and_run(assistant_id=assistant().id, thread=made, stream=True))
    assert names(events) == ["thread.created", *PLAIN]
    assert events[0][1].id == events[1][1].thread_id


def test_two_rounds_over_two_streams() -> None:
    first = stream('/call weather {"sku": "a"}', function("weather"))
    assert names(first)[:5] == PLAIN[:5]
    assert names(first)[-1] == "thread.run.requires_action"
    run = first[-1][1]
    call = run.required_action.submit_tool_outputs.tool_calls[0]
    second = list(
        Runs.submit_tool_outputs(
            run.id, thread_id=run.thread_id, stream=True, tool_outputs=[{"tool_call_id": call.id, "output": "wet"}]
        )
    )
    assert names(second) == ["thread.run.step.completed", "thread.run.queued", *PLAIN[2:]]
    step = second[0][1]
    assert step.step_details.tool_calls[0].function.output == "wet"
    assert second[1][1].required_action is None
    assert "wet" in text_of(second)


def test_a_built_in_tool_is_told_in_a_step() -> None:
    events = stream('/call calculator {"expression": "6*7"}', {"type": "calculator"})
    assert names(events)[-1] == "thread.run.completed"
    done = [item for name, item in events if name == "thread.run.step.completed"]
    assert done[0].step_details.tool_calls[0]["calculator"]["output"] == "42"
    for name, item in events:
        if name == "thread.run.step.delta":
            assert item.delta.step_details.type == "tool_calls"


def test_a_failure_is_told_as_a_failed_run() -> None:
    events = stream("/fail no luck")
    assert names(events)[-1] == "thread.run.failed"
    assert "no luck" in events[-1][1].last_error["message"]


def test_a_cancelled_run_is_told_to_its_end() -> None:
    events: list[tuple[str, Any]] = []
    for name, item in Runs.create(thread("/slow 8 a b c d").id, assistant_id=assistant().id, stream=True):
        events.append((name, item))
        if name == "thread.message.delta" and len([n for n, _ in events if n == name]) == 1:
            run = events[0][1]
            Runs.cancel(run.id, thread_id=run.thread_id)
    assert names(events)[-1] == "thread.run.cancelled"
    assert "thread.message.incomplete" in names(events)


def test_a_refusal_before_the_stream_is_one_item_without_a_name() -> None:
    events = list(Runs.create(thread("hi").id, assistant_id="asst_x", stream=True))
    assert len(events) == 1
    name, item = events[0]
    assert name is None
    assert item["status_code"] == 400
    assert item["message"] == "The specified assistant has been deleted or does not exist."
    assert len(item["request_id"]) == 36


def test_who_leaves_the_stream_does_not_end_the_run() -> None:
    events = Runs.create(thread("/slow 1 a b c d").id, assistant_id=assistant().id, stream=True)
    run = next(iter(events))[1]
    events.close()
    assert ended(Runs.get(run.id, thread_id=run.thread_id)).status == "completed"


def test_q11_each_delta_holds_one_part() -> None:
    for name, item in stream("one two three"):
        if name == "thread.message.delta":
            assert item.delta.role == "assistant"
            assert item.delta.content.type == "text"


def test_q14_every_event_can_be_printed() -> None:
    for _, item in stream('/call calculator {"expression": "6*7"}', {"type": "calculator"}):
        assert item.id in str(item)


def test_what_was_streamed_is_what_is_kept() -> None:
    events = stream("hi")
    run = events[-1][1]
    steps = Steps.list(run.id, thread_id=run.thread_id).data
    told = [item for name, item in events if name == "thread.run.step.completed"]
    assert [step.id for step in steps] == [step.id for step in told]
