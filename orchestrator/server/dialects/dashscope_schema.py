"""The objects of Model Studio's dialect as JSON Schema: what is read from requests, what is shown in answers.

In requests null counts as absent everywhere, and fields that are not named here are let pass.
"""

from __future__ import annotations

from orchestrator.server.dialects.contract import (
    ANYTHING,
    COUNT,
    FLAG,
    NAME,
    TEXT,
    Names,
    Schema,
    choice,
    closed,
    either,
    event,
    gives,
    integer,
    items,
    number,
    optional,
    takes,
    text,
)
from orchestrator.server.dialects.extensions import STREAMED
from orchestrator.server.dialects.fields import ITEMS
from orchestrator.wire.assistants import (
    DESCRIPTION_LENGTH,
    INSTRUCTIONS_LENGTH,
    METADATA_KEY,
    METADATA_PAIRS,
    METADATA_VALUE,
    NAME_LENGTH,
    TOOLS_COUNT,
)
from orchestrator.wire.events import DONE, DONE_DATA, ERROR, MESSAGE_CREATED, MESSAGE_DELTA, STEP_CREATED, STEP_DELTA
from orchestrator.wire.events import message_event as message_is
from orchestrator.wire.events import run_event as run_is
from orchestrator.wire.events import step_event as step_is
from orchestrator.wire.messages import MESSAGES_COUNT
from orchestrator.wire.runs import ACTIVE, TERMINAL

ref = Names("dashscope")

_TIME: Schema = {"type": "integer", "minimum": 0, "description": "Milliseconds since 1970, UTC."}
_UNSET: Schema = {"type": "null", "description": "Always null: the vendor leaves it empty, and clients rely on it."}
_REQUEST_ID: Schema = {"type": "string", "format": "uuid"}
_EMPTY: Schema = {"type": "object", "maxProperties": 0}
_STATUSES = sorted((ACTIVE | TERMINAL) - {"incomplete"})
_STEP_STATUSES = ("in_progress", "completed", "failed", "cancelled", "expired")

METADATA: Schema = {
    "type": "object",
    "maxProperties": METADATA_PAIRS,
    "propertyNames": {"minLength": 1, "maxLength": METADATA_KEY},
    "additionalProperties": text(METADATA_VALUE),
}

# --- what requests hold

_FUNCTION = takes({"name": NAME}, {"description": optional(TEXT), "parameters": optional(ANYTHING)})
_SAMPLING = {
    "temperature": optional(number(2)),
    "top_p": optional(number(1)),
    "top_k": optional(integer(0)),
    "max_tokens": optional(integer(1)),
}
_ASSISTANT_FIELDS = {
    "name": optional(text(NAME_LENGTH)),
    "description": optional(text(DESCRIPTION_LENGTH)),
    "instructions": optional(text(INSTRUCTIONS_LENGTH)),
    "tools": optional(items(ref("NewTool"), TOOLS_COUNT)),
    "file_ids": optional(items(NAME, ITEMS)),
    "metadata": optional(ref("Metadata")),
    **_SAMPLING,
}
_RUN_FIELDS = {
    "model": optional(TEXT),
    "instructions": optional(TEXT),
    "additional_instructions": optional(TEXT),
    "additional_messages": optional(items(ref("NewMessage"), MESSAGES_COUNT)),
    "tools": optional(items(ref("NewTool"), TOOLS_COUNT)),
    "metadata": optional(ref("Metadata")),
    **STREAMED,
    **_SAMPLING,
    "truncation_strategy": optional(either(_EMPTY, takes({"type": NAME}, {"last_messages": optional(integer(1))}))),
    "tool_choice": either({"type": ["string", "null"]}, ANYTHING),
    "response_format": either({"type": ["string", "null"]}, ANYTHING),
    "parallel_tool_calls": optional(FLAG),
    "max_prompt_tokens": optional(integer(1)),
    "max_completion_tokens": optional(integer(1)),
}
_WORDS: Schema = {**NAME, "description": "Text that is not empty."}
_TEXT_PART = takes({"type": {"const": "text"}, "text": either(TEXT, takes({}, {"value": optional(TEXT)}))})
_FULL_TEXT_PART = takes({"type": {"const": "text"}, "text": either(_WORDS, takes({"value": _WORDS}))})
_IMAGE_PART = either(
    takes({"type": {"const": "image_file"}, "image_file": takes({"file_id": NAME}, {"detail": optional(TEXT)})}),
    takes({"type": {"const": "image_url"}, "image_url": takes({"url": NAME}, {"detail": optional(TEXT)})}),
)

