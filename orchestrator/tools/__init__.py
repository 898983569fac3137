"""Kinds of tools: one file per kind, one list that names them. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from orchestrator.tools.calculator import Calculator
from orchestrator.tools.code_interpreter import CodeInterpreter
from orchestrator.tools.function import Function, FunctionDefinition
from orchestrator.tools.generate_qrcode import GenerateQrcode
from orchestrator.tools.github_search import GithubSearch
from orchestrator.tools.hosted_plugin import HostedPlugin
from orchestrator.tools.kind import Offer, ToolKind, as_object
from orchestrator.tools.opaque import Opaque
from orchestrator.tools.quark_search import QuarkSearch
from orchestrator.tools.rag import Rag
from orchestrator.tools.text_to_image import TextToImage

KINDS: tuple[type[ToolKind], ...] = (
    Function,
    CodeInterpreter,
    QuarkSearch,
    TextToImage,
    Calculator,
    GenerateQrcode,
    GithubSearch,
    Rag,
)

BY_TYPE: Mapping[str, type[ToolKind]] = {kind.TYPE: kind for kind in KINDS}
BY_ALIAS: Mapping[str, type[ToolKind]] = {alias: kind for kind in KINDS for alias in kind.ALIASES}


def decode(wire: Mapping[str, Any]) -> ToolKind:
    """Read one tool of the wire. What no kind understands becomes `HostedPlugin` (an id) or `Opaque`; never fails."""
    kind = BY_TYPE.get(str(wire.get("type")), HostedPlugin)
    try:
        return kind.decode(wire)
    except ValidationError:
        return Opaque.decode(wire)


def offer(wire: Mapping[str, Any]) -> Offer | None:
    """What a chat model is told of a tool on the wire, old names included; None: nothing."""
    if wire.get("type") == Function.TYPE:
        return _function_offer(as_object(wire.get("function")))
    alias = BY_ALIAS.get(str(wire.get("type")))
    if alias is None:
        return decode(wire).offer()
    told = decode({**wire, "type": alias.TYPE}).offer()
    return told and told.model_copy(update={"name": wire["type"]})


def _function_offer(told: Mapping[str, Any]) -> Offer | None:
    """As `Function.offer`, but keys that we do not know do not matter: applications send all kinds of them."""
    if not told.get("name"):
        return None
    parameters = as_object(told.get("parameters")) or {"type": "object", "properties": {}}
    strict = told.get("strict")
    return Offer(
        name=str(told["name"]),
        description=str(told.get("description") or ""),
        parameters=parameters,
        strict=strict if isinstance(strict, bool) else None,
    )


__all__ = [
    "BY_ALIAS",
    "BY_TYPE",
    "KINDS",
    "Function",
    "FunctionDefinition",
    "HostedPlugin",
    "Offer",
    "Opaque",
    "ToolKind",
    "decode",
    "offer",
]
