"""Objects as the APIs of OpenAI and of Model Studio show them, read into records with their ids and times.

Both ways to spell a thing are understood, whoever the object comes from: seconds or milliseconds, `attachments` or
`file_ids`, null, "" and {} for what is absent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from orchestrator.server.dialects.fields import Fields, given
from orchestrator.server.dialects.reading import content
from orchestrator.server.lines.native import Part
from orchestrator.server.lines.shapes import check
from orchestrator.server.records import Json, Message, Run, Step, Thread
from orchestrator.wire.ids import kept

SECONDS_END = 100_000_000_000  # a time below is one in seconds: in milliseconds it would lie before 1974

_SAMPLING = ("temperature", "top_p", "top_k", "max_tokens")
_OPTIONS = (
    *("truncation_strategy", "tool_choice", "parallel_tool_calls", "response_format"),
    *("max_prompt_tokens", "max_completion_tokens", "reasoning_effort"),
)


def read(workspace: str, body: Json) -> Part | None:
    """The record of an object; None: it is of a kind that no thread is made of. Raises: Fault."""
    reader = _READERS.get(str(body.get("object")))
    if reader is None:
        return None
    part = reader(workspace, Fields(body))
    check(part)
    return part


def _thread(workspace: str, fields: Fields) -> Thread:
    resources = fields.inner("tool_resources")
    code = resources.inner("code_interpreter") if resources else None
    search = resources.inner("file_search") if resources else None
    stores = search.texts("vector_store_ids") if search else None
    return Thread(
        id=fields.needed("id"),
        workspace=workspace,
        created_at=_created(fields),
        metadata=fields.metadata() or {},
        file_ids=(code.texts("file_ids") if code else None) or (),
        resources={"file_search": {"vector_store_ids": stores}} if stores else {},
    )


def _message(workspace: str, fields: Fields) -> Message:
    attachments = tuple(_attachment(item) for item in fields.each("attachments") or ())
    named = fields.texts("file_ids") or tuple(item["file_id"] for item in attachments)
    tooled = tuple(item for item in attachments if item["tools"])
    return Message(
        id=kept(fields.needed("id")),
        workspace=workspace,
        thread_id=fields.needed("thread_id"),
        created_at=_created(fields),
        role=fields.needed("role"),
        content=_content(fields),
        assistant_id=fields.text("assistant_id") or None,
        run_id=fields.text("run_id") or None,
        file_ids=tuple(dict.fromkeys(named)),
        metadata=fields.metadata() or {},
        status=_text_or_nothing(fields, "status") or "completed",
        completed_at=_time(fields, "completed_at"),
        incomplete_at=_time(fields, "incomplete_at"),
        incomplete_details=_object(fields, "incomplete_details"),
        attachments=attachments if tooled else (),
    )


def _run(workspace: str, fields: Fields) -> Run:
    status = fields.needed("status")
    return Run(
        id=fields.needed("id"),
        workspace=workspace,
        thread_id=fields.needed("thread_id"),
        assistant_id=fields.needed("assistant_id"),
        created_at=_created(fields),
        status=status,
        epoch=0,
        model=fields.needed("model"),
        instructions=fields.text("instructions") or None,
        tools=tuple(tool.body for tool in fields.each("tools") or ()),
        file_ids=fields.texts("file_ids") or (),
        metadata=fields.metadata() or {},
        settings=given(**{name: fields.number(name, float("inf")) for name in _SAMPLING}),
        options=given(**{name: fields.body.get(name) for name in _OPTIONS}),
        last_error=_error(fields),
        incomplete_details=_object(fields, "incomplete_details"),
        usage=_usage(fields),
        expires_at=_time(fields, "expires_at"),
        started_at=_time(fields, "started_at"),
        cancelled_at=_time(fields, "cancelled_at"),
        failed_at=_time(fields, "failed_at"),
        completed_at=_time(fields, "completed_at"),
    )


def _step(workspace: str, fields: Fields) -> Step:
    details = fields.inner("step_details") or fields.wrong("step_details", "must be given")
    made = details.inner("message_creation")
    return Step(
        id=fields.needed("id"),
        workspace=workspace,
        thread_id=fields.needed("thread_id"),
        run_id=fields.needed("run_id"),
        assistant_id=fields.needed("assistant_id"),
        created_at=_created(fields),
        type=fields.needed("type"),
        status=fields.needed("status"),
        message_id=kept(made.needed("message_id")) if made else None,
        calls=tuple(_call(call, nth) for nth, call in enumerate(details.each("tool_calls") or ())),
        last_error=_error(fields),
        usage=_usage(fields),
        expired_at=_time(fields, "expired_at"),
        cancelled_at=_time(fields, "cancelled_at"),
        failed_at=_time(fields, "failed_at"),
        completed_at=_time(fields, "completed_at"),
    )


_READERS: Mapping[str, Callable[[str, Fields], Part]] = {
    "thread": _thread,
    "thread.message": _message,
    "thread.run": _run,
    "thread.run.step": _step,
}


def _created(fields: Fields) -> int:
    return _time(fields, "created_at") or fields.wrong("created_at", "must be given")


def _time(fields: Fields, name: str) -> int | None:
    """Milliseconds; 0, -1 and null are no time."""
    value = fields.integer(name, -1)
    if value is None or value <= 0:
        return None
    return value * 1000 if value < SECONDS_END else value


def _content(fields: Fields) -> tuple[Json, ...]:
    """The parts as they are, or a text as it is sent."""
    parts = fields.body.get("content")
    if not isinstance(parts, list):
        return content(fields)
    return tuple(
        part.body if part.body.get("type") != "text" or isinstance(part.body.get("text"), dict) else _plain(part)
        for part in fields.each("content") or ()
    )


def _plain(part: Fields) -> Json:
    return {"type": "text", "text": {"value": part.text("text") or "", "annotations": []}}


def _attachment(fields: Fields) -> dict[str, Any]:
    return {"file_id": fields.needed("file_id"), "tools": [tool.body for tool in fields.each("tools") or ()]}


def _text_or_nothing(fields: Fields, name: str) -> str | None:
    return None if fields.body.get(name) == {} else fields.text(name)


def _object(fields: Fields, name: str) -> Json | None:
    """An object; an empty one is none."""
    inner = fields.inner(name)
    return inner.body if inner and inner.body else None


def _error(fields: Fields) -> Json | None:
    inner = fields.inner("last_error")
    if inner is None or not (inner.text("code") or inner.text("message")):
        return None
    return {"code": inner.text("code") or "server_error", "message": inner.text("message") or "unknown"}


def _usage(fields: Fields) -> Json | None:
    """Tokens, in either vocabulary."""
    inner = fields.inner("usage")
    if inner is None or not inner.body:
        return None
    prompt = inner.integer("prompt_tokens", 0) or inner.integer("input_tokens", 0) or 0
    completion = inner.integer("completion_tokens", 0) or inner.integer("output_tokens", 0) or 0
    total = inner.integer("total_tokens", 0) or prompt + completion
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}


def _call(fields: Fields, nth: int) -> Json:
    """A call that was made, whatever its tool."""
    kind = fields.needed("type")
    inner = fields.inner(kind) or Fields({})
    arguments, output = inner.text("arguments"), inner.body.get("output")
    if kind == "code_interpreter" and "input" in inner:
        arguments = orjson.dumps({"code": inner.text("input")}).decode()
        output = "".join(item.text("logs") or "" for item in inner.each("outputs") or ())
    return {
        "id": fields.text("id") or f"call_{nth}",
        "type": kind,
        "name": inner.text("name") or kind,
        "arguments": arguments or "{}",
        "output": output if isinstance(output, str) or output is None else orjson.dumps(output).decode(),
        "state": "done",
    }
