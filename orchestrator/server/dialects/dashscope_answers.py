"""Records as Model Studio's Assistant API shows them.

Times are milliseconds, but those of runs and steps stay null: the Java SDK reads them as 32-bit integers, and the
vendor leaves them empty too. `tools`, `content`, `step_details`, `tool_calls` and `function` are never null, a status
is never `incomplete`: the Python SDK crashes on the one and waits for ever on the other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.server.dialects.dialect import Out, Reply
from orchestrator.server.records import Assistant, Delta, Json, Message, Record, Run, Step, Thread
from orchestrator.server.service.listing import Attached
from orchestrator.server.usage import details
from orchestrator.wire.faults import Fault, FaultKind

_SAMPLING = ("temperature", "top_p", "top_k", "max_tokens")
_ERROR_CODES = ("server_error", "rate_limit_exceeded")
_ECHOED = ("tool_choice", "parallel_tool_calls", "response_format", "max_prompt_tokens", "max_completion_tokens")
_REFUSALS: dict[FaultKind, tuple[int, str]] = {
    "invalid": (400, "InvalidParameter"),
    "missing": (400, "InvalidParameter"),
    "unknown_url": (400, "InvalidParameter"),
    "busy": (400, "InvalidParameter"),
    "reused": (422, "InvalidParameter"),
    "too_large": (400, "InvalidParameter"),
    "no_key": (400, "InvalidParameter"),
    "bad_key": (401, "InvalidApiKey"),
    "other_workspace": (401, "NOT AUTHORIZED"),
    "slow_down": (429, "Throttling.RateQuota"),
    "unsupported": (400, "InvalidParameter"),
    "internal": (500, "InternalError"),
    "unavailable": (503, "ServiceUnavailable"),
    "full": (507, "InsufficientStorage"),
}


def assistant(a: Assistant) -> Out:
    """An assistant."""
    return {
        "id": a.id,
        "object": "assistant",
        "created_at": a.created_at,
        "model": a.model,
        "name": a.name,
        "description": a.description,
        "instructions": a.instructions,
        "tools": a.tools,
        "file_ids": a.file_ids,
        "metadata": a.metadata,
        **_sampling(a.settings),
    }


def thread(t: Thread) -> Out:
    """A thread, without its messages."""
    return {"id": t.id, "object": "thread", "created_at": t.created_at, "metadata": t.metadata}


def message(m: Message) -> Out:
    """A message; one that no run made has empty ids and an empty status."""
    return {
        "id": m.id,
        "object": "thread.message",
        "created_at": m.created_at,
        "thread_id": m.thread_id,
        "role": m.role,
        "content": m.content,
        "assistant_id": m.assistant_id or "",
        "run_id": m.run_id or "",
        "file_ids": m.file_ids,
        "metadata": m.metadata,
        "status": m.status if m.run_id else "",
        "incomplete_details": m.incomplete_details or {},
        "completed_at": m.completed_at,
        "incomplete_at": m.incomplete_at,
        "name": "",
        "from": "",
        "plugin_call": {},
        "tool_calls": [],
    }


def run_status(status: str) -> str:
    """What a run's status is called; the SDK does not know `incomplete` as an end."""
    return "failed" if status == "incomplete" else status


def run(r: Run) -> Out:
    """A run, with the values that hold for it."""
    return {
        "id": r.id,
        "object": "thread.run",
        "created_at": r.created_at,
        "thread_id": r.thread_id,
        "assistant_id": r.assistant_id,
        "status": run_status(r.status),
        "required_action": _required_action(r),
        "last_error": _run_error(r),
        **dict.fromkeys(("expires_at", "started_at", "cancelled_at", "failed_at", "completed_at")),
        "model": r.model,
        "instructions": r.instructions,
        "tools": r.tools,
        "file_ids": r.file_ids,
        "metadata": r.metadata,
        "usage": usage(r.usage),
        **_sampling(r.settings),
        "truncation_strategy": r.options.get("truncation_strategy"),
        **{name: r.options[name] for name in _ECHOED if name in r.options},
    }


def step(s: Step) -> Out:
    """A step of a run."""
    return {
        "id": s.id,
        "object": "thread.run.step",
        "created_at": s.created_at,
        "assistant_id": s.assistant_id,
        "thread_id": s.thread_id,
        "run_id": s.run_id,
        "type": s.type,
        "status": s.status,
        "step_details": _step_details(s),
        "last_error": _known(s.last_error),
        **dict.fromkeys(("expired_at", "cancelled_at", "failed_at", "completed_at")),
        "metadata": {},
        "usage": usage(s.usage),
    }


