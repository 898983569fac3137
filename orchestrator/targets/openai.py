"""The dialect of OpenAI's Assistants API, version 2, which `orchestrator serve` speaks below `/v1`.

Writing: null clears a field, an absent one stays. Files of the code interpreter stand in `tool_resources`; what else
is in there (vector stores) is neither read nor written. Times are seconds. Errors stand under `error`, with a status
that tells; the id of the request is in a header. Source: the API's reference as its SDK speaks it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import orjson

from orchestrator.errors import CannotUnderstand, NotFound, RefusedKey, Rejected, SlowDown, TargetError, TheirFault
from orchestrator.reconcile.body import Body
from orchestrator.reconcile.fitting import Abilities, foreign
from orchestrator.reconcile.observed import Observed
from orchestrator.reconcile.stamp import STAMP_KEY, Stamp, read_stamp
from orchestrator.targets.assistants import ABSENT, identity, marked, metadata, odd, read, text
from orchestrator.targets.dialect import Page, as_object
from orchestrator.tools import ToolKind
from orchestrator.transport import Answer
from orchestrator.wire.assistants import CODE_FILES

PAGE = 100  # the most that a page holds
VERSION = "assistants=v2"
_UNPAID = ("insufficient_quota", "billing_hard_limit_reached")
_FIELDS = ("model", "name", "description", "instructions", "tools", "metadata", "temperature", "top_p")
_FILES = "file_ids"
_OF_FILES = "code_interpreter"  # the tool whose files they are
_MOVED = "invalid url"  # how a 404 begins that is about the address and not about an object


class OpenAI:
    """OpenAI's way of speaking."""

    name = "openai"
    assistants = "/assistants"
    threads = "/threads"
    abilities = Abilities(
        dialect="openai",
        fields=frozenset({*_FIELDS, _FILES}),
        tools=frozenset({"function", "code_interpreter", "file_search"}),
        bare=frozenset({"code_interpreter"}),
        files=CODE_FILES,
    )
    null_clears = True

    def headers(self, *, key: str | None, workspace: str | None) -> dict[str, str]:
        """A bearer key, the version of the API, and the project, which is what a workspace is called there."""
        wanted = {
            "Authorization": key and f"Bearer {key}",
            "OpenAI-Project": workspace,
            "OpenAI-Beta": VERSION,
        }
        return {name: value for name, value in wanted.items() if value}

    def encode(self, body: Body, stamp: Stamp | None) -> dict[str, Any]:
        """The fields of the body, its files below `tool_resources`, and the metadata with the stamp."""
        words = foreign(body, self.abilities)
        if words:
            hint = "leave it out for this environment, with a patch"
            raise Rejected(f"The dialect '{self.name}' has no {', '.join(words)}.", hint=hint, sent=False)
        wire = {name: _written(name, body[name]) for name in _FIELDS if name in body}
        files = {"tool_resources": {_OF_FILES: {_FILES: list(body[_FILES] or ())}}} if _FILES in body else {}
        return {**wire, **files, "metadata": {**(body.get("metadata") or {}), **marked(stamp)}}

    def decode(self, wire: object) -> Observed:
        """An assistant; every field that it has set and that a manifest can name."""
        fields = as_object(wire, "an assistant")
        id = identity(fields)  # noqa: A001 - the API's own word
        created = fields.get("created_at")
        pairs = metadata(fields.get("metadata"), id)
        stamp = read_stamp(pairs)
        told = {**{name: fields.get(name) for name in _FIELDS}, _FILES: _files(fields.get("tool_resources"), id)}
        body = {name: value for name, given in told.items() if (value := read(name, given, id)) is not None}
        return Observed(
            id=id,
            body=body,
            stamp=stamp,
            created_at=created * 1000 if isinstance(created, int) else 0,
            unreadable=stamp is None and STAMP_KEY in pairs,
        )

    def query(self, after: str | None) -> dict[str, str]:
        """The largest pages there are."""
        return {"limit": str(PAGE), "order": "asc", **({"after": after} if after else {})}

    def page(self, wire: object) -> Page:
        """A page, which always tells whether others follow."""
        fields = as_object(wire, "a list of assistants")
        data, more = fields.get("data"), fields.get("has_more")
        if not isinstance(data, list) or not isinstance(more, bool):
            raise CannotUnderstand("The target's answer is not a list of assistants.")
        return Page(items=tuple(self.decode(one) for one in cast("list[object]", data)), more=more)

    def failure(self, answer: Answer) -> TargetError:
        """The family by status and code, the text from the target."""
        code, message = _words(answer)
        make = _family(answer.status, code, message)
        said = message or f"The target answered HTTP {answer.status}."
        return make(
            f"{code}: {said}" if code else said,
            status=answer.status,
            vendor_code=code or None,
            request_id=text(answer.headers.get("x-request-id")) or None,
            retry_after=answer.retry_after,
        )


def _written(name: str, value: Any) -> Any:
    if name == "tools":
        return [tool.encode() for tool in cast("tuple[ToolKind, ...]", value or ())]
    return None if value == "" else value


def _files(resources: Any, id: str) -> Any:
    """The ids of the code interpreter's files."""
    for name in (_OF_FILES, _FILES):
        if resources in ABSENT:
            return None
        if not isinstance(resources, Mapping):
            return odd("tool_resources", id)
        resources = cast("Mapping[str, Any]", resources).get(name)
    return resources


def _words(answer: Answer) -> tuple[str, str]:
    """Code and message of an error; empty where the answer has no envelope."""
    try:
        body: object = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        body = None
    envelope = cast("dict[str, Any]", body).get("error") if isinstance(body, dict) else None
    told = cast("dict[str, Any]", envelope if isinstance(envelope, dict) else {})
    return text(told.get("code")), text(told.get("message"))


def _family(status: int, code: str, message: str) -> Callable[..., TargetError]:
    if code in _UNPAID:
        return Rejected
    if status == 429:
        return SlowDown
    if status in (401, 403):
        return RefusedKey
    if status == 404:
        return _absent(code, message)
    if status in (408, 409) or (status >= 500 and status not in (501, 505, 507)):
        return TheirFault
    return Rejected if status >= 400 else CannotUnderstand


def _absent(code: str, message: str) -> Callable[..., TargetError]:
    """A 404 of an API is about an object or a model; without an envelope, or about the address, it is no such API."""
    if not message or message.lower().startswith(_MOVED):
        return CannotUnderstand
    return Rejected if code == "model_not_found" else NotFound
