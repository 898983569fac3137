"""What each verb takes and gives in Model Studio's dialect."""

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
)
from orchestrator.server.dialects.dashscope_files_contract import OPERATIONS as FILE_OPERATIONS
from orchestrator.server.dialects.dashscope_files_contract import SCHEMAS as FILE_SCHEMAS
from orchestrator.server.dialects.dashscope_schema import DELETIONS, LISTS, OBJECTS, REFUSAL, REQUESTS, ref
from orchestrator.server.dialects.dashscope_schema import EVENTS as EVENT
from orchestrator.server.dialects.extensions import extensions
from orchestrator.wire.workspaces import WORKSPACE

# what is no object counts as an empty one; the SDK creates an empty thread with the JSON string ""
_NO_OBJECT: Schema = {"type": ["string", "null", "number", "boolean", "array"], "description": "Counts as {}."}


def _signed(name: str) -> Schema:
    return closed(ref(name), ref("Signed"))


def _get(name: str) -> Operation:
    return Operation(gives={JSON: _signed(name)})


def _list(name: str, *more: Parameter) -> Operation:
    return Operation(gives={JSON: ref(f"{name}List")}, parameters=(*PAGE, *more))


def _delete(name: str) -> Operation:
    return Operation(gives={JSON: ref(f"{name}Deleted")})


def _post(body: str, name: str, *, events: bool = False) -> Operation:
    """A body that must be an object, for it has fields that must be there."""
    gives: dict[str, Schema] = {JSON: _signed(name), **({EVENTS: ref("Event")} if events else {})}
    return Operation(takes={JSON: ref(body)}, gives=gives)


def _change(body: str, name: str) -> Operation:
    """A body all of whose fields may be absent, and so may the body."""
    return Operation(takes={JSON: either(ref(body), _NO_OBJECT)}, gives={JSON: _signed(name)}, needed=False)


_WORKSPACE = Parameter(
    name="X-DashScope-WorkSpace",
    schema={"type": "string", "pattern": f"^({WORKSPACE.pattern})?$"},
    about="The workspace that is meant; a key opens one, and any other is refused. Without keys 'default' if absent.",
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
        "attach_file": _post("FileToAttach", "AssistantFile"),
        "list_assistant_files": _list("AssistantFile"),
        "get_assistant_file": _get("AssistantFile"),
        "detach_file": _delete("AssistantFile"),
        "create_thread": _change("NewThread", "Thread"),
        "get_thread": _get("Thread"),
        "update_thread": _change("MetadataChange", "Thread"),
        "delete_thread": _delete("Thread"),
        "create_message": _post("NewMessage", "Message"),
        "list_messages": _list("Message", _OF_RUN),
        "get_message": _get("Message"),
        "update_message": _change("MetadataChange", "Message"),
        "delete_message": _delete("Message"),
        "list_message_files": _list("MessageFile"),
        "get_message_file": _get("MessageFile"),
        "create_run": _post("NewRun", "Run", events=True),
        "create_thread_and_run": _post("NewThreadAndRun", "Run", events=True),
        "list_runs": _list("Run"),
        "get_run": _get("Run"),
        "update_run": _change("MetadataChange", "Run"),
        "cancel_run": _get("Run"),
        "submit_tool_outputs": _post("ToolOutputs", "Run", events=True),
        "list_steps": _list("Step"),
        "get_step": _get("Step"),
        **extensions(ref),
        **FILE_OPERATIONS,
    },
    schemas={**FILE_SCHEMAS, **REQUESTS, **OBJECTS, **LISTS, **DELETIONS, **EVENT, **REFUSAL},
    refusals={
        400: Refused(about="Wrong, busy, too large, or deleted, or it does not exist: the message tells."),
        401: Refused(about="The key is not known here."),
        422: Refused(about="The Idempotency-Key was used before, for another request.", keyed=True),
        429: Refused(about="Too many requests for this key.", waits=True),
        500: Refused(about="The server is at fault."),
        503: Refused(about="The server stops, or its database cannot be used at the moment.", waits=True),
        507: Refused(about="The server's disk is full; what is there can still be read.", waits=True),
    },
    refusal=ref("Refusal"),
    headers=(_WORKSPACE,),
    produces={"upload_file": {"file": "$response.body#/data/uploaded_files/0/file_id"}},
)
