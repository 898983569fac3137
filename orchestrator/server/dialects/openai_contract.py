"""What each verb takes and gives in OpenAI's dialect."""

from __future__ import annotations

from orchestrator.server.dialects.contract import (
    EVENTS,
    JSON,
    PAGE,
    TEXT,
    Contract,
    Operation,
    Parameter,
    Refused,
    Schema,
    closed,
    either,
    items,
)
from orchestrator.server.dialects.extensions import extensions
from orchestrator.server.dialects.openai_files_contract import OPERATIONS as FILE_OPERATIONS
from orchestrator.server.dialects.openai_files_contract import SCHEMAS as FILE_SCHEMAS
from orchestrator.server.dialects.openai_schema import DELETIONS, LISTS, OBJECTS, REFUSAL, REQUESTS, ref
from orchestrator.server.dialects.openai_schema import EVENTS as EVENT
from orchestrator.wire.workspaces import DEFAULT_WORKSPACE, WORKSPACE

_NO_OBJECT: Schema = {"type": ["string", "null", "number", "boolean", "array"], "description": "Counts as {}."}
_INCLUDE = Parameter(
    name="include[]",
    schema=items(TEXT),
    about="Further fields of file searches; there are none here, so it changes nothing.",
)


def _get(name: str, *more: Parameter) -> Operation:
    return Operation(gives={JSON: closed(ref(name))}, parameters=more)


def _list(name: str, *more: Parameter) -> Operation:
    return Operation(gives={JSON: ref(f"{name}List")}, parameters=(*PAGE, *more))


def _delete(name: str) -> Operation:
    return Operation(gives={JSON: ref(f"{name}Deleted")})


def _post(body: str, name: str, *more: Parameter, events: bool = False) -> Operation:
    """A body that must be an object, for it has fields that must be there."""
    gives: dict[str, Schema] = {JSON: closed(ref(name)), **({EVENTS: ref("Event")} if events else {})}
    return Operation(takes={JSON: ref(body)}, gives=gives, parameters=more)


def _change(body: str, name: str) -> Operation:
    """A body all of whose fields may be absent, and so may the body."""
    return Operation(takes={JSON: either(ref(body), _NO_OBJECT)}, gives={JSON: closed(ref(name))}, needed=False)


_WORKSPACE = Parameter(
    name="OpenAI-Project",
    schema={"type": "string", "pattern": f"^({WORKSPACE.pattern})?$", "default": DEFAULT_WORKSPACE},
    about="The workspace that the request speaks of.",
    place="header",
)
_OF_RUN = Parameter(name="run_id", schema=TEXT, about="Only messages that this run made.")

CONTRACT = Contract(
    operations={
        "create_assistant": _post("NewAssistant", "Assistant"),
        "list_assistants": _list("Assistant"),
        "get_assistant": _get("Assistant"),
        "update_assistant": _change("AssistantChanges", "Assistant"),
        "delete_assistant": _delete("Assistant"),
        "create_thread": _change("NewThread", "Thread"),
        "get_thread": _get("Thread"),
        "update_thread": _change("ThreadChanges", "Thread"),
        "delete_thread": _delete("Thread"),
        "create_message": _post("NewMessage", "Message"),
        "list_messages": _list("Message", _OF_RUN),
        "get_message": _get("Message"),
        "update_message": _change("MetadataChange", "Message"),
        "delete_message": _delete("Message"),
        "create_run": _post("NewRun", "Run", _INCLUDE, events=True),
        "create_thread_and_run": _post("NewThreadAndRun", "Run", events=True),
        "list_runs": _list("Run"),
        "get_run": _get("Run"),
        "update_run": _change("MetadataChange", "Run"),
        "cancel_run": _get("Run"),
        "submit_tool_outputs": _post("ToolOutputs", "Run", events=True),
        "list_steps": _list("Step", _INCLUDE),
        "get_step": _get("Step", _INCLUDE),
        **extensions(ref),
        **FILE_OPERATIONS,
    },
    schemas={**FILE_SCHEMAS, **REQUESTS, **OBJECTS, **LISTS, **DELETIONS, **EVENT, **REFUSAL},
    refusals={
        400: Refused(about="Wrong, busy, or not supported here: the message tells."),
        401: Refused(about="The key is missing, or not known here."),
        404: Refused(about="Deleted, or it does not exist.", ids=True),
        413: Refused(about="The body is too large.", posts=True),
        422: Refused(about="The Idempotency-Key was used before, for another request.", keyed=True),
        429: Refused(about="Too many requests for this key.", waits=True),
        500: Refused(about="The server is at fault."),
        503: Refused(about="The server stops, or its database cannot be used at the moment.", waits=True),
        507: Refused(about="The server's disk is full; what is there can still be read.", waits=True),
    },
    refusal=ref("Refusal"),
    headers=(_WORKSPACE,),
)