def assistant_file(assistant_id: str, file: Attached) -> Out:
    """A file that hangs on an assistant; its id is the file's."""
    owner = {"assistant_id": assistant_id}
    return {"id": file.id, "object": "assistant.file", "created_at": file.created_at, **owner}


def message_file(message_id: str, file: Attached) -> Out:
    """A file that hangs on a message; its id is the file's."""
    owner = {"message_id": message_id}
    return {"id": file.id, "object": "thread.message.file", "created_at": file.created_at, **owner}


def record(r: Record) -> Out:
    """Any record."""
    match r:
        case Assistant():
            return assistant(r)
        case Thread():
            return thread(r)
        case Message():
            return message(r)
        case Run():
            return run(r)
        case Step():
            return step(r)


def listed(items: Sequence[Out], has_more: bool) -> Out:
    """The envelope of every list."""
    ends = {"first_id": items[0]["id"], "last_id": items[-1]["id"]} if items else {"first_id": None, "last_id": None}
    return {"object": "list", "data": items, **ends, "has_more": has_more}


def deleted(kind: str, id: str) -> Out:
    """The answer to a deletion. `kind`: assistant, thread or assistant.file."""
    return {"id": id, "object": f"{kind}.deleted", "deleted": True}


def message_delta(d: Delta) -> Out:
    """A piece of a message's text: a list of one part, for the SDK collapses longer ones to their last."""
    part: Out = {"index": d.index, "type": "text", "text": {"value": d.text or "", "annotations": []}}
    delta: Out = {"role": "assistant", "content": [part], "file_ids": []}
    return {"id": d.id, "object": "thread.message.delta", "delta": delta}


def step_delta(d: Delta) -> Out:
    """A piece of a tool call; the same form as in a step, with what there is of it."""
    calls = [{"index": d.index, **call(d.call)}] if d.call is not None else []
    delta = {"step_details": {"type": "tool_calls", "tool_calls": calls}}
    return {"id": d.id, "object": "thread.run.step.delta", "delta": delta}


def call(c: Json) -> Out:
    """A tool call, or a piece of one: what it holds stands below a key that is equal to its type."""
    kind = str(c.get("type") or "function")
    identity = {"id": c["id"]} if c.get("id") else {}
    if kind == "function":
        inner = {name: c[name] for name in ("name", "arguments", "output") if name in c}
    else:
        inner = {name: c[name] or "" for name in ("arguments", "output") if name in c}
    return {**identity, "type": kind, kind: inner}


def usage(u: Json | None) -> Out | None:
    """Tokens in both vocabularies that the vendor has used."""
    if u is None:
        return None
    prompt, completion = int(u.get("prompt_tokens", 0)), int(u.get("completion_tokens", 0))
    return {
        "input_tokens": prompt,
        "output_tokens": completion,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": int(u.get("total_tokens", prompt + completion)),
        **details(u),
    }


def _sampling(settings: Json) -> Out:
    return {name: settings.get(name) for name in _SAMPLING}


def _required_action(r: Run) -> Out | None:
    if r.status != "requires_action" or not r.required_action:
        return None
    return {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": r.required_action}}


def _run_error(r: Run) -> Json | None:
    if r.last_error is not None or r.status != "incomplete":
        return _known(r.last_error)
    details: Mapping[str, Any] = r.incomplete_details or {}
    reason = details.get("reason", "a limit was reached")
    return {"code": "server_error", "message": f"The run ended before its answer was complete: {reason}."}


def _known(error: Json | None) -> Json | None:
    """An error with a code that this dialect has; `invalid_prompt` is OpenAI's."""
    return {**error, "code": "server_error"} if error and error["code"] not in _ERROR_CODES else error


def _step_details(s: Step) -> Out:
    if s.type == "message_creation":
        return {"type": s.type, "message_creation": {"message_id": s.message_id or ""}}
    return {"type": "tool_calls", "tool_calls": [call(c) for c in s.calls]}


def signed(body: Out, request_id: str) -> Reply:
    """A good answer: the request's id stands in the body, the status is always 200."""
    return Reply(status=200, body={**body, "request_id": request_id})


def refusal(fault: Fault, request_id: str) -> Reply:
    """The flat envelope. What is missing, wrong or busy are all 400 InvalidParameter: clients match on the text."""
    status, code = _REFUSALS[fault.kind]
    headers = {} if fault.retry_after is None else {"retry-after": str(math.ceil(fault.retry_after))}
    body = {**fault.detail, "code": code, "message": fault.message, "request_id": request_id}
    return Reply(status=status, body=body, headers=headers)
