"""Laws of OpenAI's dialect, as pure functions: what was sent is shown, null clears, ids go there and back."""

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.server.dialects import dashscope_answers, openai_answers, openai_requests
from orchestrator.server.records import Assistant, Message, Thread
from orchestrator.server.service.fields import laid_over
from orchestrator.wire.ids import kept, shortened

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
IDS = st.lists(WORDS, max_size=3, unique=True)
METADATA = st.dictionaries(WORDS, WORDS, max_size=3)


def objects(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with some of the fields."""
    return st.fixed_dictionaries({}, optional=fields)


RESOURCES = objects(
    code_interpreter=st.fixed_dictionaries({"file_ids": IDS}),
    file_search=st.fixed_dictionaries({"vector_store_ids": IDS.map(lambda ids: ids[:1])}),
)
FUNCTION = st.fixed_dictionaries({"name": WORDS}, optional={"strict": st.booleans(), "description": WORDS})
TOOL = st.one_of(
    st.fixed_dictionaries({"type": st.just("function"), "function": FUNCTION}),
    st.sampled_from([{"type": "code_interpreter"}, {"type": "calculator", "x": [1]}, {"type": "plugin_7"}]),
)
FORMAT = st.sampled_from(
    ["auto", {"type": "text"}, {"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "n"}}]
)
FIELDS = {
    "name": WORDS,
    "description": WORDS,
    "instructions": WORDS,
    "tools": st.lists(TOOL, max_size=3),
    "tool_resources": RESOURCES,
    "metadata": METADATA,
    "temperature": st.floats(0, 2),
    "top_p": st.floats(0, 1),
    "response_format": FORMAT,
    "reasoning_effort": st.sampled_from(["none", "low", "max"]),
}
ASSISTANTS = st.fixed_dictionaries({"model": WORDS}, optional=FIELDS)
PART = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, WORDS),
    st.builds(lambda url: {"type": "image_url", "image_url": {"url": url, "detail": "low"}}, WORDS),
    st.builds(lambda file: {"type": "image_file", "image_file": {"file_id": file}}, WORDS),
)
ATTACHMENT = st.fixed_dictionaries(
    {"file_id": WORDS, "tools": st.lists(st.sampled_from([{"type": "code_interpreter"}, {"type": "file_search"}]))}
)
MESSAGES = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant"]), "content": WORDS | st.lists(PART, min_size=1, max_size=3)},
    optional={"metadata": METADATA, "attachments": st.lists(ATTACHMENT, max_size=2)},
)

NEW = {"id": "asst_1", "workspace": "w", "created_at": 1_795_420_800_123}
GROUPS = ("settings", "options", "resources")


def stored(changes: dict[str, Any], before: Assistant | None = None) -> Assistant:
    """An assistant with these changes, as the service would make it."""
    old: dict[str, Any] = {name: getattr(before, name) for name in Assistant.__slots__} if before else dict(NEW)
    for name, value in changes.items():
        old[name] = laid_over(old.get(name, {}), value) if name in GROUPS else value
    return Assistant(**old)


def plain(shown: Any) -> Any:
    """As it is on the wire."""
    return orjson.loads(orjson.dumps(shown, default=dict))


def without_nothing(body: dict[str, Any]) -> dict[str, Any]:
    """An object that has nothing in it is shown as null."""
    return {k: v for k, v in body.items() if not (k == "tool_resources" and v == {})}


@given(ASSISTANTS)
def test_all_that_was_sent_is_shown(body: dict[str, Any]) -> None:
    made = stored(openai_requests.new_assistant(body))
    shown = plain(openai_answers.assistant(made))
    assert {name: shown[name] for name in without_nothing(body)} == without_nothing(body)
    assert shown["created_at"] == 1_795_420_800
    assert plain(dashscope_answers.assistant(made))["file_ids"] == list(made.file_ids)


@given(ASSISTANTS, st.sampled_from(sorted(FIELDS)), st.data())
def test_an_update_changes_what_it_names_and_null_clears(body: dict[str, Any], name: str, data: st.DataObject) -> None:
    made = stored(openai_requests.new_assistant(body))
    value = data.draw(FIELDS[name] | st.none(), label=name)
    changed = stored(openai_requests.assistant_changes({name: value}), made)
    before, after = plain(openai_answers.assistant(made)), plain(openai_answers.assistant(changed))
    if name == "tool_resources" and value is not None:
        value = {**(before[name] or {}), **value} or None
    cleared = {"tools": [], "metadata": {}, "response_format": "auto"}
    assert after == {**before, name: cleared.get(name) if value is None else value}


@given(METADATA, RESOURCES)
def test_a_thread_is_shown_as_it_was_sent(metadata: dict[str, str], resources: dict[str, Any]) -> None:
    new = openai_requests.new_thread({"metadata": metadata, "tool_resources": resources})
    made = Thread(
        id="thread_1",
        workspace="w",
        created_at=1,
        metadata=new.metadata,
        file_ids=new.file_ids,
        resources=new.resources,
    )
    shown = plain(openai_answers.thread(made))
    assert (shown["metadata"], shown["tool_resources"]) == (metadata, resources or None)


@given(MESSAGES)
def test_a_message_is_shown_as_it_was_sent(body: dict[str, Any]) -> None:
    new = openai_requests.new_message(body)
    made = Message(
        id="message_1",
        workspace="w",
        thread_id="t",
        created_at=1,
        role=new.role,
        content=new.content,
        file_ids=new.file_ids,
        metadata=new.metadata,
        attachments=new.attachments,
    )
    shown = plain(openai_answers.message(made))
    parts = [{"type": "text", "text": body["content"]}] if isinstance(body["content"], str) else body["content"]
    texts = [{**p, "text": {"value": p["text"], "annotations": []}} if p["type"] == "text" else p for p in parts]
    assert shown["content"] == texts
    assert shown["attachments"] == body.get("attachments", [])
    assert shown["metadata"] == body.get("metadata", {})
    assert plain(dashscope_answers.message(made))["file_ids"] == [
        *dict.fromkeys(attachment["file_id"] for attachment in shown["attachments"])
    ]


@given(st.uuids(version=4).map(str))
def test_ids_that_were_made_here_go_there_and_back(number: str) -> None:
    assert shortened(f"message_{number}") == f"msg_{number}"
    assert kept(f"msg_{number}") == kept(f"message_{number}") == f"message_{number}"


@given(st.sampled_from(["msg_", "message_", "asst_", "run_", ""]), st.text(max_size=40))
def test_other_ids_stay_as_they_are(prefix: str, rest: str) -> None:
    assert kept(prefix + rest) == shortened(prefix + rest) == prefix + rest
