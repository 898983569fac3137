"""What of an assistant a dialect of targets can say: the rest is told, and neither written nor compared. Pure.

A field without a counterpart is left out with a warning, for an assistant answers without it too. A tool that would be
lost is an error: an assistant without its tools is another assistant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from orchestrator.diagnostics import Diagnostic
from orchestrator.manifests import Assistant, Placed
from orchestrator.manifests.source import Path
from orchestrator.reconcile.body import Body
from orchestrator.reconcile.desired import Desired
from orchestrator.tools import Function, HostedPlugin, ToolKind
from orchestrator.wire.assistants import ASSISTANT_FIELDS

_SPELT: Mapping[str, Path] = {  # where a manifest has a field
    "temperature": ("spec", "model", "temperature"),
    "top_p": ("spec", "model", "topP"),
    "top_k": ("spec", "model", "topK"),
    "max_tokens": ("spec", "model", "maxTokens"),
    "file_ids": ("spec", "fileIds"),
}
_PATCH = "leave it out there: a patch of the Environment that gives"


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a dialect has words for. `fields`: names of the wire; `tools`: types, None: whatever the target knows.

    `bare`: types of tools that take no settings there; `files`: how many an assistant may have, None: any number.
    """

    dialect: str
    fields: frozenset[str] = frozenset(ASSISTANT_FIELDS)
    tools: frozenset[str] | None = None
    bare: frozenset[str] = frozenset()
    files: int | None = None


EVERYTHING = Abilities(dialect="dashscope")  # manifests were made for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What can be applied, and what was lost on the way. An assistant that would lose a tool is left out."""

    desired: tuple[Desired, ...]
    diagnostics: tuple[Diagnostic, ...]


def fit(desired: Iterable[Desired], places: Mapping[str, Placed[Assistant]], abilities: Abilities) -> Fitted:
    """The assistants as the dialect can have them; `places` says where their manifests stand."""
    fitted: list[Desired] = []
    found: list[Diagnostic] = []
    for want in desired:
        losses = list(_losses(want.body, places[want.name], abilities))
        found += losses
        if not any(one.severity == "error" for one in losses):
            fitted.append(replace(want, body=_within(want.body, abilities)) if losses else want)
    return Fitted(desired=tuple(fitted), diagnostics=tuple(found))


def foreign(body: Body, abilities: Abilities) -> list[str]:
    """Names of what a dialect has no words for, as they stand in the body."""
    fields = [f"'{name}'" for name in body if name not in abilities.fields]
    return fields + [f"tool '{tool.type}'" for tool in _tools(body) if not _known(tool, abilities)]


def _losses(body: Body, place: Placed[Assistant], abilities: Abilities) -> Iterator[Diagnostic]:
    for name in body:
        if name not in abilities.fields:
            yield _lost_field(name, place, abilities)
    for nth, tool in enumerate(_tools(body)):
        if not _known(tool, abilities):
            yield _lost_tool(tool, nth, place, abilities)
        elif _settings(tool, abilities):
            message = f"the dialect '{abilities.dialect}' has no settings of '{tool.type}'; they are not written"
            yield place.complain("CAP003", message, ("spec", "tools", nth), severity="warning")
    files = len(body.get("file_ids") or ())
    if abilities.files is not None and files > abilities.files:
        message = f"{files} files; the dialect '{abilities.dialect}' takes at most {abilities.files}"
        yield place.complain("CAP004", message, ("spec", "fileIds"), hint=f"{_PATCH} fewer")


def _lost_field(name: str, place: Placed[Assistant], abilities: Abilities) -> Diagnostic:
    path = _SPELT.get(name, ("spec", name))
    message = f"the dialect '{abilities.dialect}' has no '{path[-1]}'; it is neither written nor compared"
    return place.complain("CAP002", message, path, severity="warning")


def _lost_tool(tool: ToolKind, nth: int, place: Placed[Assistant], abilities: Abilities) -> Diagnostic:
    what = "hosted plug-ins, and would lose" if isinstance(tool, HostedPlugin) else "tool"
    message = f"the dialect '{abilities.dialect}' has no {what} '{tool.type}'"
    return place.complain("CAP001", message, ("spec", "tools", nth), hint=f"{_PATCH} other 'tools'")


def _known(tool: ToolKind, abilities: Abilities) -> bool:
    return abilities.tools is None or tool.type in abilities.tools


def _settings(tool: ToolKind, abilities: Abilities) -> bool:
    return tool.type in abilities.bare and not isinstance(tool, Function) and len(tool.encode()) > 1


def _tools(body: Body) -> tuple[ToolKind, ...]:
    return cast("tuple[ToolKind, ...]", body.get("tools") or ())


def _within(body: Body, abilities: Abilities) -> Body:
    made: dict[str, Any] = {name: value for name, value in body.items() if name in abilities.fields}
    if made.get("tools"):
        bare = [type(tool)() if _settings(tool, abilities) else tool for tool in _tools(body)]
        made["tools"] = tuple(bare)
    return made
