"""One core, two dialects: the same script has the same conversation in both, and what one made the other can use."""

from typing import Any

import pytest
import vendor
from openai import OpenAI
from scene import function
from speakers import Dashscope, Event, Openai, Speaker, ended, outputs

TOOLS = [function("weather"), function("stock_level"), {"type": "calculator"}]


@pytest.fixture
def both(client: OpenAI) -> tuple[Speaker, Speaker]:
    return Dashscope(), Openai(client)


def said(message: Any) -> tuple[str, str]:
    return message.role, "".join(part.text.value for part in message.content)


def field(thing: Any, name: str) -> Any:
    """The one SDK leaves some objects as they came."""
    return thing[name] if isinstance(thing, dict) else getattr(thing, name)


def names(events: list[Event]) -> list[str]:
    return [name for name, _ in events if not name.endswith(".delta")]


def text(events: list[Event]) -> str:
    """What the deltas of messages say together; the one SDK has a part where the other has a list."""
    found = ""
    for name, item in events:
        if name == "thread.message.delta":
            content = item.delta.content
            found += (content[0] if isinstance(content, list) else content).text.value
    return found


def call(found: Any) -> tuple[Any, ...]:
    """Name, arguments and output of a call in a step; what is no function to the one SDK is one to the other."""
    seen = found if isinstance(found, dict) else {"type": found.type, found.type: vars(found.function)}
    inner = seen[seen["type"]]
    return inner.get("name", seen["type"]), inner["arguments"], inner["output"]


def step(found: Any) -> tuple[Any, ...]:
    details = found.step_details
    calls = [call(c) for c in details.tool_calls] if found.type == "tool_calls" else []
    return found.type, found.status, calls


def play(speaker: Speaker) -> list[Any]:
    """A long conversation; what came of it, without ids and times."""
    log: list[Any] = []
    made = speaker.assistant(model="qwen-plus", name="clerk", instructions="Be brief.", tools=TOOLS, temperature=0.5)
    log.append((made.name, made.instructions, made.temperature, len(made.tools)))
    log.append(speaker.change(made.id, description="new", metadata={"a": "1"}).metadata)
    home = speaker.thread("one", "two").id
    plain = ended(speaker, speaker.run(home, made.id, metadata={"run": "1"}))
    log.append((plain.status, plain.model, plain.instructions, plain.metadata, field(plain.usage, "total_tokens")))

    speaker.say(home, '/call weather {"sku": "a"}\n/call stock_level {"sku": "b"}')
    waiting = ended(speaker, speaker.run(home, made.id, parallel_tool_calls=True))
    calls = waiting.required_action.submit_tool_outputs.tool_calls
    log.append((waiting.status, [(c.function.name, c.function.arguments) for c in calls]))
    done = ended(speaker, speaker.submit(waiting, outputs(waiting, "wet")))
    log.append((done.status, [step(s) for s in speaker.steps(done)]))

    speaker.say(home, "/call weather {}")
    first = speaker.told(home, made.id)
    log.append((names(first), text(first)))
    second = speaker.submit_told(first[-1][1], outputs(first[-1][1], "dry"))
    log.append((names(second), text(second)))

    speaker.say(home, '/call calculator {"expression": "6*7"}')
    log.append(names(speaker.told(home, made.id)))
    speaker.say(home, "/fail no luck")
    failed = ended(speaker, speaker.run(home, made.id))
    log.append((failed.status, field(failed.last_error, "message")))

    speaker.say(home, "/slow 9 a b c d e f")
    slow = speaker.run(home, made.id)
    busy = speaker.refusal(lambda: speaker.say(home, "hi")).replace(home, "T").replace(slow.id, "R")
    speaker.cancel(slow)
    log.append((busy, ended(speaker, slow).status))
    log.append([said(m) for m in speaker.messages(home, order="asc", limit=100) if m.content and said(m)[1]])
    log.append([run.status for run in speaker.runs(home)])
    speaker.delete(made.id, home)
    log.append(speaker.refusal(lambda: speaker.say(home, "hi")))
    log.append(speaker.refusal(lambda: speaker.change(made.id, name="x")))
    return log


def test_one_script_has_the_same_conversation_in_both(both: tuple[Speaker, Speaker]) -> None:
    one, other = map(play, both)
    for here, there in zip(one, other, strict=True):
        assert here == there
    assert one[-2:] == [
        "The specified thread has been deleted or does not exist.",
        "The specified assistant has been deleted or does not exist.",
    ]


@pytest.mark.parametrize("turn", [1, -1], ids=["dashscope first", "openai first"])
def test_what_one_made_the_other_can_use(both: tuple[Speaker, Speaker], turn: int) -> None:
    maker, user = both[::turn]
    made = maker.assistant(model="qwen-plus", name="clerk", tools=TOOLS)
    home = maker.thread("/call weather {}")
    waiting = ended(user, user.run(home.id, made.id))
    assert waiting.status == "requires_action"
    done = ended(maker, user.submit(waiting, outputs(waiting, "wet")))
    assert (done.status, done.model) == ("completed", "qwen-plus")
    for speaker in both:
        assert said(speaker.messages(home.id)[0]) == ("assistant", "[offline model] wet")
        assert [step(s) for s in speaker.steps(done)] == [
            ("tool_calls", "completed", [("weather", "{}", "wet")]),
            ("message_creation", "completed", []),
        ]
    user.say(home.id, "thanks")
    assert names(maker.told(home.id, made.id))[-1] == "thread.run.completed"
    changed = user.change(made.id, description="changed there")
    assert (changed.name, changed.description, len(changed.tools)) == ("clerk", "changed there", 3)
    user.delete(made.id, home.id)
    assert "does not exist" in maker.refusal(lambda: maker.say(home.id, "hi"))


