"""`client.beta.assistants`, each method, against our server; and what it refuses."""

import time
from typing import Any

import openai
import pytest
from openai import OpenAI
from openai_scene import MISSING, assistant, function, refused, thread

NO_SEARCH = "The tool 'file_search' and vector stores are not supported on this server."
FULL: dict[str, Any] = {
    "name": "stock-clerk",
    "description": "Answers stock questions",
    "instructions": "Be brief. 简短",
    "metadata": {"owner": "warehouse"},
    "temperature": 0.3,
    "top_p": 0.8,
    "reasoning_effort": "low",
    "response_format": {"type": "json_schema", "json_schema": {"name": "stock", "schema": {"type": "object"}}},
    "tool_resources": {
        "code_interpreter": {"file_ids": ["file-1", "file-2"]},
        "file_search": {"vector_store_ids": ["vs_1"]},
    },
}
TOOLS = [{"type": "code_interpreter"}, function("stock_level", strict=True)]


def shown(thing: Any) -> dict[str, Any]:
    """The object as it was on the wire."""
    return thing.to_dict(exclude_unset=True, warnings=False)


def test_create_gives_back_what_was_sent(client: OpenAI) -> None:
    made = client.beta.assistants.create(model="qwen-plus", tools=TOOLS, **FULL)  # type: ignore[arg-type]
    assert shown(made) == {
        **FULL,
        "id": made.id,
        "object": "assistant",
        "created_at": made.created_at,
        "model": "qwen-plus",
        "tools": TOOLS,
    }
    assert made.id.startswith("asst_")
    assert abs(made.created_at - time.time()) < 60
    assert client.beta.assistants.retrieve(made.id) == made


def test_what_is_absent_is_null(client: OpenAI) -> None:
    made = shown(client.beta.assistants.create(model="m"))
    empty = {name for name, value in made.items() if value is None}
    assert empty == {
        "name",
        "description",
        "instructions",
        "temperature",
        "top_p",
        "tool_resources",
        "reasoning_effort",
    }
    assert (made["tools"], made["metadata"], made["response_format"]) == ([], {}, "auto")


def test_an_update_leaves_alone_what_it_does_not_name(client: OpenAI) -> None:
    made = client.beta.assistants.create(model="qwen-plus", tools=TOOLS, **FULL)  # type: ignore[arg-type]
    assert client.beta.assistants.update(made.id) == made
    changed = client.beta.assistants.update(made.id, description="new", model="qwen-max")
    assert shown(changed) == {**shown(made), "description": "new", "model": "qwen-max"}


CLEARABLE = dict.fromkeys(FULL) | {"metadata": {}, "response_format": "auto"}


@pytest.mark.parametrize("name", CLEARABLE)
def test_null_clears(client: OpenAI, name: str) -> None:
    made = client.beta.assistants.create(model="qwen-plus", tools=TOOLS, **FULL)  # type: ignore[arg-type]
    cleared = client.beta.assistants.update(made.id, **{name: None})  # type: ignore[arg-type]
    assert shown(cleared) == {**shown(made), name: CLEARABLE[name]}


def test_an_empty_list_clears_the_tools(client: OpenAI) -> None:
    assert client.beta.assistants.update(assistant(client, *TOOLS).id, tools=[]).tools == []


def test_tool_resources_change_tool_by_tool(client: OpenAI) -> None:
    made = client.beta.assistants.create(model="m", **FULL)  # type: ignore[arg-type]
    update = client.beta.assistants.update
    files: Any = update(made.id, tool_resources={"code_interpreter": {"file_ids": []}})
    assert shown(files.tool_resources) == {**FULL["tool_resources"], "code_interpreter": {"file_ids": []}}
    stores: Any = update(made.id, tool_resources={"file_search": {"vector_store_ids": []}})
    assert shown(stores.tool_resources)["file_search"] == {"vector_store_ids": []}
    gone: Any = update(made.id, tool_resources={"file_search": None})  # type: ignore[typeddict-item]
    assert shown(gone.tool_resources) == {"code_interpreter": {"file_ids": []}}


def test_a_model_cannot_be_cleared(client: OpenAI) -> None:
    made = assistant(client)
    update: Any = client.beta.assistants.update
    assert refused(lambda: update(made.id, model=None), openai.BadRequestError).param == "model"


def test_delete(client: OpenAI) -> None:
    made = assistant(client)
    gone = client.beta.assistants.delete(made.id)
    assert (gone.id, gone.deleted, gone.object) == (made.id, True, "assistant.deleted")
    for call in (client.beta.assistants.retrieve, client.beta.assistants.update, client.beta.assistants.delete):
        error = refused(lambda call=call: call(made.id), openai.NotFoundError)  # type: ignore[misc]
        assert (error.body["message"], error.type) == (MISSING.format("assistant"), "invalid_request_error")


def test_a_list_has_both_cursors(client: OpenAI) -> None:
    mine = client.with_options(project="proj-cursors")
    ids = [mine.beta.assistants.create(model="m").id for _ in range(5)]

    def names(**page: Any) -> list[str]:
        return [a.id for a in mine.beta.assistants.list(**page).data]

    assert names() == ids[::-1]
    assert names(order="asc", limit=2) == ids[:2]
    assert names(limit=2, after=ids[3]) == [ids[2], ids[1]]
    assert names(order="asc", limit=2, before=ids[4]) == ids[2:4]
    assert names(order="asc", after=ids[0], before=ids[3]) == ids[1:3]
    first = mine.beta.assistants.list(limit=2)
    assert (first.has_more, first.to_dict()["first_id"], first.to_dict()["last_id"]) == (True, ids[4], ids[3])
    assert mine.beta.assistants.list(limit=5).has_more is False


