"""`client.beta.threads` and `.messages`, each method, against our server."""

from typing import Any

import openai
import pytest
from openai import OpenAI
from openai_scene import MISSING, assistant, refused, text_of, thread

RESOURCES: Any = {"code_interpreter": {"file_ids": ["file-1"]}, "file_search": {"vector_store_ids": ["vs_1"]}}
ATTACHED: Any = [
    {"file_id": "file-1", "tools": [{"type": "code_interpreter"}]},
    {"file_id": "file-2", "tools": [{"type": "file_search"}, {"type": "code_interpreter"}]},
    {"file_id": "file-3", "tools": []},
]


def test_a_thread_is_made_found_changed_and_deleted(client: OpenAI) -> None:
    made = client.beta.threads.create(metadata={"a": "1"}, tool_resources=RESOURCES)
    assert (made.object, made.metadata) == ("thread", {"a": "1"})
    assert made.to_dict()["tool_resources"] == RESOURCES
    assert client.beta.threads.retrieve(made.id) == made
    assert client.beta.threads.update(made.id) == made
    assert client.beta.threads.update(made.id, metadata={"b": "2"}).metadata == {"b": "2"}
    cleared = client.beta.threads.update(made.id, metadata=None, tool_resources=None)
    assert (cleared.metadata, cleared.tool_resources) == ({}, None)
    assert client.beta.threads.retrieve(made.id) == cleared
    gone = client.beta.threads.delete(made.id)
    assert (gone.id, gone.deleted, gone.object) == (made.id, True, "thread.deleted")
    error = refused(lambda: client.beta.threads.retrieve(made.id), openai.NotFoundError)
    assert error.body["message"] == MISSING.format("thread")


def test_a_thread_of_nothing(client: OpenAI) -> None:
    made = client.beta.threads.create()
    assert made.to_dict() == {
        "id": made.id,
        "object": "thread",
        "created_at": made.created_at,
        "metadata": {},
        "tool_resources": None,
    }


def test_a_run_may_use_the_files_of_its_assistant_and_of_its_thread(client: OpenAI) -> None:
    made = assistant(client, tool_resources={"code_interpreter": {"file_ids": ["file-0", "file-1"]}})
    home = client.beta.threads.create(
        messages=[{"role": "user", "content": "hi", "attachments": ATTACHED}], tool_resources=RESOURCES
    )
    assert client.beta.threads.messages.list(home.id).data[0].to_dict()["attachments"] == ATTACHED
    run = client.beta.threads.runs.create_and_poll(thread_id=home.id, assistant_id=made.id, poll_interval_ms=10)
    assert run.status == "completed"


def test_a_message_of_a_user(client: OpenAI) -> None:
    home = thread(client)
    made = client.beta.threads.messages.create(
        home.id, role="user", content="How many? 多少", metadata={"channel": "web"}, attachments=ATTACHED
    )
    assert made.id.startswith("msg_")
    assert made.to_dict() == {
        "id": made.id,
        "object": "thread.message",
        "created_at": made.created_at,
        "thread_id": home.id,
        "status": "completed",
        "role": "user",
        "content": [{"type": "text", "text": {"value": "How many? 多少", "annotations": []}}],
        "attachments": ATTACHED,
        "metadata": {"channel": "web"},
        **dict.fromkeys(("assistant_id", "run_id", "completed_at", "incomplete_at", "incomplete_details")),
    }
    assert client.beta.threads.messages.retrieve(made.id, thread_id=home.id) == made


def test_only_the_metadata_of_a_message_changes(client: OpenAI) -> None:
    home = thread(client, "hi")
    first = client.beta.threads.messages.list(home.id).data[0]
    update = client.beta.threads.messages.update
    assert update(first.id, thread_id=home.id) == first
    assert update(first.id, thread_id=home.id, metadata={"a": "1"}).metadata == {"a": "1"}
    assert update(first.id, thread_id=home.id, metadata=None) == first


def test_a_deleted_message_is_gone_and_no_run_is_told_of_it(client: OpenAI) -> None:
    home = thread(client, "one", "two", "/call f {}", "three")
    doomed = client.beta.threads.messages.list(home.id).data[1]
    assert text_of(doomed) == "/call f {}"
    gone = client.beta.threads.messages.delete(doomed.id, thread_id=home.id)
    assert (gone.id, gone.deleted, gone.object) == (doomed.id, True, "thread.message.deleted")
    assert [text_of(m) for m in client.beta.threads.messages.list(home.id)] == ["three", "two", "one"]
    for call in (client.beta.threads.messages.retrieve, client.beta.threads.messages.delete):
        error = refused(lambda call=call: call(doomed.id, thread_id=home.id), openai.NotFoundError)  # type: ignore[misc]
        assert error.body["message"] == MISSING.format("message")


