"""A plan as a reviewer wants it: what changes, why, what it can do now, how much it weighs, how risky it is. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, assert_never

from orchestrator.diagnostics import Diagnostic, Span
from orchestrator.reconcile.body import Body, comparable
from orchestrator.reconcile.causes import Cause, Inputs, causes
from orchestrator.reconcile.changes import Change, Create, Delete, Difference, Release, Update
from orchestrator.reconcile.plans import Plan
from orchestrator.reconcile.textdiff import TextDiff, compare
from orchestrator.wire.assistants import ASSISTANT_FIELDS
from orchestrator.wire.estimate import Estimate

Action = Literal["create", "update", "delete", "release"]
Level = Literal["high", "medium", "low"]
Recorded = Callable[[str], Inputs | None]

LEVELS: tuple[Level, ...] = ("high", "medium", "low")
TEXT_FIELDS = frozenset({"instructions", "description"})
GROWTH_PERCENT = 50  # more tokens than that are worth a word, if they are at least …
GROWTH_TOKENS = 200
_ESTIMATE = Estimate()
_CAN: Mapping[str, tuple[str, str]] = {
    "code_interpreter": ("now runs code", "no longer runs code"),
    "quark_search": ("now searches the web", "no longer searches the web"),
    "text_to_image": ("now makes images", "no longer makes images"),
    "rag": ("now reads from a knowledge base", "no longer reads from a knowledge base"),
}


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the model is given before a word is said (instructions and tools), by the estimate of `wire.estimate`."""

    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A difference, and for long text what became of each block."""

    difference: Difference
    text: TextDiff | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """How much a reviewer should care, and why."""

    level: Level
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """One change. `place`: its manifest, None if there is none; `id`: the remote object, None for a new one."""

    change: Change
    action: Action
    name: str
    place: Span | None
    id: str | None
    passages: tuple[Passage, ...] = ()
    causes: tuple[Cause, ...] = ()
    capabilities: tuple[str, ...] = ()
    tokens: Tokens
    risk: Risk


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """One cause and everything that changes by it."""

    cause: Cause
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A plan with all that is worth knowing of it; changes and causes with the riskiest, the widest first.

    `told`: what the environment's policy says.
    """

    plan: Plan
    changes: tuple[Reviewed, ...]
    causes: tuple[Shared, ...] = field(default=())
    told: tuple[Diagnostic, ...] = ()

    def at(self, level: Level) -> list[Reviewed]:
        """The changes of one level of risk."""
        return [one for one in self.changes if one.risk.level == level]


def _nothing(_name: str) -> None:
    return None


def review(plan: Plan, recorded: Recorded = _nothing) -> Review:
    """Think a plan through. `recorded` gives the inputs of a manifest's last apply by name; None: not known."""
    changes = sorted((_reviewed(change, recorded) for change in plan.changes), key=_weight)
    return Review(plan=plan, changes=tuple(changes), causes=_shared(changes))


def _weight(one: Reviewed) -> tuple[int, int, str]:
    return (LEVELS.index(one.risk.level), -len(one.risk.reasons), one.name)


