"""The dialect of Alibaba Cloud Model Studio's Assistant API, the one that `orchestrator serve` speaks below `/api/v1`.

Writing: `""`, `[]` and `{}` clear a field, an absent one stays. Reading: null, `""`, `[]`, `{}` and a missing key all
mean "not set"; what the service adds (`request_id`, `account_id`, `gmt_…`) is dropped. Errors are flat objects of
code, message and request_id; 400 is also said of what does not exist, 429 also of unpaid bills.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, cast

import orjson

from orchestrator.errors import (
    CannotUnderstand,
    NotFound,
    RefusedKey,
    Rejected,
    SlowDown,
    TargetError,
    TheirFault,
)
from orchestrator.reconcile.body import Body
from orchestrator.reconcile.observed import Observed
from orchestrator.reconcile.stamp import STAMP_KEY, Stamp, read_stamp
from orchestrator.targets.dialect import SAMPLING, Page, as_object
from orchestrator.tools import ToolKind
from orchestrator.tools import decode as decode_tool
from orchestrator.transport import Answer
from orchestrator.wire.assistants import ASSISTANT_FIELDS
from orchestrator.wire.faults import NO_KEY

PAGE = 100  # the most that a page holds
_MESSAGE_LENGTH = 500  # characters of the target's own words that an error repeats
_ABSENT: tuple[object, ...] = (None, "", [], {})
_UNPAID = ("CommodityNotPurchased", "PrepaidBillOverdue", "PostpaidBillOverdue")
_NOT_A_KEY = ("WorkSpaceNotFound", "NOT AUTHORIZED")
_GONE = "deleted or does not exist"


class DashScope:
    """Model Studio's way of speaking."""

    name = "dashscope"
    assistants = "/assistants"
    threads = "/threads"

    def headers(self, *, key: str | None, workspace: str | None) -> dict[str, str]:
        """A bearer key, and the workspace of a sub-workspace key."""
        wanted = {"Authorization": key and f"Bearer {key}", "X-DashScope-WorkSpace": workspace}
        return {name: value for name, value in wanted.items() if value}

    def encode(self, body: Body, stamp: Stamp | None) -> dict[str, Any]:
        """The fields of the body, and the metadata with the stamp."""
        wire = {name: _written(name, body[name]) for name in ASSISTANT_FIELDS if name in body}
        return wire | {"metadata": {**(body.get("metadata") or {}), **_marked(stamp)}}

    def decode(self, wire: object) -> Observed:
        """An assistant; every field that it has set."""
        fields = as_object(wire, "an assistant")
        id = fields.get("id")  # noqa: A001 - the API's own word
        if not isinstance(id, str) or not id:
            raise CannotUnderstand("The target's answer is not an assistant: it has no id.")
        created = fields.get("created_at")
        metadata = _metadata(fields.get("metadata"), id)
        stamp = read_stamp(metadata)
        body = {name: value for name in ASSISTANT_FIELDS if (value := _read(name, fields.get(name), id)) is not None}
        return Observed(
            id=id,
            body=body,
            stamp=stamp,
            created_at=created if isinstance(created, int) else 0,
            unreadable=stamp is None and STAMP_KEY in metadata,
        )

    def query(self, after: str | None) -> dict[str, str]:
        """The largest pages there are."""
        return {"limit": str(PAGE), "order": "asc", **({"after": after} if after else {})}

    def page(self, wire: object) -> Page:
        """A page; where `has_more` is not told, a full one has a successor."""
        fields = as_object(wire, "a list of assistants")
        data = fields.get("data")
        more = fields.get("has_more")
        if not isinstance(data, list) or not isinstance(more, bool | None):
            raise CannotUnderstand("The target's answer is not a list of assistants.")
        items = tuple(self.decode(one) for one in cast("list[object]", data))
        return Page(items=items, more=len(items) >= PAGE if more is None else more)

    def failure(self, answer: Answer) -> TargetError:
        """The family by status and code, the text from the target."""
        code, message, request = _words(answer)
        make = _family(answer.status, code, message)
        text = message or f"The target answered HTTP {answer.status}."
        return make(
            f"{code}: {text}" if code else text,
            status=answer.status,
            vendor_code=code or None,
            request_id=request or None,
            retry_after=answer.retry_after,
        )


def _marked(stamp: Stamp | None) -> dict[str, str]:
    """The pair of the metadata that is ours."""
    if stamp is None:
        return {}
    try:
        return {STAMP_KEY: stamp.encode()}
    except ValueError as error:
        raise Rejected(f"The mark of '{stamp.manifest}' does not fit: {error}.", sent=False) from error


def _written(name: str, value: Any) -> Any:
    if name == "tools":
        return [tool.encode() for tool in cast("tuple[ToolKind, ...]", value or ())]
    if name == "file_ids":
        return list(value or ())
    return value if name in SAMPLING else value or ""


def _read(name: str, value: Any, id: str) -> Any:
    """A field's value, None where it is not set."""
    if name == "metadata":
        return {k: v for k, v in _metadata(value, id).items() if k != STAMP_KEY} or None
    if value in _ABSENT:
        return None
    if name == "tools":
        return tuple(_tool(one, id) for one in _list(value, name, id))
    if name == "file_ids":
        return tuple(str(one) for one in _list(value, name, id))
    fits = _is_number(value) if name in SAMPLING else isinstance(value, str)
    return value if fits else _odd(name, id)


def _metadata(value: Any, id: str) -> Mapping[str, Any]:
    if value in _ABSENT:
        return {}
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else _odd("metadata", id)


def _tool(value: object, id: str) -> ToolKind:
    return decode_tool(cast("Mapping[str, Any]", value)) if isinstance(value, dict) else _odd("tools", id)


def _list(value: Any, name: str, id: str) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else _odd(name, id)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _odd(name: str, id: str) -> Any:
    which = f"The assistant {id[:64]}" if id.startswith("asst_") else "An assistant"  # no echo of who knows what
    raise CannotUnderstand(f"{which} of the target has a '{name}' of the wrong type.")


def _words(answer: Answer) -> tuple[str, str, str]:
    """Code, message and request id of an error; empty where the answer is not a flat object of texts."""
    try:
        body: object = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        body = None
    told = cast("dict[str, Any]", body if isinstance(body, dict) else {})
    return _text(told.get("code")), _text(told.get("message")), _text(told.get("request_id"))


def _text(value: object) -> str:
    if not isinstance(value, str):
        return ""
    clean = "".join(c if c.isprintable() else " " for c in value[: _MESSAGE_LENGTH + 1]).strip()
    return clean if len(clean) <= _MESSAGE_LENGTH else clean[:_MESSAGE_LENGTH] + "…"


def _family(status: int, code: str, message: str) -> Callable[..., TargetError]:
    if code in _UNPAID:
        return Rejected
    if status == 429 or code.startswith("Throttling"):
        return SlowDown
    if status in (401, 403) or code in _NOT_A_KEY or message == NO_KEY:
        return RefusedKey
    if status in (400, 404) and _GONE in message and " file " not in message:
        return NotFound
    if status == 404 and code:
        return NotFound if code == "NotFound" else Rejected
    if status == 408 or (status >= 500 and status not in (501, 505)):
        return TheirFault
    return Rejected if status >= 400 and status != 404 else CannotUnderstand
