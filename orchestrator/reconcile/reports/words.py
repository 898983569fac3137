"""The sentences that all formats share: causes, tokens, risk, fields that are no long text. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from orchestrator.diagnostics import Diagnostic
from orchestrator.reconcile.changes import Create, Delete, Difference, Release, Update
from orchestrator.reconcile.observed import Observed
from orchestrator.reconcile.plans import Plan, retains
from orchestrator.reconcile.reports.shape import Shape
from orchestrator.reconcile.review import Passage, Review, Reviewed, Shared, passages_of_create, tool_name
from orchestrator.reconcile.visible import line

WIDTH = 100  # characters of a value that is shown in a line
NAMES = 10  # that a cause tells


def summary(plan: Plan) -> str:
    """The last line of a plan."""
    releases = len(plan.of(Release))
    return (
        f"Plan: {len(plan.of(Create))} to add, {len(plan.of(Update))} to change, {len(plan.of(Delete))} to delete, "
        + (f"{releases} to release, " if releases else "")
        + f"{len(plan.drifted)} drifted, {len(plan.unchanged)} unchanged."
    )


def cause_line(shared: Shared) -> str:
    """Who changes by a cause."""
    count = len(shared.names)
    names = ", ".join(shared.names[:NAMES]) + (f" and {count - NAMES} more" if count > NAMES else "")
    return line(f"{count} assistant{'s change' if count > 1 else ' changes'} because {shared.cause}: {names}")


def risk_line(found: Review) -> str:
    """How many changes there are of each level."""
    return ", ".join(f"{len(at)} {level}" for level in ("high", "medium", "low") if (at := found.at(level)))


def reasons(one: Reviewed) -> list[str]:
    """Why it is risky, but for what its capabilities say already."""
    told = {*one.capabilities, *(f"it {sentence}" for sentence in one.capabilities)}
    return [reason for reason in one.risk.reasons if reason not in told]


def passages(one: Reviewed, shape: Shape) -> tuple[Passage, ...]:
    """What differs; of a new assistant all that it says, where whole texts are asked for."""
    if shape.full and isinstance(one.change, Create):
        return passages_of_create(one.change.after.body)
    return one.passages


def tokens_line(one: Reviewed) -> str:
    """What a request weighs before and after; "" when that stays."""
    before, after = one.tokens.before, one.tokens.after
    return "" if before == after else f"tokens: {before:,} → {after:,} ({after - before:+,}, estimated)"


def sign(one: Reviewed) -> str:
    """+ create, ~ update, - delete, ! drift, < release."""
    drifted = isinstance(one.change, Update) and one.change.cause != "edited"
    return {"create": "+", "delete": "-", "release": "<", "update": "!" if drifted else "~"}[one.action]


def short(value: object) -> str:
    """A value on one line, cut."""
    text = "(none)" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)
    text = line(text)
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"


def field_lines(d: Difference) -> Iterator[str]:
    """A field that is no long text; of tools one line each."""
    if d.field == "tools":
        yield from _tool_lines(d)
    else:
        yield f"{short(d.before)} → {short(d.after)}"


def _tool_lines(d: Difference) -> Iterator[str]:
    before, after = (_by_name(side) for side in (d.before, d.after))
    yield from (f"- {line(name)}" for name in before if name not in after)
    yield from (f"+ {line(name)}" for name in after if name not in before)
    for name in after:
        if name in before and before[name] != after[name]:
            yield from _tool_parts(name, before[name], after[name])
    if list(before) != list(after) and before.keys() == after.keys():
        yield line(f"order: {', '.join(before)} → {', '.join(after)}")


def _tool_parts(name: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """Which parts of a tool's definition differ."""
    inner = [side.get("function", side) for side in (before, after)]
    for key in dict.fromkeys([*inner[0], *inner[1]]):
        old, new = inner[0].get(key), inner[1].get(key)
        if old != new:
            yield f"~ {line(name)}: {line(key)}: {short(old)} → {short(new)}"


def _by_name(side: Sequence[dict[str, Any]] | None) -> dict[str, dict[str, Any]]:
    return {tool_name(tool): tool for tool in side or ()}


def left_alone(plan: Plan) -> Iterator[str]:
    """What the plan does not touch, and why."""
    again = {o.id for o in plan.duplicates}
    for o in plan.orphans:
        yield f"{name_of(o)}: {_why(o.id in again)}; --prune would {_end(o)} ({line(o.id)})"
    for o in plan.kept:
        yield f"{name_of(o)}: no longer declared, but protected; it stays ({line(o.id)})"
    yield from (f"{line(name)}: held by a rollback until its manifest changes, or: resume {name}" for name in plan.held)
    if plan.unmanaged:
        yield f"{plan.unmanaged} unmanaged, left alone"
    if plan.beside:
        yield f"{plan.beside} not selected"


def _end(one: Observed) -> str:
    return "let go of it, and keep it" if retains(one) else "delete it"


def _why(duplicate: bool) -> str:
    return (
        "a second one of ours with that name, the oldest counts; --dedupe deletes it"
        if duplicate
        else "ours, but no longer declared"
    )


def name_of(one: Observed) -> str:
    """How a remote assistant is called."""
    return line(one.stamp.manifest if one.stamp else one.label)


def complaint(one: Diagnostic) -> str:
    """What the policy says, on one line."""
    return f"{one.severity} {one.code}: {one.message}"
