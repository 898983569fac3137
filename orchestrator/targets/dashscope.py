"""The dialect of Alibaba Cloud Model Studio's Assistant API, the one that `orchestrator serve` speaks below `/api/v1`.

Writing: `""`, `[]` and `{}` clear a field, an absent one stays. Reading: null, `""`, `[]`, `{}` and a missing key all
mean "not set"; what the service adds (`request_id`, `account_id`, `gmt_…`) is dropped. Errors are flat objects of
code, message and request_id; 400 is also said of what does not exist, 429 also of unpaid bills.
"""

from __future__ import annotations

from collections.abc import Callable
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
from orchestrator.reconcile.fitting import EVERYTHING, Abilities
from orchestrator.reconcile.observed import Observed
from orchestrator.reconcile.stamp import STAMP_KEY, Stamp, read_stamp
from orchestrator.targets.assistants import identity, marked, metadata, read, text
from orchestrator.targets.dialect import SAMPLING, Page, as_object
from orchestrator.tools import ToolKind
from orchestrator.transport import Answer
from orchestrator.wire.assistants import ASSISTANT_FIELDS
from orchestrator.wire.faults import NO_KEY

PAGE = 100  # the most that a page holds
_UNPAID = ("CommodityNotPurchased", "PrepaidBillOverdue", "PostpaidBillOverdue")
_NOT_A_KEY = ("WorkSpaceNotFound", "NOT AUTHORIZED")
_GONE = "deleted or does not exist"


class DashScope:
    """Model Studio's way of speaking."""

    name = "dashscope"
    assistants = "/assistants"
    threads = "/threads"
    abilities: Abilities = EVERYTHING
    null_clears = False

    def headers(self, *, key: str | None, workspace: str | None) -> dict[str, str]:
        """A bearer key, and the workspace of a sub-workspace key."""
        wanted = {"Authorization": key and f"Bearer {key}", "X-DashScope-WorkSpace": workspace}
        return {name: value for name, value in wanted.items() if value}

    def encode(self, body: Body, stamp: Stamp | None) -> dict[str, Any]:
        """The fields of the body, and the metadata with the stamp."""
        wire = {name: _written(name, body[name]) for name in ASSISTANT_FIELDS if name in body}
        return wire | {"metadata": {**(body.get("metadata") or {}), **marked(stamp)}}

    def decode(self, wire: object) -> Observed:
        """An assistant; every field that it has set."""
        fields = as_object(wire, "an assistant")
        id = identity(fields)  # noqa: A001 - the API's own word
        created = fields.get("created_at")
        pairs = metadata(fields.get("metadata"), id)
        stamp = read_stamp(pairs)
        body = {name: value for name in ASSISTANT_FIELDS if (value := read(name, fields.get(name), id)) is not None}
        return Observed(
            id=id,
            body=body,
            stamp=stamp,
            created_at=created if isinstance(created, int) else 0,
            unreadable=stamp is None and STAMP_KEY in pairs,
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
        said = message or f"The target answered HTTP {answer.status}."
        return make(
            f"{code}: {said}" if code else said,
            status=answer.status,
            vendor_code=code or None,
            request_id=request or None,
            retry_after=answer.retry_after,
        )


def _written(name: str, value: Any) -> Any:
    if name == "tools":
        return [tool.encode() for tool in cast("tuple[ToolKind, ...]", value or ())]
    if name == "file_ids":
        return list(value or ())
    return value if name in SAMPLING else value or ""


def _words(answer: Answer) -> tuple[str, str, str]:
    """Code, message and request id of an error; empty where the answer is not a flat object of texts."""
    try:
        body: object = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        body = None
    told = cast("dict[str, Any]", body if isinstance(body, dict) else {})
    return text(told.get("code")), text(told.get("message")), text(told.get("request_id"))


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
