"""Bodies of requests in OpenAI's dialect, version 2, read into what the service takes. Unknown fields are let pass.

An update leaves a field alone that is absent; null clears it. Files stand in `tool_resources` and `attachments`;
`file_ids`, where version 1 had them, is refused, for whoever sends it counts on what it did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.server.dialects.fields import Fields, given
from orchestrator.server.dialects.reading import content, file_id, tool_outputs, tools, wants_stream
from orchestrator.server.records import Json
from orchestrator.server.service.runs import NewRun
from orchestrator.server.service.threads import NewMessage, NewThread
from orchestrator.wire.assistants import CODE_FILES, REASONING_EFFORTS, VECTOR_STORES
from orchestrator.wire.faults import NO_FILE_SEARCH, Fault, invalid
from orchestrator.wire.workspaces import WORKSPACE

__all__ = [
    "assistant_changes",
    "file_id",
    "new_assistant",
    "new_message",
    "new_metadata",
    "new_run",
    "new_thread",
    "new_thread_of_run",
    "thread_changes",
    "tool_outputs",
    "wants_stream",
    "workspace",
]

_NOTHING: Json = {}
_TEXTS = ("name", "description", "instructions")
_STRATEGIES = ("auto", "last_messages")
_CHOICES = ("none", "auto", "required")
_FORMATS = ("text", "json_object", "json_schema")


def workspace(headers: Mapping[str, str]) -> str | None:
    """The workspace that a request names, which this API calls a project; None: it names none."""
    name = headers.get("openai-project") or None
    if name is not None and WORKSPACE.fullmatch(name) is None:
        raise invalid("The OpenAI-Project header is not the id of a workspace.", "project")
    return name


def new_assistant(body: Json) -> dict[str, Any]:
    """The arguments of `Assistants.create`."""
    fields = Fields(body)
    return {"model": fields.needed("model"), **_assistant_fields(fields)}


def assistant_changes(body: Json) -> dict[str, Any]:
    """The changes for `Assistants.update`."""
    fields = Fields(body)
    model = {"model": fields.needed("model")} if fields.names("model") else {}
    return model | _assistant_fields(fields)


def _assistant_fields(fields: Fields) -> dict[str, Any]:
    """What the body names. None clears; in `settings`, `options` and `resources` it takes a key away."""
    _refuse_file_ids(fields)
    read: dict[str, Any] = {name: fields.text(name) for name in _TEXTS if fields.names(name)}
    if fields.names("tools"):
        read["tools"] = tools(fields) or ()
    if fields.names("metadata"):
        read["metadata"] = fields.metadata() or _NOTHING
    for group, readers in (("settings", SETTINGS), ("options", OPTIONS)):
        found = {name: look(fields) for name, look in readers.items() if fields.names(name)}
        read |= {group: found} if found else {}
    return read | _resources(fields)


def new_thread(body: Json) -> NewThread:
    """A thread and its first messages."""
    return _thread(Fields(body))


def thread_changes(body: Json) -> dict[str, Any]:
    """The changes for `Threads.update`."""
    fields = Fields(body)
    metadata = {"metadata": fields.metadata() or _NOTHING} if fields.names("metadata") else {}
    return metadata | _resources(fields)


def new_metadata(body: Json) -> Json | None:
    """The metadata of an update; None: it stays."""
    fields = Fields(body)
    return (fields.metadata() or _NOTHING) if fields.names("metadata") else None


def new_message(body: Json) -> NewMessage:
    """A message."""
    return _message(Fields(body))


def new_run(body: Json) -> NewRun:
    """A run, without its thread."""
    fields = Fields(body)
    files = _resources(fields).get("file_ids")
    return NewRun(
        assistant_id=fields.needed("assistant_id"),
        model=fields.text("model") or None,
        instructions=fields.text("instructions") or None,
        additional_instructions=fields.text("additional_instructions") or None,
        tools=tools(fields),
        file_ids=files,
        metadata=fields.metadata() or {},
        settings={name: read(fields) for name, read in SETTINGS.items()},
        options={name: read(fields) for name, read in {**OPTIONS, **RUN_OPTIONS}.items()},
        additional_messages=tuple(_message(item) for item in fields.each("additional_messages") or ()),
    )


def new_thread_of_run(body: Json) -> NewThread:
    """The thread that is created together with a run; absent, it is an empty one."""
    return _thread(Fields(body).inner("thread") or Fields({}))


def _thread(fields: Fields) -> NewThread:
    found = _resources(fields)
    return NewThread(
        metadata=fields.metadata() or {},
        messages=tuple(_message(item) for item in fields.each("messages") or ()),
        file_ids=tuple(found.get("file_ids", ())),
        resources=given(**found.get("resources", {})),
    )


def _message(fields: Fields) -> NewMessage:
    _refuse_file_ids(fields)
    attached = tuple(_attachment(item) for item in fields.each("attachments") or ())
    return NewMessage(
        role=fields.needed("role"),
        content=content(fields),
        file_ids=tuple(dict.fromkeys(item["file_id"] for item in attached)),
        metadata=fields.metadata() or {},
        attachments=attached,
    )


def _attachment(fields: Fields) -> Json:
    """A file and the tools it is for."""
    return {"file_id": fields.needed("file_id"), "tools": [_type_only(tool) for tool in fields.each("tools") or ()]}


def _type_only(tool: Fields) -> Json:
    return {"type": tool.needed("type")}


def _resources(fields: Fields) -> dict[str, Any]:
    """`file_ids` and `resources` as `tool_resources` has them; a tool that it does not name keeps what it has."""
    if not fields.names("tool_resources"):
        return {}
    tools_of = fields.inner("tool_resources")
    if tools_of is None:
        return {"file_ids": (), "resources": {"code_interpreter": None, "file_search": None}}
    read: dict[str, Any] = {"resources": {}}
    if tools_of.names("code_interpreter"):
        code = tools_of.inner("code_interpreter")
        read["file_ids"] = () if code is None else _code_files(code)
        read["resources"]["code_interpreter"] = None if code is None else {}
    if tools_of.names("file_search"):
        search = tools_of.inner("file_search")
        read["resources"]["file_search"] = None if search is None else _stores(search)
    return read


def _code_files(code: Fields) -> tuple[str, ...]:
    files = code.texts("file_ids") or ()
    if len(files) > CODE_FILES:
        code.wrong("file_ids", f"holds at most {CODE_FILES} files")
    return files


def _stores(search: Fields) -> Json:
    """Vector stores are kept by their ids; to make one is refused."""
    if "vector_stores" in search:
        raise Fault("unsupported", NO_FILE_SEARCH, "tool_resources.file_search.vector_stores")
    stores = search.texts("vector_store_ids") or ()
    if len(stores) > VECTOR_STORES:
        search.wrong("vector_store_ids", f"holds at most {VECTOR_STORES} vector store")
    return {"vector_store_ids": list(stores)}


def _refuse_file_ids(fields: Fields) -> None:
    if "file_ids" in fields:
        fields.wrong("file_ids", "belongs to version 1 of this API; use 'tool_resources' or 'attachments'")


# --- settings and options: a reader for each, None where it is absent or null


def _truncation(fields: Fields) -> Json | None:
    strategy = fields.inner("truncation_strategy")
    if strategy is None:
        return None
    kind = strategy.one_of("type", _STRATEGIES)
    count = strategy.integer("last_messages", 1)
    if kind == "last_messages" and count is None:
        strategy.wrong("last_messages", "must be given")
    return {"type": kind, "last_messages": count}


def _tool_choice(fields: Fields) -> str | Json | None:
    if isinstance(fields.body.get("tool_choice"), str):
        return fields.one_of("tool_choice", _CHOICES)
    choice = fields.inner("tool_choice")
    if choice is None:
        return None
    if choice.needed("type") == "function":
        (choice.inner("function") or choice.wrong("function", "must be given")).needed("name")
    return choice.body


def _response_format(fields: Fields) -> str | Json | None:
    if isinstance(fields.body.get("response_format"), str):
        return fields.one_of("response_format", ("auto",))
    wanted = fields.inner("response_format")
    if wanted is None:
        return None
    if wanted.one_of("type", _FORMATS) == "json_schema":
        (wanted.inner("json_schema") or wanted.wrong("json_schema", "must be given")).needed("name")
    return wanted.body


def _effort(fields: Fields) -> str | None:
    return fields.one_of("reasoning_effort", REASONING_EFFORTS) if "reasoning_effort" in fields else None


def _parallel(fields: Fields) -> bool | None:
    return fields.flag("parallel_tool_calls") if "parallel_tool_calls" in fields else None


Reader = Callable[[Fields], Any]

SETTINGS: Mapping[str, Reader] = {
    "temperature": lambda fields: fields.number("temperature", 2),
    "top_p": lambda fields: fields.number("top_p", 1),
}
OPTIONS: Mapping[str, Reader] = {  # of assistants, and of runs
    "response_format": _response_format,
    "reasoning_effort": _effort,
}
RUN_OPTIONS: Mapping[str, Reader] = {
    "truncation_strategy": _truncation,
    "tool_choice": _tool_choice,
    "parallel_tool_calls": _parallel,
    "max_prompt_tokens": lambda fields: fields.integer("max_prompt_tokens", 1),
    "max_completion_tokens": lambda fields: fields.integer("max_completion_tokens", 1),
}
