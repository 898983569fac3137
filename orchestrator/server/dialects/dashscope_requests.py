"""Bodies of requests in Model Studio's dialect, read into what the service takes. Unknown fields are let pass.

An update leaves a field alone that is absent or null. It also leaves `file_ids: []` alone, which the vendor's SDK
sends with every update; files are taken away with DELETE.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.server.dialects.dialect import NewThread
from orchestrator.server.dialects.fields import Fields, given
from orchestrator.server.records import Json
from orchestrator.server.service.runs import NewRun, ToolOutput
from orchestrator.server.service.threads import NewMessage
from orchestrator.wire.faults import invalid
from orchestrator.wire.workspaces import WORKSPACE


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
        tools=_tools(fields),
        file_ids=fields.texts("file_ids") or None,
        metadata=fields.metadata(),
        settings=_sampling(fields) or None,
    )


def new_thread(body: Json) -> NewThread:
    """A thread and its first messages."""
    return _thread(Fields(body))


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
        tools=_tools(fields),
        metadata=fields.metadata() or {},
        settings=_sampling(fields),
        options=_options(fields),
        additional_messages=tuple(_message(item) for item in fields.each("additional_messages") or ()),
    )


def new_thread_of_run(body: Json) -> NewThread:
    """The thread that is created together with a run; absent, it is an empty one."""
    return _thread(Fields(body).inner("thread") or Fields({}))


def tool_outputs(body: Json) -> tuple[ToolOutput, ...]:
    """Outputs of the calls that a run waits for; one without an id belongs to the call at its place."""
    fields = Fields(body)
    outputs = fields.each("tool_outputs") or fields.wrong("tool_outputs", "must be given")
    return tuple(
        ToolOutput(call_id=item.text("tool_call_id") or None, output=item.text("output") or "") for item in outputs
    )


def file_id(body: Json) -> str:
    """The file that is to hang on an assistant."""
    return Fields(body).needed("file_id")


def wants_stream(body: Json) -> bool:
    """Whether the answer is to be a stream; there is no other sign of it."""
    return Fields(body).flag("stream")


def _thread(fields: Fields) -> NewThread:
    messages = tuple(_message(item) for item in fields.each("messages") or ())
    return NewThread(metadata=fields.metadata(), messages=messages)


def _message(fields: Fields) -> NewMessage:
    return NewMessage(
        role=fields.needed("role"),
        content=_content(fields),
        file_ids=fields.texts("file_ids") or (),
        metadata=fields.metadata() or {},
    )


def _content(fields: Fields) -> tuple[Json, ...]:
    """A string, or a list of parts; that it is not empty is demanded where it is stored."""
    if isinstance(fields.body.get("content"), list):
        return tuple(part for item in fields.each("content") or () for part in _part(item))
    return _text(fields.text("content"))


def _part(fields: Fields) -> tuple[Json, ...]:
    """One part; none when its text is empty."""
    kind = fields.needed("type")
    if kind == "text":
        if isinstance(fields.body.get("text"), str):
            return _text(fields.text("text"))
        inner = fields.inner("text") or fields.wrong("text", "must be given")
        return _text(inner.text("value"))
    if kind == "image_file":
        image = fields.inner("image_file") or fields.wrong("image_file", "must be given")
        return ({"type": kind, "image_file": {"file_id": image.needed("file_id")}},)
    return fields.wrong("type", "must be 'text' or 'image_file'")


def _text(text: str | None) -> tuple[Json, ...]:
    return ({"type": "text", "text": {"value": text, "annotations": []}},) if text else ()


def _tools(fields: Fields) -> tuple[Json, ...] | None:
    """Tools as they came. Their kinds are an open set; only what makes the vendor's SDK crash is refused."""
    tools = fields.each("tools")
    if tools is None:
        return None
    for tool in tools:
        if tool.needed("type") == "function":
            function = tool.inner("function") or tool.wrong("function", "must be given")
            function.needed("name")
            function.text("description")
            function.inner("parameters")
    return tuple(tool.body for tool in tools)


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
    if strategy is None:
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
    return inner.body if inner else None
