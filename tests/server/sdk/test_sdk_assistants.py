"""`dashscope.Assistants` and `assistants.files`, each method, against our server."""

from typing import Any

import pytest
import requests
from live import Live
from scene import assistant, function
from vendor import AssistantFiles, Assistants, InputRequired, InvalidParameter, ModelRequired

SEARCH = {"type": "quark_search", "description": "for news"}
RAG = {"type": "rag", "prompt_ra": {"pipeline_id": ["kb1"], "parameters": {"type": "object"}}}


def test_create_gives_back_what_was_sent() -> None:
    sent: dict[str, Any] = {
        "model": "qwen-plus",
        "name": "stock-clerk",
        "description": "Answers stock questions",
        "instructions": "Be brief. 简短",
        "metadata": {"owner": "warehouse"},
        "file_ids": ["file-1"],
        "temperature": 0.3,
        "top_p": 0.8,
        "top_k": 20,
        "max_tokens": 800,
    }
    made = Assistants.create(**sent, tools=[{"type": "code_interpreter"}, function("stock_level")])
    assert made.status_code == 200
    assert made.id.startswith("asst_")
    assert made.object == "assistant"
    assert len(str(made.created_at)) == 13
    assert {key: getattr(made, key) for key in sent} == sent
    assert [tool.type for tool in made.tools] == ["code_interpreter", "function"]
    assert made.tools[1].function.name == "stock_level"
    assert len(made.request_id) == 36


def test_call_is_create() -> None:
    made = Assistants.call(model="qwen-plus")
    assert (made.tools, made.file_ids, made.metadata) == ([], [], {})


def test_tools_of_unknown_kinds_come_back_as_they_were() -> None:
    plugin = {"type": "plugin_7c1e", "auth": {"type": "user_http", "user_token": "t"}}
    made = Assistants.create(model="qwen-plus", tools=[SEARCH, RAG, plugin])
    assert Assistants.get(made.id).tools == [SEARCH, RAG, plugin]


@pytest.mark.parametrize("look", [Assistants.get, Assistants.retrieve])
def test_get_and_retrieve(look: Any) -> None:
    made = assistant()
    found = look(made.id)
    assert (found.id, found.name, found.created_at) == (made.id, "clerk", made.created_at)
    assert found.request_id != made.request_id


def test_list_pages_with_both_cursors() -> None:
    workspace = "ws-pages"
    ids = [Assistants.create(model="m", name=str(i), workspace=workspace).id for i in range(5)]

    def names(**page: Any) -> list[str]:
        return [a.id for a in Assistants.list(workspace=workspace, **page).data]

    newest = Assistants.list(workspace=workspace, limit=2)
    assert [a["id"] if isinstance(a, dict) else a.id for a in newest.data] == ids[:2:-1]
    assert (newest.has_more, newest.first_id, newest.last_id) == (True, ids[4], ids[3])
    assert names(limit=2, after=newest.last_id) == [ids[2], ids[1]]
    assert names(order="asc", limit=2) == ids[:2]
    assert names(order="asc", limit=2, before=ids[4]) == ids[2:4]
    assert names(order="asc", after=ids[0], before=ids[3]) == ids[1:3]
    assert Assistants.list(workspace=workspace, order="asc", after=ids[2]).has_more is False


def test_an_empty_list_is_a_list() -> None:
    nothing = Assistants.list(workspace="ws-empty")
    assert (nothing.data, nothing.has_more, nothing.first_id, nothing.last_id) == ([], False, None, None)


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ({"limit": 0}, "Limit must be between 1 and 100"),
        ({"limit": 101}, "Limit must be between 1 and 100"),
        ({"order": "up"}, "Order must be 'asc' or 'desc'"),
    ],
)
def test_a_wrong_page_is_refused_in_the_vendors_words(page: dict[str, Any], message: str) -> None:
    refused = Assistants.list(**page)
    assert (refused.status_code, refused.code, refused.message) == (400, "InvalidParameter", message)
    assert refused.data == []


def test_an_unknown_cursor_is_refused() -> None:
    refused = Assistants.list(after="asst_nobody")
    assert (refused.status_code, refused.code) == (400, "InvalidParameter")


def test_update_replaces_what_is_named_and_nothing_else() -> None:
    made = Assistants.create(
        model="qwen-plus", name="a", instructions="i", tools=[function("f")], metadata={"a": "1"}, temperature=0.5
    )
    changed = Assistants.update(made.id, name="b", top_k=5)
    assert (changed.name, changed.instructions, changed.metadata) == ("b", "i", {"a": "1"})
    assert (changed.temperature, changed.top_k) == (0.5, 5)
    assert [tool.function.name for tool in changed.tools] == ["f"]
    assert Assistants.get(made.id).name == "b"


def test_update_clears_tools_and_metadata_when_asked() -> None:
    made = Assistants.create(model="m", tools=[function("f")], metadata={"a": "1"})
    changed = Assistants.update(made.id, tools=[], file_ids=None, metadata={})
    assert (changed.tools, changed.metadata) == ([], {})


