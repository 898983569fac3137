"""What the server keeps, free of any dialect: frozen rows. Times are integers in milliseconds since 1970, UTC.

`body`-like fields hold JSON values exactly as the client sent them (tools, metadata, content parts).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Mapping[str, Any]


def _no_json() -> Json:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Assistant:
    """An assistant. `settings` holds the sampling fields that were given: temperature, top_p, top_k, max_tokens.

    `options` holds response_format and reasoning_effort as given. `resources` is what its tools may use, by tool, as
    given; but for the files, which are `file_ids`: `{"code_interpreter": {}, "file_search": {"vector_store_ids"}}`.
    """

    id: str
    workspace: str
    created_at: int
    model: str
    name: str | None = None
    description: str | None = None
    instructions: str | None = None
    tools: tuple[Json, ...] = ()
    file_ids: tuple[str, ...] = ()
    metadata: Json = field(default_factory=_no_json)
    settings: Json = field(default_factory=_no_json)
    options: Json = field(default_factory=_no_json)
    resources: Json = field(default_factory=_no_json)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A conversation. Whether it is busy is derived from its runs, never stored.

    `file_ids` and `resources` are for the tools of whoever runs on it, as those of an assistant.
    """

    id: str
    workspace: str
    created_at: int
    metadata: Json = field(default_factory=_no_json)
    file_ids: tuple[str, ...] = ()
    resources: Json = field(default_factory=_no_json)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message. `content`: parts `{"type": "text", "text": {"value", "annotations"}}`, `image_file` or `image_url`.

    `attachments`: `{"file_id", "tools"}` for files of `file_ids` that were given together with tools.
    """

    id: str
    workspace: str
    thread_id: str
    created_at: int
    role: str
    content: tuple[Json, ...] = ()
    assistant_id: str | None = None
    run_id: str | None = None
    file_ids: tuple[str, ...] = ()
    metadata: Json = field(default_factory=_no_json)
    status: str = "completed"
    completed_at: int | None = None
    incomplete_at: int | None = None
    incomplete_details: Json | None = None
    attachments: tuple[Json, ...] = ()

    @property
    def text(self) -> str:
        """All text parts, joined."""
        return "".join(part["text"]["value"] for part in self.content if part.get("type") == "text")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run. `epoch` grows with each owner: a change by a former owner touches 0 rows.

    model, instructions, tools and settings are the effective values, frozen at creation. `options` holds
    truncation_strategy, tool_choice, parallel_tool_calls, response_format … as given. `usage` has
    prompt_tokens, completion_tokens, total_tokens. `required_action` holds the pending calls:
    a tuple of `{"id", "type": "function", "function": {"name", "arguments"}}`.
    """

    id: str
    workspace: str
    thread_id: str
    assistant_id: str
    created_at: int
    status: str
    epoch: int
    model: str
    instructions: str | None = None
    tools: tuple[Json, ...] = ()
    file_ids: tuple[str, ...] = ()
    metadata: Json = field(default_factory=_no_json)
    settings: Json = field(default_factory=_no_json)
    options: Json = field(default_factory=_no_json)
    required_action: tuple[Json, ...] = ()
    last_error: Json | None = None
    incomplete_details: Json | None = None
    usage: Json | None = None
    expires_at: int | None = None
    started_at: int | None = None
    cancelled_at: int | None = None
    failed_at: int | None = None
    completed_at: int | None = None
    key_id: str | None = None  # of the key that created it; none in development mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A run step. `message_id` for message_creation; `calls` for tool_calls.

    A call: `{"id", "type", "name", "arguments", "output": str | None, "state": "announced|started|done"}`;
    `type` is the tool's wire type, `name` the function's name (equal to `type` for built-in tools).
    """

    id: str
    workspace: str
    thread_id: str
    run_id: str
    assistant_id: str
    created_at: int
    type: str
    status: str
    message_id: str | None = None
    calls: tuple[Json, ...] = ()
    last_error: Json | None = None
    usage: Json | None = None
    expired_at: int | None = None
    cancelled_at: int | None = None
    failed_at: int | None = None
    completed_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file that was uploaded. `size` in bytes; `md5` and `sha256` of its content, in hexadecimal digits."""

    id: str
    workspace: str
    created_at: int
    name: str
    size: int
    md5: str
    sha256: str
    purpose: str
    description: str | None = None
    expires_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One entry of a run's event log, in the store before it is told. `seq` counts from 1 within the run.

    `subject` is the record as it stood (Thread, Run, Step, Message) or a `Delta`.
    """

    run_id: str
    seq: int
    name: str
    subject: Thread | Run | Step | Message | Delta


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """A piece of a message or of a tool call. `id`: of the message or step; `index`: of the part or call."""

    id: str
    index: int = 0
    text: str | None = None  # of a message
    call: Json | None = None  # of a step: some of id, type, name, arguments, output


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which part of a list: `limit` items from `after` or up to `before` (ids, exclusive), by creation."""

    limit: int = 20
    descending: bool = True
    after: str | None = None
    before: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key of the API, without its secret: `digest` is what is kept of that. It opens one workspace.

    `bounds` holds what differs from the usual allowance: per_second, burst, runs, streams.
    """

    id: str
    workspace: str
    created_at: int
    digest: str
    name: str | None = None
    expires_at: int | None = None
    revoked_at: int | None = None
    used_at: int | None = None
    bounds: Json = field(default_factory=_no_json)

    def lives(self, now: int) -> bool:
        """Whether the key opens anything at that time."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


Record = Assistant | Thread | Message | Run | Step
Kept = Record | File
