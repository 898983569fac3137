"""Records as version 2 of OpenAI's Assistants API shows them.

Times are seconds. What is absent is null, never `{}`: the SDK makes an object of that, and objects are true. Tools
that this API does not know, in a step, are functions: that is what they are to a chat model, and what its clients can
read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from orchestrator.server.dialects.dialect import Out, Reply
from orchestrator.server.records import Assistant, Delta, Json, Message, Record, Run, Step, Thread
from orchestrator.server.service.listing import Attached
from orchestrator.server.usage import details
from orchestrator.tools.kind import as_object
from orchestrator.wire.faults import Fault, FaultKind
from orchestrator.wire.ids import shortened
from orchestrator.wire.runs import ACTIVE

POLL_AFTER_MS = 200  # what a client that polls is told to wait; the SDK's own default is a second

_INVALID = "invalid_request_error"
_REFUSALS: dict[FaultKind, tuple[int, str, str | None]] = {  # status, type, code
    "invalid": (400, _INVALID, None),
    "missing": (404, _INVALID, None),
    "unknown_url": (404, _INVALID, None),
    "busy": (400, _INVALID, None),
    "reused": (422, "idempotency_error", None),
    "unsupported": (400, _INVALID, "unsupported"),
    "too_large": (413, _INVALID, None),
    "no_key": (401, _INVALID, None),
    "bad_key": (401, _INVALID, "invalid_api_key"),
    "other_workspace": (401, _INVALID, "mismatched_project"),
    "slow_down": (429, "requests", "rate_limit_exceeded"),
    "internal": (500, "server_error", None),
    "unavailable": (503, "server_error", None),
    "full": (507, "server_error", None),
}
_DEFAULTS: dict[str, Any] = {
    "max_prompt_tokens": None,
    "max_completion_tokens": None,
    "truncation_strategy": {"type": "auto", "last_messages": None},
    "response_format": "auto",
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "reasoning_effort": None,
}


def assistant(a: Assistant) -> Out:
    """An assistant."""
    return {
        "id": a.id,
        "object": "assistant",
        "created_at": _seconds(a.created_at),
        "name": a.name,
        "description": a.description,
        "model": a.model,
        "instructions": a.instructions,
        "tools": a.tools,
        "tool_resources": _resources(a),
        "metadata": a.metadata,
        "temperature": a.settings.get("temperature"),
        "top_p": a.settings.get("top_p"),
        "reasoning_effort": a.options.get("reasoning_effort"),
        "response_format": a.options.get("response_format", "auto"),
    }


def thread(t: Thread) -> Out:
    """A thread, without its messages."""
    created = _seconds(t.created_at)
    return {
        "id": t.id,
        "object": "thread",
        "created_at": created,
        "metadata": t.metadata,
        "tool_resources": _resources(t),
    }


def message(m: Message) -> Out:
    """A message."""
    return {
        "id": shortened(m.id),
        "object": "thread.message",
        "created_at": _seconds(m.created_at),
        "thread_id": m.thread_id,
        "status": m.status,
        "incomplete_details": m.incomplete_details,
        "completed_at": _seconds(m.completed_at),
        "incomplete_at": _seconds(m.incomplete_at),
        "role": m.role,
        "content": m.content,
        "assistant_id": m.assistant_id,
        "run_id": m.run_id,
        "attachments": m.attachments or [{"file_id": file, "tools": []} for file in m.file_ids],
        "metadata": m.metadata,
    }


def run_status(status: str) -> str:
    """What a run's status is called."""
    return status


def run(r: Run) -> Out:
    """A run, with the values that hold for it."""
    return {
        "id": r.id,
        "object": "thread.run",
        "created_at": _seconds(r.created_at),
        "thread_id": r.thread_id,
        "assistant_id": r.assistant_id,
        "status": r.status,
        "required_action": _required_action(r),
        "last_error": r.last_error,
        "expires_at": _seconds(r.expires_at),
        "started_at": _seconds(r.started_at),
        "cancelled_at": _seconds(r.cancelled_at),
        "failed_at": _seconds(r.failed_at),
        "completed_at": _seconds(r.completed_at),
        "incomplete_details": r.incomplete_details if r.status == "incomplete" else None,
        "model": r.model,
        "instructions": r.instructions or "",
        "tools": r.tools,
        "metadata": r.metadata,
        "usage": usage(r.usage),
        "temperature": r.settings.get("temperature"),
        "top_p": r.settings.get("top_p"),
        **{name: r.options.get(name, default) for name, default in _DEFAULTS.items()},
    }


def step(s: Step) -> Out:
    """A step of a run."""
    return {
        "id": s.id,
        "object": "thread.run.step",
        "created_at": _seconds(s.created_at),
        "run_id": s.run_id,
        "assistant_id": s.assistant_id,
        "thread_id": s.thread_id,
        "type": s.type,
        "status": s.status,
        "cancelled_at": _seconds(s.cancelled_at),
        "completed_at": _seconds(s.completed_at),
        "expired_at": _seconds(s.expired_at),
        "failed_at": _seconds(s.failed_at),
        "last_error": s.last_error,
        "step_details": _step_details(s),
        "metadata": {},
        "usage": usage(s.usage),
    }


_SHOWN: dict[type[Record], Callable[[Any], Out]] = {
    Assistant: assistant,
    Thread: thread,
    Message: message,
    Run: run,
    Step: step,
}