def test_ids_of_messages_are_good_in_both(both: tuple[Speaker, Speaker]) -> None:
    home = both[0].thread("one", "two", "three").id
    long = [m.id for m in both[0].messages(home)]
    short = [m.id for m in both[1].messages(home)]
    assert [i.removeprefix("message_") for i in long] == [i.removeprefix("msg_") for i in short]
    for speaker, own in zip(both, (long, short), strict=True):
        for ids in (long, short):
            assert speaker.message(ids[0], home).id == own[0]
            assert [m.id for m in speaker.messages(home, after=ids[0], limit=1)] == own[1:2]
            assert [m.id for m in speaker.messages(home, before=ids[2], limit=1)] == own[1:2]


def test_files_are_seen_in_both(client: OpenAI) -> None:
    resources: Any = {"code_interpreter": {"file_ids": ["file-1"]}, "file_search": {"vector_store_ids": ["vs_1"]}}
    made = client.beta.assistants.create(model="m", tool_resources=resources)
    assert vendor.Assistants.get(made.id).file_ids == ["file-1"]
    vendor.AssistantFiles.create(made.id, file_id="file-2")
    seen = client.beta.assistants.retrieve(made.id).to_dict()["tool_resources"]
    assert seen == {**resources, "code_interpreter": {"file_ids": ["file-1", "file-2"]}}
    attached: Any = [{"file_id": "file-4", "tools": [{"type": "code_interpreter"}]}]
    home = client.beta.threads.create(
        messages=[{"role": "user", "content": "hi", "attachments": attached}],
        tool_resources={"code_interpreter": {"file_ids": ["file-3"]}},
    )
    assert vendor.Messages.list(home.id).data[0].file_ids == ["file-4"]
    assert vendor.Runs.create(home.id, assistant_id=made.id).file_ids == ["file-1", "file-2", "file-3"]
    sent = vendor.Messages.create(vendor.Threads.create().id, content="hi", file_ids=["file-5"])
    found = client.beta.threads.messages.retrieve(sent.id, thread_id=sent.thread_id).to_dict()["attachments"]
    assert found == [{"file_id": "file-5", "tools": []}]


def test_a_run_may_have_files_of_its_own(client: OpenAI) -> None:
    made = client.beta.assistants.create(model="m", tool_resources={"code_interpreter": {"file_ids": ["file-1"]}})
    run = client.beta.threads.create_and_run(
        assistant_id=made.id,
        tool_resources={"code_interpreter": {"file_ids": ["file-2"]}},
        thread={"tool_resources": {"code_interpreter": {"file_ids": ["file-3", "file-2"]}}},
    )
    assert vendor.Runs.get(run.id, thread_id=run.thread_id).file_ids == ["file-2", "file-3"]


def test_an_update_in_one_keeps_what_only_the_other_knows(client: OpenAI) -> None:
    made = vendor.Assistants.create(model="m", top_k=20, max_tokens=300, temperature=0.2)
    client.beta.assistants.update(made.id, temperature=None, top_p=0.4, reasoning_effort="low")
    seen = vendor.Assistants.get(made.id)
    assert (seen.top_k, seen.max_tokens, seen.temperature, seen.top_p) == (20, 300, None, 0.4)
    vendor.Assistants.update(made.id, name="new")
    assert client.beta.assistants.retrieve(made.id).to_dict()["reasoning_effort"] == "low"


def test_incomplete_is_failed_where_nobody_knows_the_word(client: OpenAI) -> None:
    made = client.beta.assistants.create(model="m")
    home = client.beta.threads.create(messages=[{"role": "user", "content": "one two three four five"}])
    run = client.beta.threads.runs.create_and_poll(
        thread_id=home.id, assistant_id=made.id, max_completion_tokens=6, poll_interval_ms=10
    )
    assert run.status == "incomplete"
    seen = vendor.Runs.get(run.id, thread_id=home.id)
    assert (seen.status, seen.last_error["code"]) == ("failed", "server_error")
    assert "max_completion_tokens" in seen.last_error["message"]
    waited = vendor.Runs.wait(run.id, thread_id=home.id, timeout_seconds=5)
    assert waited.status == "failed"


def test_an_image_may_be_an_address_in_both(both: tuple[Speaker, Speaker]) -> None:
    part = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    made = vendor.Messages.create(vendor.Threads.create().id, content=[{"type": "text", "text": "look"}, part])
    assert made.content[1] == part
    seen = both[1].message(made.id, made.thread_id)
    assert seen.content[1].image_url.url == "https://example.org/a.png"


def test_file_search_is_refused_in_both(both: tuple[Speaker, Speaker]) -> None:
    for speaker in both:
        refused = speaker.refusal(lambda speaker=speaker: speaker.assistant(model="m", tools=[{"type": "file_search"}]))  # type: ignore[misc]
        assert refused == "The tool 'file_search' and vector stores are not supported on this server."
