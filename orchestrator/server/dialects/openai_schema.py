"""The objects of OpenAI's dialect as JSON Schema: what `openai_requests` reads, what `openai_answers` shows.

In requests null clears in an update and counts as absent elsewhere; fields that are not named here are let pass.
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
from orchestrator.server.dialects.dashscope_schema import METADATA
from orchestrator.server.dialects.extensions import STREAMED
from orchestrator.server.dialects.fields import ITEMS
from orchestrator.wire.assistants import (
    CODE_FILES,
    DESCRIPTION_LENGTH,
    INSTRUCTIONS_LENGTH,
    NAME_LENGTH,
    REASONING_EFFORTS,
    TOOLS_COUNT,
    VECTOR_STORES,
)
from orchestrator.wire.events import DONE, DONE_DATA, ERROR, MESSAGE_CREATED, MESSAGE_DELTA, STEP_CREATED, STEP_DELTA
from orchestrator.wire.events import message_event as message_is
from orchestrator.wire.events import run_event as run_is
from orchestrator.wire.events import step_event as step_is
from orchestrator.wire.messages import MESSAGES_COUNT
from orchestrator.wire.runs import ACTIVE, TERMINAL

ref = Names("openai")

_TIME: Schema = {"type": "integer", "minimum": 0, "description": "Seconds since 1970, UTC."}
_EMPTY: Schema = {"type": "object", "maxProperties": 0}
_STATUSES = sorted(ACTIVE | TERMINAL)
_STEP_STATUSES = ("in_progress", "completed", "failed", "cancelled", "expired")

# --- what requests hold

_FUNCTION = takes({"name": NAME}, {"description": optional(TEXT), "parameters": optional(ANYTHING)})
_CODE = takes({}, {"file_ids": optional(items(NAME, CODE_FILES))})
_SEARCH = takes({}, {"vector_store_ids": optional(items(NAME, VECTOR_STORES))})
_RESOURCES = takes({}, {"code_interpreter": optional(_CODE), "file_search": optional(_SEARCH)})
_SAMPLING = {"temperature": optional(number(2)), "top_p": optional(number(1))}
_FORMAT = either(
    {"const": "auto"},
    takes({"type": choice("text", "json_object")}),
    takes({"type": {"const": "json_schema"}, "json_schema": takes({"name": NAME})}),
    {"type": "null"},
)
_EFFORT = either(choice(*REASONING_EFFORTS), {"type": "null"})
_CHOICE = either(
    choice("none", "auto", "required"),
    takes({"type": {"const": "function"}, "function": takes({"name": NAME})}),
    takes({"type": {"type": "string", "minLength": 1, "not": {"const": "function"}}}),
    {"type": "null"},
)
_TRUNCATION = either(
    takes({"type": {"const": "auto"}}, {"last_messages": optional(integer(1))}),
    takes({"type": {"const": "last_messages"}, "last_messages": integer(1)}),
    {"type": "null"},
)
_ASSISTANT_FIELDS = {
    "name": optional(text(NAME_LENGTH)),
    "description": optional(text(DESCRIPTION_LENGTH)),
    "instructions": optional(text(INSTRUCTIONS_LENGTH)),
    "tools": optional(items(ref("NewTool"), TOOLS_COUNT)),
    "tool_resources": optional(ref("NewToolResources")),
    "metadata": optional(ref("Metadata")),
    "response_format": ref("ResponseFormat"),
    "reasoning_effort": _EFFORT,
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
    "response_format": ref("ResponseFormat"),
    "reasoning_effort": _EFFORT,
    "truncation_strategy": _TRUNCATION,
    "tool_choice": _CHOICE,
    "parallel_tool_calls": optional(FLAG),
    "max_prompt_tokens": optional(integer(1)),
    "max_completion_tokens": optional(integer(1)),
}
_WORDS: Schema = {**NAME, "description": "Text that is not empty."}
_DETAIL = {"detail": optional(TEXT)}
_TEXT_PART = takes({"type": {"const": "text"}, "text": either(TEXT, takes({}, {"value": optional(TEXT)}))})
_FULL_TEXT_PART = takes({"type": {"const": "text"}, "text": either(_WORDS, takes({"value": _WORDS}))})
_IMAGE_PART = either(
    takes({"type": {"const": "image_file"}, "image_file": takes({"file_id": NAME}, _DETAIL)}),
    takes({"type": {"const": "image_url"}, "image_url": takes({"url": NAME}, _DETAIL)}),
)
_TYPE_ONLY = takes({"type": NAME})

REQUESTS: dict[str, Schema] = {
    "Metadata": METADATA,
    "NewTool": either(
        takes({"type": {"const": "function"}, "function": _FUNCTION}),
        takes({"type": {"type": "string", "minLength": 1, "not": {"enum": ["function", "file_search"]}}}),
    ),
    "NewToolResources": _RESOURCES,
    "ResponseFormat": _FORMAT,
    "NewAssistant": takes({"model": NAME}, _ASSISTANT_FIELDS),
    "AssistantChanges": takes({}, {"model": NAME, **_ASSISTANT_FIELDS}),
    "NewMessage": takes(
        {
            "role": choice("user", "assistant"),
            "content": either(
                _WORDS,
                {**items(either(_TEXT_PART, _IMAGE_PART), ITEMS), "contains": either(_FULL_TEXT_PART, _IMAGE_PART)},
            ),
        },
        {
            "attachments": optional(items(takes({"file_id": NAME}, {"tools": optional(items(_TYPE_ONLY))}), ITEMS)),
            "metadata": optional(ref("Metadata")),
        },
    ),
    "NewThread": takes(
        {},
        {
            "messages": optional(items(ref("NewMessage"), MESSAGES_COUNT)),
            "tool_resources": optional(ref("NewToolResources")),
            "metadata": optional(ref("Metadata")),
        },
    ),
    "ThreadChanges": takes(
        {}, {"tool_resources": optional(ref("NewToolResources")), "metadata": optional(ref("Metadata"))}
    ),
    "NewRun": takes({"assistant_id": NAME}, _RUN_FIELDS),
    "NewThreadAndRun": takes(
        {"assistant_id": NAME},
        {
            "thread": optional(ref("NewThread")),
            "tool_resources": optional(ref("NewToolResources")),
            **_RUN_FIELDS,
        },
    ),
    "MetadataChange": takes({}, {"metadata": optional(ref("Metadata"))}),
    "ToolOutputs": takes(
        {"tool_outputs": items(takes({}, {"tool_call_id": optional(TEXT), "output": optional(TEXT)}), ITEMS, least=1)},
        STREAMED,
    ),
}

# --- what answers hold

_FUNCTION_CALL = {"name": TEXT, "arguments": TEXT, "output": optional(TEXT)}
_LOGS = {"type": {"const": "logs"}, "logs": TEXT}
_LAST_ERROR = optional(gives({"code": TEXT, "message": TEXT}))
_CALL = either(
    gives({"id": NAME, "type": {"const": "function"}, "function": closed(gives(_FUNCTION_CALL))}),
    gives(
        {
            "id": NAME,
            "type": {"const": "code_interpreter"},
            "code_interpreter": closed(gives({"input": TEXT, "outputs": items(closed(gives(_LOGS)))})),
        }
    ),
)
_CALL_PIECE = either(
    gives({"index": COUNT, "type": {"const": "function"}, "function": closed(gives({}, _FUNCTION_CALL))}, {"id": NAME}),
    gives(
        {
            "index": COUNT,
            "type": {"const": "code_interpreter"},
            "code_interpreter": closed(
                gives({"outputs": items(closed(gives({"index": COUNT, **_LOGS})))}, {"input": TEXT})
            ),
        },
        {"id": NAME},
    ),
)
_SHOWN_RESOURCES = closed(
    gives(
        {},
        {
            "code_interpreter": closed(gives({"file_ids": items(NAME)})),
            "file_search": closed(gives({"vector_store_ids": items(NAME, VECTOR_STORES)})),
        },
    )
)
_SHOWN_FORMAT = either({"const": "auto"}, ANYTHING)
_MOMENTS = ("expires_at", "started_at", "cancelled_at", "failed_at", "completed_at")


def _list(name: str) -> Schema:
    ends = {"first_id": optional(TEXT), "last_id": optional(TEXT)}
    fields = {"object": {"const": "list"}, "data": items(closed(ref(name)), 100), **ends, "has_more": FLAG}
    return closed(gives(fields))


def _deleted(kind: str) -> Schema:
    return closed(gives({"id": NAME, "object": {"const": f"{kind}.deleted"}, "deleted": {"const": True}}))


OBJECTS: dict[str, Schema] = {
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
            "tool_resources": optional(ref("ToolResources")),
            "metadata": ref("Metadata"),
            "response_format": _SHOWN_FORMAT,
            "reasoning_effort": _EFFORT,
            **_SAMPLING,
        }
    ),
    "Tool": gives({"type": NAME}),
    "ToolResources": _SHOWN_RESOURCES,
    "Thread": gives(
        {
            "id": NAME,
            "object": {"const": "thread"},
            "created_at": _TIME,
            "metadata": ref("Metadata"),
            "tool_resources": optional(ref("ToolResources")),
        }
    ),
    "Message": gives(
        {
            "id": NAME,
            "object": {"const": "thread.message"},
            "created_at": _TIME,
            "thread_id": NAME,
            "status": choice("in_progress", "completed", "incomplete"),
            "role": choice("user", "assistant"),
            "content": items(ref("Part")),
            "assistant_id": optional(NAME),
            "run_id": optional(NAME),
            "attachments": items(closed(gives({"file_id": NAME, "tools": items(closed(gives({"type": NAME})))}))),
            "metadata": ref("Metadata"),
            "incomplete_details": optional(gives({"reason": NAME})),
            "completed_at": optional(_TIME),
            "incomplete_at": optional(_TIME),
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
            **dict.fromkeys(_MOMENTS, optional(_TIME)),
            "incomplete_details": optional(gives({"reason": NAME})),
            "model": NAME,
            "instructions": TEXT,
            "tools": items(ref("Tool"), ITEMS),
            "metadata": ref("Metadata"),
            "usage": optional(ref("Usage")),
            **_SAMPLING,
            "max_prompt_tokens": optional(integer(1)),
            "max_completion_tokens": optional(integer(1)),
            "truncation_strategy": gives({"type": NAME}, {"last_messages": optional(integer(1))}),
            "response_format": _SHOWN_FORMAT,
            "tool_choice": either(TEXT, ANYTHING),
            "parallel_tool_calls": FLAG,
            "reasoning_effort": _EFFORT,
        }
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
            dict.fromkeys(("prompt_tokens", "completion_tokens", "total_tokens"), COUNT),
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
                gives({"type": {"const": "tool_calls"}, "tool_calls": items(_CALL)}),
            ),
            "last_error": _LAST_ERROR,
            **dict.fromkeys(("expired_at", "cancelled_at", "failed_at", "completed_at"), optional(_TIME)),
            "metadata": _EMPTY,
            "usage": optional(ref("Usage")),
        }
    ),
    "MessageDelta": gives(
        {
            "id": NAME,
            "object": {"const": "thread.message.delta"},
            "delta": gives({"content": items(gives({"index": COUNT, "type": {"const": "text"}}), 1)}),
        }
    ),
    "StepDelta": gives(
        {
            "id": NAME,
            "object": {"const": "thread.run.step.delta"},
            "delta": gives(
                {"step_details": gives({"type": {"const": "tool_calls"}, "tool_calls": items(_CALL_PIECE)})}
            ),
        }
    ),
}

# --- whole answers, and events

_RUN_EVENTS = choice(run_is("created"), *map(run_is, _STATUSES))
_STEP_EVENTS = choice(STEP_CREATED, *map(step_is, _STEP_STATUSES))
_MESSAGE_EVENTS = choice(MESSAGE_CREATED, *map(message_is, ("in_progress", "completed", "incomplete")))

LISTS: dict[str, Schema] = {f"{name}List": _list(name) for name in ("Assistant", "Thread", "Message", "Run", "Step")}
DELETIONS: dict[str, Schema] = {
    "AssistantDeleted": _deleted("assistant"),
    "ThreadDeleted": _deleted("thread"),
    "MessageDeleted": _deleted("thread.message"),
}
EVENTS: dict[str, Schema] = {
    "Event": {
        "description": "One server-sent event. The last one is `done`; comments keep the connection alive.",
        "anyOf": [
            event({"const": "thread.created"}, closed(ref("Thread"))),
            event(_RUN_EVENTS, closed(ref("Run"))),
            event(_STEP_EVENTS, closed(ref("Step"))),
            event({"const": STEP_DELTA}, closed(ref("StepDelta"))),
            event(_MESSAGE_EVENTS, closed(ref("Message"))),
            event({"const": MESSAGE_DELTA}, closed(ref("MessageDelta"))),
            event({"const": ERROR}, ref("Refusal")),
            gives({"event": {"const": DONE}, "data": {"const": DONE_DATA}}),
        ],
    }
}
REFUSAL: dict[str, Schema] = {
    "Refusal": gives(
        {
            "error": gives(
                {"message": TEXT, "type": NAME, "param": optional(TEXT), "code": optional(TEXT)}, {"run_id": NAME}
            )
        }
    ),
}