def record(r: Record) -> Out:
    """Any record."""
    return _SHOWN[type(r)](r)


def assistant_file(assistant_id: str, file: Attached) -> Out:
    """A file that hangs on an assistant, as version 1 showed it; version 2 has no path that leads here."""
    owner = {"assistant_id": assistant_id}
    return {"id": file.id, "object": "assistant.file", "created_at": _seconds(file.created_at), **owner}


def message_file(message_id: str, file: Attached) -> Out:
    """A file that hangs on a message, as version 1 showed it; version 2 has no path that leads here."""
    owner = {"message_id": shortened(message_id)}
    return {"id": file.id, "object": "thread.message.file", "created_at": _seconds(file.created_at), **owner}


def listed(items: Sequence[Out], has_more: bool) -> Out:
    """The envelope of every list."""
    ends = {"first_id": items[0]["id"], "last_id": items[-1]["id"]} if items else {"first_id": None, "last_id": None}
    return {"object": "list", "data": items, **ends, "has_more": has_more}


def deleted(kind: str, id: str) -> Out:
    """The answer to a deletion. `kind`: assistant, thread, thread.message …"""
    return {"id": shortened(id), "object": f"{kind}.deleted", "deleted": True}


def message_delta(d: Delta) -> Out:
    """A piece of a message's text; `index` is needed by whoever puts the pieces together."""
    part: Out = {"index": d.index, "type": "text", "text": {"value": d.text or "", "annotations": []}}
    return {"id": shortened(d.id), "object": "thread.message.delta", "delta": {"content": [part]}}


def step_delta(d: Delta) -> Out:
    """A piece of a tool call. Clients join strings, so an id or a name is told once."""
    calls = [{"index": d.index, **_piece(d.call)}] if d.call is not None else []
    delta = {"step_details": {"type": "tool_calls", "tool_calls": calls}}
    return {"id": d.id, "object": "thread.run.step.delta", "delta": delta}


def usage(u: Json | None) -> Out | None:
    """Tokens."""
    if u is None:
        return None
    prompt, completion = int(u.get("prompt_tokens", 0)), int(u.get("completion_tokens", 0))
    total = int(u.get("total_tokens", prompt + completion))
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total, **details(u)}


def signed(body: Out, request_id: str) -> Reply:
    """A good answer; the request's id stands in a header. Who asks for a run that goes on is told when to ask again."""
    waits = body.get("object") == "thread.run" and body.get("status") in ACTIVE
    return Reply(status=200, body=body, headers={"openai-poll-after-ms": str(POLL_AFTER_MS)} if waits else {})


def refusal(fault: Fault, request_id: str) -> Reply:
    """The envelope of errors, which the SDK turns into an exception by the status."""
    status, kind, code = _REFUSALS[fault.kind]
    headers = {} if fault.retry_after is None else {"retry-after": str(math.ceil(fault.retry_after))}
    return Reply(
        status=status, body={"error": error(fault.message, kind, fault.param, code, fault.detail)}, headers=headers
    )


def error(
    message: str,
    kind: str = "server_error",
    param: str | None = None,
    code: str | None = None,
    more: Json | None = None,
) -> Out:
    """What stands under `error`, in answers and in streams."""
    return {**(more or {}), "message": message, "type": kind, "param": param, "code": code}


def _seconds(milliseconds: int | None) -> int | None:
    return None if milliseconds is None else milliseconds // 1000


def _resources(owner: Assistant | Thread) -> Out | None:
    """`tool_resources`: what was given, with the files as they are now, whichever dialect attached them."""
    shown: Out = dict(owner.resources)
    if owner.file_ids or "code_interpreter" in shown:
        shown["code_interpreter"] = {"file_ids": owner.file_ids}
    return shown or None


def _required_action(r: Run) -> Out | None:
    if r.status != "requires_action" or not r.required_action:
        return None
    return {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": r.required_action}}


def _step_details(s: Step) -> Out:
    if s.type == "message_creation":
        return {"type": s.type, "message_creation": {"message_id": shortened(s.message_id or "")}}
    return {"type": "tool_calls", "tool_calls": [_call(c) for c in s.calls]}


def _call(c: Json) -> Out:
    """A tool call of a step."""
    identity = {"id": c["id"], "type": _call_type(c)}
    output = c.get("output")
    if identity["type"] == "code_interpreter":
        outputs = [] if output is None else [_logs(output)]
        return {**identity, "code_interpreter": {"input": _code(c["arguments"]), "outputs": outputs}}
    return {**identity, "function": {"name": c["name"], "arguments": c["arguments"], "output": output}}


def _piece(c: Json) -> Out:
    """What a delta tells of a call: all but the output at first, the output later."""
    if "id" in c:
        return _call(c)
    kind = _call_type(c)
    if kind == "code_interpreter":
        return {"type": kind, kind: {"outputs": [{"index": 0, **_logs(c["output"])}]}}
    return {"type": kind, kind: {"output": c["output"]}}


def _call_type(c: Json) -> str:
    return "code_interpreter" if c.get("type") == "code_interpreter" else "function"


def _logs(output: str) -> Out:
    return {"type": "logs", "logs": output}


def _code(arguments: str) -> str:
    """The code in the arguments of a call; the arguments as they are where there is none."""
    try:
        code = as_object(orjson.loads(arguments)).get("code")
    except orjson.JSONDecodeError:
        return arguments
    return code if isinstance(code, str) else arguments
