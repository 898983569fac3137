"""Bodies of requests in Model Studio's dialect, read into what the service takes. Unknown fields are let pass.

Absent, null and, for an object, `{}` are the same, but for metadata: `{}` clears it. An update leaves a field alone
that is absent. It also leaves `file_ids: []` alone, which the vendor's SDK sends with every update; files are taken
away with DELETE.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.server.dialects.fields import Fields, given
from orchestrator.server.dialects.reading import content, file_id, tool_outputs, tools, wants_stream
from orchestrator.server.records import Json
from orchestrator.server.service.runs import NewRun
from orchestrator.server.service.threads import NewMessage, NewThread
from orchestrator.wire.faults import invalid
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


def workspace(headers: Mapping[str, str]) -> str | None:
    """The workspace that a request names; None: it names none."""
    name = headers.get("x-dashscope-workspace") or None
    if name is not None and WORKSPACE.fullmatch(name) is None:
        raise invalid("The X-DashScope-WorkSpace header is not the id of a workspace.", "workspace")
    return name


def new_assistant(body: Json) -> dict[str, Any]:
    """The arguments of `Assistants.create`."""
    fields = Fields(body)
    return {"model": fields.needed("model"), **_assistant_fields(fields)}


def assistant_changes(body: Json) -> dict[str, Any]:
    """The changes for `Assistants.update`."""
    fields = Fields(body)
    return given(model=fields.text("model")) | _assistant_fields(fields)


def _assistant_fields(fields: Fields) -> dict[str, Any]:
    return given(
        name=fields.text("name"),
        description=fields.text("description"),
        instructions=fields.text("instructions"),
        tools=tools(fields),
        file_ids=fields.texts("file_ids") or None,
        metadata=fields.metadata(),
        settings=_sampling(fields) or None,
    )


def new_thread(body: Json) -> NewThread:
    """A thread and its first messages."""
    return _thread(Fields(body))


def thread_changes(body: Json) -> dict[str, Any]:
    """The changes for `Threads.update`."""
    return given(metadata=Fields(body).metadata())


def new_metadata(body: Json) -> Json | None:
    """The metadata of an update; None: it stays."""
    return Fields(body).metadata()


def new_message(body: Json) -> NewMessage:
    """A message."""
    return _message(Fields(body))


def new_run(body: Json) -> NewRun:
    """A run, without its thread."""
    fields = Fields(body)
    return NewRun(
        assistant_id=fields.needed("assistant_id"),
        model=fields.text("model") or None,
        instructions=fields.text("instructions") or None,
        additional_instructions=fields.text("additional_instructions") or None,
        tools=tools(fields),
        metadata=fields.metadata() or {},
        settings=_sampling(fields),
        options=_options(fields),
        additional_messages=tuple(_message(item) for item in fields.each("additional_messages") or ()),
    )


def new_thread_of_run(body: Json) -> NewThread:
    """The thread that is created together with a run; absent, it is an empty one."""
    return _thread(Fields(body).inner("thread") or Fields({}))


def _thread(fields: Fields) -> NewThread:
    messages = tuple(_message(item) for item in fields.each("messages") or ())
    return NewThread(metadata=fields.metadata() or {}, messages=messages)


def _message(fields: Fields) -> NewMessage:
    return NewMessage(
        role=fields.needed("role"),
        content=content(fields),
        file_ids=fields.texts("file_ids") or (),
        metadata=fields.metadata() or {},
    )


def _sampling(fields: Fields) -> dict[str, Any]:
    return given(
        temperature=fields.number("temperature", 2),
        top_p=fields.number("top_p", 1),
        top_k=fields.integer("top_k", 0),
        max_tokens=fields.integer("max_tokens", 1),
    )


def _options(fields: Fields) -> dict[str, Any]:
    """What the vendor's tables do not name, sent by the Java SDK or through `extra_body`."""
    return given(
        truncation_strategy=_truncation(fields),
        tool_choice=_text_or_object(fields, "tool_choice"),
        parallel_tool_calls=fields.flag("parallel_tool_calls") if "parallel_tool_calls" in fields else None,
        response_format=_response_format(fields),
        max_prompt_tokens=fields.integer("max_prompt_tokens", 1),
        max_completion_tokens=fields.integer("max_completion_tokens", 1),
    )


def _truncation(fields: Fields) -> Json | None:
    strategy = fields.inner("truncation_strategy")
    if strategy is None or not strategy.body:
        return None
    strategy.needed("type")
    strategy.integer("last_messages", 1)
    return strategy.body


def _response_format(fields: Fields) -> Json | None:
    """An object. A bare string means nothing: the Java SDK sends "json_object" with every run, asked or not."""
    value = _text_or_object(fields, "response_format")
    return None if isinstance(value, str) else value


def _text_or_object(fields: Fields, name: str) -> str | Json | None:
    if isinstance(fields.body.get(name), str):
        return fields.text(name)
    inner = fields.inner(name)
    return inner.body or None if inner else None