REQUESTS: dict[str, Schema] = {
    "Metadata": METADATA,
    "NewTool": either(
        takes({"type": {"const": "function"}, "function": _FUNCTION}),
        takes({"type": {"type": "string", "minLength": 1, "not": {"const": "function"}}}),
    ),
    "NewAssistant": takes({"model": NAME}, _ASSISTANT_FIELDS),
    "AssistantChanges": takes({}, {"model": optional(NAME), **_ASSISTANT_FIELDS}),
    "NewMessage": takes(
        {
            "role": choice("user", "assistant"),
            "content": either(
                _WORDS,
                {**items(either(_TEXT_PART, _IMAGE_PART), ITEMS), "contains": either(_FULL_TEXT_PART, _IMAGE_PART)},
            ),
        },
        {"file_ids": optional(items(NAME, ITEMS)), "metadata": optional(ref("Metadata"))},
    ),
    "NewThread": takes(
        {}, {"messages": optional(items(ref("NewMessage"), MESSAGES_COUNT)), "metadata": optional(ref("Metadata"))}
    ),
    "NewRun": takes({"assistant_id": NAME}, _RUN_FIELDS),
    "NewThreadAndRun": takes({"assistant_id": NAME}, {"thread": optional(ref("NewThread")), **_RUN_FIELDS}),
    "MetadataChange": takes({}, {"metadata": optional(ref("Metadata"))}),
    "ToolOutputs": takes(
        {"tool_outputs": items(takes({}, {"tool_call_id": optional(TEXT), "output": optional(TEXT)}), ITEMS, least=1)},
        STREAMED,
    ),
    "FileToAttach": takes({"file_id": NAME}),
}

# --- what answers hold

_ECHOED = {
    "tool_choice": either(TEXT, ANYTHING),
    "parallel_tool_calls": FLAG,
    "response_format": either(TEXT, ANYTHING),
    "max_prompt_tokens": integer(1),
    "max_completion_tokens": integer(1),
}
_LAST_ERROR = optional(gives({"code": TEXT, "message": TEXT}))
_WHOLE_CALL = gives({"id": NAME, "type": NAME})
_PIECE = gives({"index": COUNT, "type": NAME}, {"id": NAME})
_ALIKE: Schema = {
    "description": "What a call holds stands below a key that is equal to its type.",
    "additionalProperties": gives({}, {"name": TEXT, "arguments": TEXT, "output": optional(TEXT)}),
}


def _call(identity: Schema) -> Schema:
    return {**identity, **_ALIKE}


def _signed(name: str) -> Schema:
    """The object, with the id of the request that it answers."""
    return closed(ref(name), ref("Signed"))


def _list(name: str) -> Schema:
    ends = {"first_id": optional(TEXT), "last_id": optional(TEXT)}
    fields = {"object": {"const": "list"}, "data": items(closed(ref(name)), 100), **ends, "has_more": FLAG}
    return closed(gives(fields), ref("Signed"))


def _deleted(kind: str) -> Schema:
    fields = {"id": NAME, "object": {"const": f"{kind}.deleted"}, "deleted": {"const": True}}
    return closed(gives(fields), ref("Signed"))


