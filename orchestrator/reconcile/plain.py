"""A body as plain JSON without secrets, and back: what saved plans and the journal keep. Pure.

Law, tested for every kind of tool: `digests(whole(plain(body))) == digests(body)`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, cast

import orjson

from orchestrator import tools
from orchestrator.reconcile.body import Body, comparable, digests
from orchestrator.reconcile.desired import Desired
from orchestrator.reconcile.observed import Observed
from orchestrator.tools import HostedPlugin, ToolKind


def plain(body: Body) -> dict[str, Any]:
    """The body as JSON values; tools in comparable form, so no token is in it."""
    return {field: _plain(field, value) for field, value in body.items()}


def plain_text(body: Body) -> str:
    """`plain` as a line of JSON."""
    return orjson.dumps(plain(body), option=orjson.OPT_SORT_KEYS).decode()


def whole(body: Mapping[str, Any], tokens: Mapping[str, HostedPlugin] | None = None) -> Body:
    """A body to be written. `tokens`: hosted plug-ins by their id, with what `plain` left out."""
    known = tokens or {}
    made = dict(body)
    if "tools" in made:
        read = [tools.decode(wire) for wire in made["tools"] or ()]
        made["tools"] = tuple(known.get(one.type, one) if isinstance(one, HostedPlugin) else one for one in read)
    return made


def hosted(body: Body) -> list[HostedPlugin]:
    """The hosted plug-ins of a body that have a token."""
    found = cast("tuple[ToolKind, ...]", body.get("tools") or ())
    return [one for one in found if isinstance(one, HostedPlugin) and one.user_token is not None]


def fingerprint(observed: Observed) -> str:
    """A hash of all that is seen of an object: its fields, and our mark."""
    fields = {field: comparable(field, value) for field, value in observed.body.items()}
    stamp = observed.stamp.encode() if observed.stamp else None
    return _hash([observed.id, fields, stamp])


def manifest_digest(desired: Desired) -> str:
    """A hash of what a manifest asks for."""
    kept = ["retain"] if desired.retain else []
    return _hash([digests(desired.body), desired.protect, *kept])


def _hash(value: object) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _plain(field: str, value: Any) -> Any:
    if field == "tools":
        return [tool.comparable() for tool in cast("tuple[ToolKind, ...]", value or ())]
    return list(cast("tuple[Any, ...]", value)) if isinstance(value, tuple) else value
