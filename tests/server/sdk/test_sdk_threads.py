"""`dashscope.Threads`, `Messages` and `messages.files`, each method, against our server."""

from typing import Any

import pytest
from scene import answer, assistant, ended, thread
from vendor import InputRequired, MessageFiles, Messages, Threads


def test_a_thread_is_made_found_changed_and_deleted() -> None:
    made = Threads.create(metadata={"a": "1"})
    assert made.id.startswith("thread_")
    assert (made.object, made.metadata, made.status_code) == ("thread", {"a": "1"}, 200)
    assert Threads.get(made.id).id == Threads.retrieve(made.id).id == made.id
    assert Threads.update(made.id, metadata={"b": "2"}).metadata == {"b": "2"}
    assert Threads.get(made.id).metadata == {"b": "2"}
    gone = Threads.delete(made.id)
    assert (gone.id, gone.deleted, gone.object) == (made.id, True, "thread.deleted")
    assert Threads.get(made.id).message == "The specified thread has been deleted or does not exist."


def test_an_update_without_metadata_keeps_it() -> None:
    made = Threads.create(metadata={"a": "1"})
    assert Threads.update(made.id).metadata == {"a": "1"}


def test_call_is_create() -> None:
    assert Threads.call().id.startswith("thread_")


def test_first_messages_come_with_the_thread() -> None:
    made = thread("one", "two")
    assert not hasattr(made, "messages")
    assert [m.content[0].text.value for m in _messages(made.id, order="asc")] == ["one", "two"]


def test_create_and_run_makes_both() -> None:
    run = Threads.create_and_run(
        assistant_id=assistant().id, thread={"messages": [{"role": "user", "content": "hi"}], "metadata": {"a": "1"}}
    )
    assert ended(run).status == "completed"
    assert Threads.get(run.thread_id).metadata == {"a": "1"}
    assert "hi" in answer(run.thread_id)


def test_q1_a_thread_of_nothing_posts_an_empty_string() -> None:
    assert Threads.create().metadata == {}
    assert Threads.create(metadata={}).metadata == {}


def test_q5_unknown_keywords_vanish() -> None:
    assert Threads.create(assistant_id="asst_x").status_code == 200


def test_q6_a_stream_from_create_and_run_breaks_the_sdk_and_not_the_server() -> None:
    made = assistant()
    with pytest.raises(TypeError):
        Threads.create_and_run(assistant_id=made.id, stream=True)
    assert Threads.create().status_code == 200


def test_a_message_of_a_user() -> None:
    home = thread()
    made = Messages.create(home.id, content="How many A-17? 多少", metadata={"channel": "web"}, file_ids=["file-1"])
    assert made.id.startswith("message_")
    assert (made.object, made.role, made.thread_id) == ("thread.message", "user", home.id)
    assert made.content[0].text.value == "How many A-17? 多少"
    assert made.content[0].text.annotations in ([], None)
    assert (made.file_ids, made.metadata) == (["file-1"], {"channel": "web"})
    assert (made.assistant_id, made.run_id, made.status) == ("", "", "")


@pytest.mark.parametrize("look", [Messages.get, Messages.retrieve])
def test_a_message_is_found(look: Any) -> None:
    home = thread("hi")
    first = _messages(home.id)[0]
    assert look(first.id, thread_id=home.id).content[0].text.value == "hi"


def test_only_the_metadata_of_a_message_changes() -> None:
    home = thread("hi")
    first = _messages(home.id)[0]
    changed = Messages.update(first.id, thread_id=home.id, metadata={"a": "1"})
    assert (changed.metadata, changed.content[0].text.value) == ({"a": "1"}, "hi")


def test_messages_are_listed_newest_first() -> None:
    home = thread(*"abcde")
    assert [m.content[0].text.value for m in _messages(home.id)] == list("edcba")
    newest = Messages.list(home.id, limit=2)
    assert newest.has_more is True
    assert [m.content[0].text.value for m in _messages(home.id, limit=2, after=newest.last_id)] == ["c", "b"]
    assert [m.content[0].text.value for m in _messages(home.id, limit=2, before=newest.last_id)] == ["e"]
    assert Messages.list(home.id, limit=0).message == "Limit must be between 1 and 100"


def test_an_assistants_message_may_be_written_by_hand() -> None:
    assert Messages.create(thread().id, content="I know", role="assistant").role == "assistant"
    refused = Messages.create(thread().id, content="I rule", role="system")
    assert (refused.status_code, refused.code) == (400, "InvalidParameter")


def test_content_may_be_a_list_of_parts() -> None:
    parts = [{"type": "text", "text": "one"}, {"type": "text", "text": {"value": "two"}}]
    made = Messages.create(thread().id, content=parts)
    assert [part.text.value for part in made.content] == ["one", "two"]


def test_empty_content_is_refused() -> None:
    with pytest.raises(InputRequired):
        Messages.create(thread().id, content="")
    refused = Messages.create(thread().id, content=[{"type": "text", "text": ""}])
    assert refused.message == "The messages information cannot be empty."
    assert Threads.create(messages=[{"role": "user", "content": ""}]).message == refused.message


def test_messages_of_a_thread_that_is_not_there() -> None:
    missing = "The specified thread has been deleted or does not exist."
    assert Messages.create("thread_x", content="hi").message == missing
    assert Messages.list("thread_x").message == missing
    refused = Messages.get("message_x", thread_id=thread().id)
    assert refused.message == "The specified message has been deleted or does not exist."


def test_files_of_a_message() -> None:
    home = thread()
    made = Messages.create(home.id, content="look", file_ids=["file-1", "file-2"])
    place: dict[str, Any] = {"thread_id": home.id, "message_id": made.id}
    listed = MessageFiles.list(made.id, thread_id=home.id, order="asc")
    assert [file["id"] if isinstance(file, dict) else file.id for file in listed.data] == ["file-1", "file-2"]
    for look in (MessageFiles.get, MessageFiles.retrieve):
        found = look("file-2", **place)
        assert (found.id, found.object, found.message_id) == ("file-2", "thread.message.file", made.id)
    assert MessageFiles.get("file-9", **place).message == "The specified message file not exist."


def test_q4_call_works_with_whatever_key() -> None:
    assert Messages.call(thread().id, content="hi", api_key="other").role == "user"


def test_q7_an_image_file_has_its_id() -> None:
    made = Messages.create(thread().id, content=[{"type": "image_file", "image_file": {"file_id": "file-1"}}])
    assert made.content[0].type == "image_file"
    refused = Messages.create(thread().id, content=[{"type": "image_file"}])
    assert (refused.status_code, refused.message) == (400, "'content[0].image_file' must be given.")


def test_q14_every_object_can_be_printed() -> None:
    home = thread("hi")
    assert home.id in str(home)
    assert "hi" in str(Messages.list(home.id))


def _messages(thread_id: str, **page: Any) -> list[Any]:
    return Messages.list(thread_id, **page).data