def test_messages_can_neither_come_nor_go_while_a_run_is_active(client: OpenAI) -> None:
    home = thread(client, "/slow 8 a b c d")
    first = client.beta.threads.messages.list(home.id).data[0]
    run = client.beta.threads.runs.create(home.id, assistant_id=assistant(client).id)
    for doing, call in (
        ("add messages to", lambda: client.beta.threads.messages.create(home.id, role="user", content="hi")),
        ("delete messages of", lambda: client.beta.threads.messages.delete(first.id, thread_id=home.id)),
    ):
        error = refused(call, openai.BadRequestError)
        assert error.body["message"] == f"Can't {doing} {home.id} while a run {run.id} is active."
        assert error.body["run_id"] == run.id
    client.beta.threads.runs.cancel(run.id, thread_id=home.id)


def test_messages_are_listed_newest_first(client: OpenAI) -> None:
    home = thread(client, *"abcde")
    newest = client.beta.threads.messages.list(home.id, limit=2)
    assert [text_of(m) for m in newest.data] == ["e", "d"]
    assert [text_of(m) for m in newest] == list("edcba")
    last = newest.data[1].id
    assert [text_of(m) for m in client.beta.threads.messages.list(home.id, limit=2, after=last).data] == ["c", "b"]
    assert [text_of(m) for m in client.beta.threads.messages.list(home.id, before=last).data] == ["e"]
    assert [text_of(m) for m in client.beta.threads.messages.list(home.id, order="asc")] == list("abcde")


def test_messages_of_one_run(client: OpenAI) -> None:
    made, home = assistant(client), thread(client, "one")
    create = client.beta.threads.runs.create_and_poll
    first = create(thread_id=home.id, assistant_id=made.id, poll_interval_ms=10)
    second = create(
        thread_id=home.id,
        assistant_id=made.id,
        additional_messages=[{"role": "user", "content": "two"}],
        poll_interval_ms=10,
    )
    for run, said in ((first, "one"), (second, "two")):
        found = client.beta.threads.messages.list(home.id, run_id=run.id).data
        assert [(text_of(m), m.run_id, m.role) for m in found] == [(f"[offline model] {said}", run.id, "assistant")]


def test_content_may_be_a_list_of_parts(client: OpenAI) -> None:
    parts: Any = [
        {"type": "text", "text": "one"},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}},
        {"type": "image_file", "image_file": {"file_id": "file-1"}},
        {"type": "image_file", "image_file": {"file_id": "file-2", "detail": "high"}},
    ]
    made = client.beta.threads.messages.create(thread(client).id, role="user", content=parts)
    text = {"type": "text", "text": {"value": "one", "annotations": []}}
    assert made.to_dict()["content"] == [text, *parts[1:]]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"content": ""}, "The messages information cannot be empty."),
        ({"content": []}, "The messages information cannot be empty."),
        ({"content": [{"type": "image_url"}]}, "'content[0].image_url' must be given."),
        ({"content": [{"type": "audio"}]}, "'content[0].type' must be 'text', 'image_file' or 'image_url'."),
        ({"content": "hi", "role": "system"}, "role must be 'user' or 'assistant'"),
        ({"content": "hi", "attachments": [{"tools": []}]}, "'attachments[0].file_id' must be given."),
        ({"content": "hi", "extra_body": {"file_ids": ["f"]}}, "'file_ids' belongs to version 1"),
    ],
)
def test_a_wrong_message_is_refused(client: OpenAI, fields: dict[str, Any], words: str) -> None:
    home, create = thread(client), client.beta.threads.messages.create
    error = refused(lambda: create(home.id, **{"role": "user", **fields}), openai.BadRequestError)  # type: ignore[arg-type]
    assert words in error.body["message"]


def test_an_assistants_message_may_be_written_by_hand(client: OpenAI) -> None:
    made = client.beta.threads.messages.create(thread(client).id, role="assistant", content="I know")
    assert (made.role, made.assistant_id, made.status) == ("assistant", None, "completed")


def test_what_is_not_there_is_not_found(client: OpenAI) -> None:
    home = thread(client)
    for call, thing in (
        (lambda: client.beta.threads.update("thread_x", metadata={}), "thread"),
        (lambda: client.beta.threads.delete("thread_x"), "thread"),
        (lambda: client.beta.threads.messages.list("thread_x"), "thread"),
        (lambda: client.beta.threads.messages.create("thread_x", role="user", content="hi"), "thread"),
        (lambda: client.beta.threads.messages.retrieve("msg_x", thread_id=home.id), "message"),
        (lambda: client.beta.threads.messages.update("msg_x", thread_id=home.id), "message"),
    ):
        assert refused(call, openai.NotFoundError).body["message"] == MISSING.format(thing)