def _shared(changes: Sequence[Reviewed]) -> tuple[Shared, ...]:
    names: dict[Cause, list[str]] = {}
    for one in changes:
        for cause in one.causes:
            names.setdefault(cause, []).append(one.name)
    found = [Shared(cause=cause, names=tuple(sorted(who))) for cause, who in names.items()]
    return tuple(sorted(found, key=lambda s: (-len(s.names), s.cause)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """A change with what there is before and after it."""

    change: Change
    action: Action
    name: str
    before: Body
    after: Body
    place: Span | None = None
    id: str | None = None
    causes: tuple[Cause, ...] = ()


def _reviewed(change: Change, recorded: Recorded) -> Reviewed:
    match change:
        case Create(after=after):
            step = _Step(
                change=change, action="create", name=after.name, before={}, after=after.body, place=after.place
            )
        case Delete(before=before, name=name):
            step = _Step(change=change, action="delete", name=name, before=before.body, after={}, id=before.id)
        case Release(before=before, name=name):
            step = _Step(
                change=change, action="release", name=name, before=before.body, after=before.body, id=before.id
            )
        case Update(before=before, after=after):
            step = _Step(
                change=change,
                action="update",
                name=after.name,
                before=before.body,
                after={**before.body, **after.body},
                place=after.place,
                id=before.id,
                causes=_why(change, recorded),
            )
        case _:
            assert_never(change)
    return _complete(step)


def _why(change: Update, recorded: Recorded) -> tuple[Cause, ...]:
    known = recorded(change.renamed_from or change.after.name)
    fields = [(d.field, d.drifted) for d in change.differences]
    return causes(fields, known, change.after.inputs() if known else None)


def _complete(step: _Step) -> Reviewed:
    tools = (_tools(step.before), _tools(step.after))
    tokens = Tokens(_tokens(step.before, tools[0]), _tokens(step.after, tools[1]))
    passages = tuple(_passage(d) for d in step.change.differences) if isinstance(step.change, Update) else ()
    capable = () if step.action == "delete" else tuple(_capabilities(step.before, step.after, tools))
    return Reviewed(
        change=step.change,
        action=step.action,
        name=step.name,
        place=step.place,
        id=step.id,
        passages=passages,
        causes=step.causes,
        capabilities=capable,
        tokens=tokens,
        risk=_risk(step, passages, capable, tokens),
    )


def _passage(one: Difference) -> Passage:
    if one.field not in TEXT_FIELDS:
        return Passage(difference=one)
    return Passage(difference=one, text=compare(str(one.before or ""), str(one.after or "")))


def passages_of_create(after: Body) -> tuple[Passage, ...]:
    """All that a new assistant will say, as differences to nothing."""
    given = [(name, comparable(name, after[name])) for name in ASSISTANT_FIELDS if name in after]
    return tuple(
        _passage(Difference(field=name, before=None, after=value, drifted=False))
        for name, value in given
        if value is not None
    )


# ---- what it can do


def tool_name(tool: Mapping[str, Any]) -> str:
    """How a tool in comparable form is called."""
    return str(tool.get("function", {}).get("name") or tool.get("type"))


def _tools(body: Body) -> dict[str, dict[str, Any]]:
    return {tool_name(tool): tool for tool in comparable("tools", body.get("tools")) or ()}


def _capabilities(before: Body, after: Body, tools: tuple[dict[str, Any], dict[str, Any]]) -> Iterator[str]:
    old, new = tools
    yield from (_can(name, new[name], gained=True) for name in new if name not in old)
    yield from (_can(name, old[name], gained=False) for name in old if name not in new)
    yield from (f"calls `{name}` by another definition" for name in new if name in old and old[name] != new[name])
    if before and before.get("model") != after.get("model"):
        yield f"model changed: {before.get('model')} → {after.get('model')}"


def _can(name: str, tool: Mapping[str, Any], *, gained: bool) -> str:
    if "function" in tool:
        return f"can now call `{name}`" if gained else f"can no longer call `{name}`"
    known = _CAN.get(name, (f"can now use `{name}`", f"can no longer use `{name}`"))
    return known[0 if gained else 1]


def tokens_of(body: Body) -> int:
    """What a model is given before a word is said, by the estimate of `wire.estimate`."""
    return _tokens(body, _tools(body))


def _tokens(body: Body, tools: Mapping[str, Any]) -> int:
    given = json.dumps(list(tools.values()), ensure_ascii=False) if tools else ""
    return _ESTIMATE.count(str(body.get("instructions") or "")) + _ESTIMATE.count(given)


# ---- how risky it is


def _risk(step: _Step, passages: Sequence[Passage], capabilities: Sequence[str], tokens: Tokens) -> Risk:
    gain: Level = "high" if step.action == "update" else "medium"
    reasons: list[tuple[Level, str]] = [
        *_of_action(step),
        *((gain, _told(sentence)) for sentence in capabilities if _gains(sentence)),
        *(("medium", _told(sentence)) for sentence in capabilities if not _gains(sentence)),
        *_of_text(passages),
        *_of_size(step.action, tokens),
    ]
    level = min((LEVELS.index(level) for level, _ in reasons), default=2)
    return Risk(level=LEVELS[level], reasons=tuple(text for _, text in sorted(reasons, key=_first)))


def _first(reason: tuple[Level, str]) -> int:
    return LEVELS.index(reason[0])


def _gains(sentence: str) -> bool:
    return sentence.startswith(("can now ", "now "))


def _told(sentence: str) -> str:
    return sentence if sentence.startswith("model") else f"it {sentence}"


def _of_action(step: _Step) -> Iterator[tuple[Level, str]]:
    change = step.change
    if isinstance(change, Delete):
        yield "high", "it is deleted"
    if isinstance(change, Release):
        yield "medium", "released, kept: it stays as it is, and is ours no more (onDelete: retain)"
    if isinstance(change, Update):
        drifted = [d.field for d in change.differences if d.drifted]
        if drifted:
            yield "medium", f"undoes what somebody changed at the target: {', '.join(drifted)}"
        if change.renamed_from:
            yield "low", f"renamed from {change.renamed_from}"


def _of_text(passages: Sequence[Passage]) -> Iterator[tuple[Level, str]]:
    for passage in passages:
        if passage.text is None or passage.difference.field != "instructions":
            continue
        lost = [e for e in passage.text.entries if e.op == "removed"]
        stays = [e for e in passage.text.entries if e.op in ("same", "moved", "changed")]
        if lost and len(lost) > len(stays):
            yield "high", "most of its instructions are removed"
        elif lost:
            yield "medium", f"{len(lost)} passage{'s' * (len(lost) > 1)} of its instructions removed"


def _of_size(action: Action, tokens: Tokens) -> Iterator[tuple[Level, str]]:
    more = tokens.after - tokens.before
    if action == "update" and more >= GROWTH_TOKENS and more * 100 > tokens.before * GROWTH_PERCENT:
        yield "medium", f"{more:,} tokens more in every request"