OBJECTS: dict[str, Schema] = {
    "Signed": gives({"request_id": _REQUEST_ID}),
    "Assistant": gives(
        {
            "id": NAME,
            "object": {"const": "assistant"},
            "created_at": _TIME,
            "model": NAME,
            "name": optional(text(NAME_LENGTH)),
            "description": optional(text(DESCRIPTION_LENGTH)),
            "instructions": optional(text(INSTRUCTIONS_LENGTH)),
            "tools": items(ref("Tool"), TOOLS_COUNT),
            "file_ids": items(NAME),
            "metadata": ref("Metadata"),
            **_SAMPLING,
        }
    ),
    "Tool": gives({"type": NAME}),
    "Thread": gives({"id": NAME, "object": {"const": "thread"}, "created_at": _TIME, "metadata": ref("Metadata")}),
    "Message": gives(
        {
            "id": NAME,
            "object": {"const": "thread.message"},
            "created_at": _TIME,
            "thread_id": NAME,
            "role": choice("user", "assistant"),
            "content": items(ref("Part")),
            "assistant_id": TEXT,
            "run_id": TEXT,
            "file_ids": items(NAME),
            "metadata": ref("Metadata"),
            "status": choice("", "in_progress", "completed", "incomplete"),
            "incomplete_details": either(_EMPTY, gives({"reason": NAME})),
            "completed_at": optional(_TIME),
            "incomplete_at": optional(_TIME),
            "name": {"const": ""},
            "from": {"const": ""},
            "plugin_call": _EMPTY,
            "tool_calls": items(ANYTHING, 0),
        }
    ),
    "Part": either(
        gives({"type": {"const": "text"}, "text": gives({"value": TEXT, "annotations": items(ANYTHING)})}),
        gives({"type": {"const": "image_file"}, "image_file": gives({"file_id": NAME}, {"detail": TEXT})}),
        gives({"type": {"const": "image_url"}, "image_url": gives({"url": NAME}, {"detail": TEXT})}),
    ),
    "Run": gives(
        {
            "id": NAME,
            "object": {"const": "thread.run"},
            "created_at": _TIME,
            "thread_id": NAME,
            "assistant_id": NAME,
            "status": choice(*_STATUSES),
            "required_action": optional(ref("RequiredAction")),
            "last_error": _LAST_ERROR,
            **dict.fromkeys(("expires_at", "started_at", "cancelled_at", "failed_at", "completed_at"), _UNSET),
            "model": NAME,
            "instructions": optional(TEXT),
            "tools": items(ref("Tool"), ITEMS),
            "file_ids": items(NAME),
            "metadata": ref("Metadata"),
            "usage": optional(ref("Usage")),
            **_SAMPLING,
            "truncation_strategy": optional(ANYTHING),
        },
        _ECHOED,
    ),
    "RequiredAction": closed(
        gives(
            {
                "type": {"const": "submit_tool_outputs"},
                "submit_tool_outputs": closed(gives({"tool_calls": items(ref("PendingCall"), least=1)})),
            }
        )
    ),
    "PendingCall": closed(
        gives(
            {
                "id": NAME,
                "type": {"const": "function"},
                "function": closed(gives({"name": TEXT, "arguments": TEXT})),
            }
        )
    ),
    "Usage": closed(
        gives(
            dict.fromkeys(
                ("input_tokens", "output_tokens", "prompt_tokens", "completion_tokens", "total_tokens"), COUNT
            ),
            {
                "prompt_tokens_details": gives({"cached_tokens": COUNT}),
                "completion_tokens_details": gives({"reasoning_tokens": COUNT}),
            },
        )
    ),
    "Step": gives(
        {
            "id": NAME,
            "object": {"const": "thread.run.step"},
            "created_at": _TIME,
            "assistant_id": NAME,
            "thread_id": NAME,
            "run_id": NAME,
            "type": choice("message_creation", "tool_calls"),
            "status": choice(*_STEP_STATUSES),
            "step_details": either(
                gives({"type": {"const": "message_creation"}, "message_creation": gives({"message_id": TEXT})}),
                gives(
                    {
                        "type": {"const": "tool_calls"},
                        "tool_calls": items(_call({**_PIECE, "required": ["id", "type"]})),
                    }
                ),
            ),
            "last_error": _LAST_ERROR,
            **dict.fromkeys(("expired_at", "cancelled_at", "failed_at", "completed_at"), _UNSET),
            "metadata": _EMPTY,
            "usage": optional(ref("Usage")),
        }
    ),
    "AssistantFile": gives(
        {"id": NAME, "object": {"const": "assistant.file"}, "created_at": _TIME, "assistant_id": NAME}
    ),
    "MessageFile": gives(
        {"id": NAME, "object": {"const": "thread.message.file"}, "created_at": _TIME, "message_id": NAME}
    ),
    "MessageDelta": gives(
        {
            "id": NAME,
            "object": {"const": "thread.message.delta"},
            "delta": gives({"role": {"const": "assistant"}, "content": items(_PIECE, 1), "file_ids": items(NAME, 0)}),
        }
    ),
    "StepDelta": gives(
        {
            "id": NAME,
            "object": {"const": "thread.run.step.delta"},
            "delta": gives(
                {"step_details": gives({"type": {"const": "tool_calls"}, "tool_calls": items(_call(_PIECE))})}
            ),
        }
    ),
}

# --- whole answers, and events

_RUN_EVENTS = choice(run_is("created"), *map(run_is, _STATUSES))
_STEP_EVENTS = choice(STEP_CREATED, *map(step_is, _STEP_STATUSES))
_MESSAGE_EVENTS = choice(MESSAGE_CREATED, *map(message_is, ("in_progress", "completed", "incomplete")))

LISTS: dict[str, Schema] = {
    f"{name}List": _list(name)
    for name in ("Assistant", "Thread", "Message", "Run", "Step", "AssistantFile", "MessageFile")
}
DELETIONS: dict[str, Schema] = {
    "AssistantDeleted": _deleted("assistant"),
    "ThreadDeleted": _deleted("thread"),
    "MessageDeleted": _deleted("thread.message"),
    "AssistantFileDeleted": _deleted("assistant.file"),
}
EVENTS: dict[str, Schema] = {
    "Event": {
        "description": "One server-sent event. The last one is `done`; comments keep the connection alive.",
        "anyOf": [
            event({"const": "thread.created"}, _signed("Thread")),
            event(_RUN_EVENTS, _signed("Run")),
            event(_STEP_EVENTS, _signed("Step")),
            event({"const": STEP_DELTA}, _signed("StepDelta")),
            event(_MESSAGE_EVENTS, _signed("Message")),
            event({"const": MESSAGE_DELTA}, _signed("MessageDelta")),
            event({"const": ERROR}, ref("Refusal")),
            gives({"event": {"const": DONE}, "data": {"const": DONE_DATA}}),
        ],
    }
}
REFUSAL: dict[str, Schema] = {
    "Refusal": gives({"code": NAME, "message": TEXT, "request_id": _REQUEST_ID}, {"run_id": NAME}),
}