def test_iterating_a_list_pages_by_itself(client: OpenAI) -> None:
    mine = client.with_options(project="proj-paging")
    ids = [mine.beta.assistants.create(model="m").id for _ in range(5)]
    assert [a.id for a in mine.beta.assistants.list(limit=2, order="asc")] == ids
    assert list(client.with_options(project="proj-empty").beta.assistants.list()) == []


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ({"limit": 0}, "Limit must be between 1 and 100"),
        ({"limit": 101}, "Limit must be between 1 and 100"),
        ({"order": "up"}, "Order must be 'asc' or 'desc'"),
        ({"after": "asst_x"}, "No object of this list has the id 'asst_x' given as 'after'."),
    ],
)
def test_a_wrong_page_is_refused(client: OpenAI, page: dict[str, Any], message: str) -> None:
    error = refused(lambda: client.beta.assistants.list(**page), openai.BadRequestError)
    assert (error.body["message"], error.param) == (message, next(iter(page)))


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": ""}, "model"),
        ({"metadata": {str(n): "" for n in range(17)}}, "metadata"),
        ({"metadata": {"k" * 65: ""}}, "metadata"),
        ({"metadata": {"k": "v" * 513}}, "metadata"),
        ({"name": "n" * 257}, "name"),
        ({"description": "d" * 513}, "description"),
        ({"instructions": "i" * 256_001}, "instructions"),
        ({"tools": [{"type": "code_interpreter"}] * 129}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"temperature": 2.1}, "temperature"),
        ({"top_p": 1.1}, "top_p"),
        ({"reasoning_effort": "much"}, "reasoning_effort"),
        ({"response_format": "json_object"}, "response_format"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        (
            {"tool_resources": {"code_interpreter": {"file_ids": ["f"] * 21}}},
            "tool_resources.code_interpreter.file_ids",
        ),
        (
            {"tool_resources": {"file_search": {"vector_store_ids": ["a", "b"]}}},
            "tool_resources.file_search.vector_store_ids",
        ),
        ({"extra_body": {"file_ids": ["file-1"]}}, "file_ids"),
    ],
)
def test_a_wrong_field_is_named(client: OpenAI, fields: dict[str, Any], param: str) -> None:
    create: Any = client.beta.assistants.create
    error = refused(lambda: create(**{"model": "m", **fields}), openai.BadRequestError)
    assert (error.param, error.type, error.code) == (param, "invalid_request_error", None)
    assert param.rsplit(".", maxsplit=1)[-1].split("[", maxsplit=1)[0] in str(error)


def test_limits_can_be_reached(client: OpenAI) -> None:
    metadata = {f"{n:02}" + "k" * 62: "v" * 512 for n in range(16)}
    made = client.beta.assistants.create(model="m", name="n" * 256, description="d" * 512, metadata=metadata)
    assert made.metadata == metadata


def test_tools_of_other_kinds_are_kept_as_they_came(client: OpenAI) -> None:
    tools = [{"type": "calculator"}, {"type": "quark_search", "description": "news"}, {"type": "plugin_7c1e"}]
    assert shown(client.beta.assistants.retrieve(assistant(client, *tools).id))["tools"] == tools


def test_file_search_is_not_supported_and_says_so(client: OpenAI) -> None:
    search: Any = [{"type": "file_search"}]
    made, home = assistant(client), thread(client, "hi")
    stores: Any = {"file_search": {"vector_stores": [{"file_ids": ["f"]}]}}
    for call in (
        lambda: client.beta.assistants.create(model="m", tools=search),
        lambda: client.beta.assistants.update(made.id, tools=search),
        lambda: client.beta.threads.runs.create(home.id, assistant_id=made.id, tools=search),
        lambda: client.beta.threads.runs.create(home.id, assistant_id=made.id, tool_choice={"type": "file_search"}),
        lambda: client.beta.threads.create(tool_resources=stores),
        lambda: client.vector_stores.create(name="s"),
        client.vector_stores.list,
        lambda: client.vector_stores.retrieve("vs_1"),
        lambda: client.vector_stores.delete("vs_1"),
        lambda: client.vector_stores.files.create("vs_1", file_id="f"),
    ):
        error = refused(call, openai.BadRequestError)
        assert (error.body["message"], error.code) == (NO_SEARCH, "unsupported")


def test_the_request_id_is_in_a_header(client: OpenAI) -> None:
    raw = client.beta.assistants.with_raw_response.create(model="m")
    made = raw.parse()
    assert made._request_id == raw.headers["x-request-id"]
    assert "request_id" not in made.to_dict()


def test_projects_are_workspaces(client: OpenAI) -> None:
    made = assistant(client)
    other = client.with_options(project="proj-other")
    assert refused(lambda: other.beta.assistants.retrieve(made.id), openai.NotFoundError).status_code == 404
    bad = client.with_options(project="no/project")
    assert "OpenAI-Project" in str(refused(bad.beta.assistants.list, openai.BadRequestError))


def test_an_unknown_address_is_not_found(client: OpenAI) -> None:
    error = refused(lambda: client.get("/nothing", cast_to=object), openai.NotFoundError)
    assert str(error) == "Error code: 404 - Invalid URL (GET /v1/nothing)"
    assert refused(lambda: client.put("/assistants", cast_to=object), openai.NotFoundError).status_code == 404
    assert refused(lambda: client.get("/assistants/a/files", cast_to=object), openai.NotFoundError).status_code == 404


def test_a_large_body_has_a_status_of_its_own(client: OpenAI) -> None:
    create: Any = client.beta.assistants.create
    assert refused(lambda: create(model="m", instructions="i" * 2**20), openai.APIStatusError).status_code == 413
