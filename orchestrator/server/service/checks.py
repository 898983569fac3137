"""What every dialect demands of a request's content. Raises: Fault of kind invalid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from typing import cast, get_args

from orchestrator.server.records import Json
from orchestrator.server.store.threads import NewMessage
from orchestrator.wire.assistants import (
    DESCRIPTION_LENGTH,
    INSTRUCTIONS_LENGTH,
    NAME_LENGTH,
    TOOLS_COUNT,
    metadata_fault,
)
from orchestrator.wire.faults import EMPTY_MESSAGES, NO_FILE_SEARCH, Fault, invalid
from orchestrator.wire.messages import MESSAGES_COUNT
from orchestrator.wire.steps import Role

_LIMITS = {
    "name": (NAME_LENGTH, "characters"),
    "description": (DESCRIPTION_LENGTH, "characters"),
    "instructions": (INSTRUCTIONS_LENGTH, "characters"),
}


def check_metadata(metadata: object) -> None:
    """Metadata: few short pairs of strings."""
    complaint = metadata_fault(metadata)
    if complaint:
        raise invalid(complaint, "metadata")


def check_assistant(fields: Mapping[str, object]) -> None:
    """Fields of an assistant, all or some."""
    if "model" in fields and not fields["model"]:
        raise invalid("model must name a model", "model")
    if "metadata" in fields:
        check_metadata(fields["metadata"])
    check_tools(cast("Sequence[Json]", fields.get("tools") or ()))
    for name, (limit, unit) in _LIMITS.items():
        value = fields.get(name)
        if isinstance(value, Sized) and len(value) > limit:
            raise invalid(f"{name} holds at most {limit} {unit}", name)


def check_tools(tools: Sequence[Json]) -> None:
    """Tools that are asked for, or a choice of one: all kinds are kept and shown as they came, but one."""
    if len(tools) > TOOLS_COUNT:
        raise invalid(f"tools holds at most {TOOLS_COUNT} tools", "tools")
    if any(tool.get("type") == "file_search" for tool in tools):
        raise Fault("unsupported", NO_FILE_SEARCH, "tools")


def check_messages(messages: Sequence[NewMessage]) -> None:
    """Messages that are to be added."""
    if len(messages) > MESSAGES_COUNT:
        raise invalid(f"a request holds at most {MESSAGES_COUNT} messages", "messages")
    for message in messages:
        if not message.content:
            raise invalid(EMPTY_MESSAGES, "content")
        if message.role not in get_args(Role):
            raise invalid("role must be 'user' or 'assistant'", "role")
        check_metadata(message.metadata)
