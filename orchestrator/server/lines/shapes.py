"""What a record from a file must look like within, so that whoever reads it later does not stumble. Raises: Fault."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import get_args

from orchestrator.server.dialects.fields import Fields
from orchestrator.server.records import Json, Message, Run, Step, Thread
from orchestrator.server.usage import PARTS
from orchestrator.wire.assistants import metadata_fault
from orchestrator.wire.faults import invalid
from orchestrator.wire.runs import STATUSES
from orchestrator.wire.steps import MessageStatus, Role, StepStatus, StepType

ID = re.compile(r"[A-Za-z0-9_-]{1,128}")

_IMAGES = {"image_file": "file_id", "image_url": "url"}  # where such a part says which image
_CALL_STATES = ("announced", "started", "done")
_TOKENS = ("prompt_tokens", "completion_tokens", "total_tokens")


def check(part: Thread | Message | Run | Step) -> None:
    """See that all is as a record of this server has it."""
    match part:
        case Thread():
            _ids(part.id, *part.file_ids)
            _metadata(part.metadata)
        case Message():
            _message(part)
        case Run():
            _run(part)
        case Step():
            _step(part)


def _message(message: Message) -> None:
    _ids(message.id, message.thread_id, message.assistant_id, message.run_id)
    _one_of("role", message.role, get_args(Role))
    _one_of("status", message.status, get_args(MessageStatus))
    _metadata(message.metadata)
    for part in _each("content", message.content):
        _content(part)
    for attachment in _each("attachments", message.attachments):
        attachment.needed("file_id")
        for tool in attachment.each("tools") or ():
            tool.needed("type")
    if message.incomplete_details is not None:
        Fields(message.incomplete_details, "incomplete_details").needed("reason")


def _content(part: Fields) -> None:
    kind = part.one_of("type", ("text", *_IMAGES))
    if kind == "text":
        text = part.inner("text") or part.wrong("text", "must be given")
        if text.text("value") is None:
            text.wrong("value", "must be given")
        if text.each("annotations") is None:
            text.wrong("annotations", "must be given")
    else:
        image = part.inner(kind) or part.wrong(kind, "must be given")
        image.needed(_IMAGES[kind])


def _run(run: Run) -> None:
    _ids(run.id, run.thread_id, run.assistant_id)
    _one_of("status", run.status, STATUSES)
    _metadata(run.metadata)
    _error(run.last_error)
    _usage(run.usage)
    if run.incomplete_details is not None:
        Fields(run.incomplete_details, "incomplete_details").needed("reason")
    for tool in _each("tools", run.tools):
        if tool.needed("type") == "function":
            (tool.inner("function") or tool.wrong("function", "must be given")).needed("name")
    settings = Fields(run.settings, "settings")
    for name in run.settings:
        settings.number(name, float("inf"))


def _step(step: Step) -> None:
    _ids(step.id, step.thread_id, step.run_id, step.assistant_id, step.message_id)
    _one_of("type", step.type, get_args(StepType))
    _one_of("status", step.status, get_args(StepStatus))
    _error(step.last_error)
    _usage(step.usage)
    for call in _each("calls", step.calls):
        for name in ("id", "type", "name"):
            call.needed(name)
        if call.text("arguments") is None:
            call.wrong("arguments", "must be given")
        call.text("output")
        call.one_of("state", _CALL_STATES)


def _ids(*ids: str | None) -> None:
    for given in ids:
        if given is not None and ID.fullmatch(given) is None:
            raise invalid(f"The id '{given[:80]}' cannot be used here.")


def _one_of(name: str, value: str, words: Sequence[str]) -> None:
    Fields({name: value}).one_of(name, words)


def _each(name: str, values: tuple[Json, ...]) -> Sequence[Fields]:
    return [Fields(value, f"{name}[{index}]") for index, value in enumerate(values)]


def _metadata(metadata: Json) -> None:
    complaint = metadata_fault(metadata)
    if complaint:
        raise invalid(complaint, "metadata")


def _error(error: Json | None) -> None:
    if error is not None:
        fields = Fields(error, "last_error")
        fields.needed("code")
        fields.needed("message")


def _usage(usage: Json | None) -> None:
    if usage is not None:
        fields = Fields(usage, "usage")
        for name in _TOKENS:
            if fields.integer(name, 0) is None:
                fields.wrong(name, "must be given")
        for name in PARTS:
            if name in usage and fields.integer(name, 0) is None:
                fields.wrong(name, "must be an integer")