def test_delete_is_final() -> None:
    made = assistant()
    gone = Assistants.delete(made.id)
    assert (gone.id, gone.deleted, gone.object, gone.status_code) == (made.id, True, "assistant.deleted", 200)
    for answer in (Assistants.get(made.id), Assistants.delete(made.id), Assistants.update(made.id, name="x")):
        assert answer.status_code == 400
        assert answer.message == "The specified assistant has been deleted or does not exist."


def test_cancel_of_an_assistant_means_nothing() -> None:
    refused = Assistants.cancel(assistant().id)
    assert refused["status_code"] == 400 if isinstance(refused, dict) else refused.status_code == 400


def test_an_error_is_an_object_without_data() -> None:
    refused = Assistants.get("asst_nobody")
    assert (refused.status_code, refused.code) == (400, "InvalidParameter")
    assert len(refused.request_id) == 36
    assert not hasattr(refused, "id")


def test_the_sdk_itself_refuses_what_is_missing() -> None:
    with pytest.raises(ModelRequired):
        Assistants.create(model="")
    with pytest.raises(InvalidParameter):
        Assistants.list(limit=-1)
    with pytest.raises(InputRequired):
        AssistantFiles.create("asst_x", file_id="")


def test_metadata_beyond_the_limits_is_refused() -> None:
    refused = Assistants.create(model="m", metadata={"k": "v" * 513})
    assert (refused.status_code, refused.code) == (400, "InvalidParameter")
    assert "512" in refused.message


def test_workspaces_do_not_see_each_other() -> None:
    made = Assistants.create(model="m", workspace="ws-1")
    assert Assistants.get(made.id, workspace="ws-1").id == made.id
    assert Assistants.get(made.id, workspace="ws-2").status_code == 400
    assert Assistants.get(made.id).status_code == 400


def test_a_workspace_has_to_look_like_one() -> None:
    assert Assistants.list(headers={"X-DashScope-WorkSpace": "no spaces"}).status_code == 400


@pytest.mark.parametrize("attach", [AssistantFiles.create, AssistantFiles.call])
def test_files_are_attached_listed_and_detached(attach: Any) -> None:
    made = assistant()
    for file in ("file-1", "file-2"):
        attached = attach(made.id, file_id=file)
        assert (attached.id, attached.object, attached.assistant_id) == (file, "assistant.file", made.id)
    assert Assistants.get(made.id).file_ids == ["file-1", "file-2"]
    listed = AssistantFiles.list(made.id, limit=1)
    assert ([file["id"] if isinstance(file, dict) else file.id for file in listed.data], listed.has_more) == (
        ["file-2"],
        True,
    )
    assert AssistantFiles.retrieve("file-1", assistant_id=made.id).id == "file-1"
    assert AssistantFiles.delete("file-1", assistant_id=made.id).deleted is True
    assert Assistants.get(made.id).file_ids == ["file-2"]


def test_a_file_that_is_not_there() -> None:
    refused = AssistantFiles.retrieve("file-9", assistant_id=assistant().id)
    assert refused.message == "The specified assistant file has been deleted or does not exist."


def test_q2_a_rename_keeps_files_and_metadata() -> None:
    made = Assistants.create(model="m", name="a", file_ids=["file-1"], metadata={"a": "1"})
    changed = Assistants.update(made.id, name="b")
    assert (changed.file_ids, changed.metadata) == (["file-1"], {"a": "1"})


def test_q3_only_a_raw_request_clears_a_text(live: Live) -> None:
    made = assistant()
    assert Assistants.update(made.id, instructions="").instructions == "Be brief."
    raw = requests.post(f"{live.url}/api/v1/assistants/{made.id}", json={"instructions": "", "name": None}, timeout=5)
    assert (raw.json()["instructions"], raw.json()["name"]) == ("", "clerk")


def test_q14_every_object_can_be_printed() -> None:
    made = assistant(function("f"), SEARCH)
    assert made.id in str(made)
    assert made.id in str(Assistants.list(limit=5))


def test_q19_files_get_gives_none_on_an_error() -> None:
    made = Assistants.create(model="m", file_ids=["file-1"])
    assert AssistantFiles.get("file-1", assistant_id=made.id).id == "file-1"
    assert AssistantFiles.get("file-9", assistant_id=assistant().id) is None


def test_q25_a_delete_needs_no_content_type() -> None:
    assert Assistants.delete(assistant().id).deleted is True


def test_q21_metadata_may_have_a_key_named_object() -> None:
    made = Assistants.create(model="m", metadata={"object": "thread", "a": "1"})
    assert made.metadata.a == "1"


def test_q24_an_id_with_a_slash_is_another_address() -> None:
    refused = Assistants.get("a/b")
    assert refused.message == "Invalid URL provided in your request."
    assert Assistants.get("a?limit=1").message == "The specified assistant has been deleted or does not exist."
