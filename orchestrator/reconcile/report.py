"""Plans and results as text for people and as JSON for programs. Pure; bodies are comparable, so no secret shows."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from typing import Any, assert_never

from orchestrator.reconcile.changes import Change, Create, Delete, Difference, Update
from orchestrator.reconcile.observed import Observed
from orchestrator.reconcile.plans import Plan
from orchestrator.reconcile.results import Result

FORMAT_VERSION = 1
_TEXT_FIELDS = frozenset({"instructions", "description"})
_WIDTH = 100


def plan_text(plan: Plan) -> str:
    """What will be done, change by change, with the summary as its last line."""
    lines = [line for change in plan.changes for line in _change_lines(change)]
    again = {o.id for o in plan.duplicates}
    lines += [f"  {_name(o)}: {_why(o.id in again)}; --prune would delete it ({o.id})" for o in plan.orphans]
    lines += [f"  {_name(o)}: no longer declared, but protected; it stays ({o.id})" for o in plan.kept]
    if plan.unmanaged:
        lines.append(f"  {plan.unmanaged} unmanaged, left alone")
    if plan.beside:
        lines.append(f"  {plan.beside} not selected")
    return "\n".join([*lines, summary(plan)])


def _why(duplicate: bool) -> str:
    return "a second one of ours with that name, the oldest counts" if duplicate else "ours, but no longer declared"


def summary(plan: Plan) -> str:
    """The last line of a plan."""
    return (
        f"Plan: {len(plan.of(Create))} to add, {len(plan.of(Update))} to change, {len(plan.of(Delete))} to delete, "
        f"{len(plan.drifted)} drifted, {len(plan.unchanged)} unchanged."
    )


def drift_text(plan: Plan) -> str:
    """Only what somebody changed at the target, field by field."""
    lines = [line for change in plan.drifted for line in _change_lines(change, only_drift=True)]
    count = len(plan.drifted)
    return "\n".join([*lines, f"Drift: {count} drifted, {len(plan.unchanged)} in line." if count else "No drift."])


def results_text(results: Sequence[Result]) -> str:
    """What became of each change that failed, and the counts."""
    lines = [f"! {change_name(r.change)}: {r.error.code} {r.error.message}" for r in results if r.error]
    skipped = [change_name(r.change) for r in results if r.skipped]
    if skipped:
        lines.append(f"  not tried: {', '.join(skipped[:10])}")
    done = [r.change for r in results if r.done]
    counts = [sum(type(c) is kind for c in done) for kind in (Create, Update, Delete)]
    failed = sum(r.error is not None for r in results)
    tail = (f", {failed} failed" if failed else "") + (f", {len(skipped)} not tried" if skipped else "")
    return "\n".join([*lines, f"Applied: {counts[0]} added, {counts[1]} changed, {counts[2]} deleted{tail}."])


def plan_json(plan: Plan) -> dict[str, Any]:
    """The plan for programs; `format_version` grows when a key changes its meaning."""
    return {
        "format_version": FORMAT_VERSION,
        "owner": plan.owner,
        "changes": [_change_json(change) for change in plan.changes],
        "unchanged": list(plan.unchanged),
        "orphans": [{"name": _name(o), "id": o.id} for o in plan.orphans],
        "duplicates": [{"name": _name(o), "id": o.id} for o in plan.duplicates],
        "protected": [{"name": _name(o), "id": o.id} for o in plan.kept],
        "unmanaged": plan.unmanaged,
        "not_selected": plan.beside,
        "summary": _counts(plan),
    }


def results_json(plan: Plan, results: Sequence[Result]) -> dict[str, Any]:
    """The plan and what became of it."""
    outcomes = [
        {
            **_change_json(r.change),
            "done": r.done,
            "skipped": r.skipped,
            "error": {"code": r.error.code, "message": r.error.message} if r.error else None,
        }
        for r in results
    ]
    done = [r.change for r in results if r.done]
    applied = {
        "added": sum(isinstance(c, Create) for c in done),
        "changed": sum(isinstance(c, Update) for c in done),
        "deleted": sum(isinstance(c, Delete) for c in done),
        "failed": sum(r.error is not None for r in results),
        "skipped": sum(r.skipped for r in results),
    }
    return {
        "format_version": FORMAT_VERSION,
        "owner": plan.owner,
        "results": outcomes,
        "applied": applied,
        "summary": _counts(plan),
    }


def _counts(plan: Plan) -> dict[str, int]:
    return {
        "add": len(plan.of(Create)),
        "change": len(plan.of(Update)),
        "delete": len(plan.of(Delete)),
        "drifted": len(plan.drifted),
        "unchanged": len(plan.unchanged),
    }


def change_name(change: Change) -> str:
    """The manifest that a change is about."""
    return change.name if isinstance(change, Delete) else change.after.name


def _change_json(change: Change) -> dict[str, Any]:
    match change:
        case Create():
            place = change.after.place
            return {"action": "create", "name": change.after.name, "file": place.file, "line": place.line}
        case Update():
            return {
                "action": "update",
                "name": change.after.name,
                "id": change.before.id,
                "cause": change.cause,
                "renamed_from": change.renamed_from,
                "file": change.after.place.file,
                "line": change.after.place.line,
                "differences": [
                    {"field": d.field, "before": d.before, "after": d.after, "drifted": d.drifted}
                    for d in change.differences
                ],
            }
        case Delete():
            return {"action": "delete", "name": change.name, "id": change.before.id}
        case _:
            assert_never(change)


def _change_lines(change: Change, *, only_drift: bool = False) -> Iterator[str]:
    match change:
        case Create():
            yield f"+ {change.after.name}  ({change.after.place})"
        case Delete():
            yield f"- {change.name}  ({change.before.id})"
        case Update():
            sign = "!" if change.cause != "edited" else "~"
            was = f" → renamed from {change.renamed_from}" if change.renamed_from else ""
            yield f"{sign} {change.after.name}  ({change.cause}; {change.before.id}){was}"
            shown = [d for d in change.differences if d.drifted or not only_drift]
            for difference in shown:
                yield from _difference_lines(difference)
            if not change.differences:
                yield "    only our mark is renewed"
        case _:
            assert_never(change)


def _difference_lines(d: Difference) -> Iterator[str]:
    note = "  (changed at the target)" if d.drifted else ""
    if d.field in _TEXT_FIELDS and "\n" in f"{d.before or ''}{d.after or ''}":
        yield f"    {d.field}:{note}"
        before, after = (str(side or "").splitlines() for side in (d.before, d.after))
        for line in list(difflib.unified_diff(before, after, lineterm="", n=1))[2:]:
            yield f"      {line}"
    elif d.field == "tools":
        yield f"    tools:{note}"
        yield from _tool_lines(d)
    else:
        yield f"    {d.field}: {_short(d.before)} → {_short(d.after)}{note}"


def _tool_lines(d: Difference) -> Iterator[str]:
    before, after = ({tool_name(t): t for t in side or ()} for side in (d.before, d.after))
    yield from (f"      - {name}" for name in before if name not in after)
    yield from (f"      + {name}" for name in after if name not in before)
    for name in after:
        if name in before and before[name] != after[name]:
            yield f"      ~ {name}: {_short(before[name])} → {_short(after[name])}"
    if list(before) != list(after) and before.keys() == after.keys():
        yield f"      order: {', '.join(before)} → {', '.join(after)}"


def tool_name(tool: dict[str, Any]) -> str:
    """How a tool in comparable form is called."""
    return str(tool.get("function", {}).get("name") or tool.get("type"))


def _short(value: object) -> str:
    text = "(none)" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"


def _name(one: Observed) -> str:
    return one.stamp.manifest if one.stamp else one.label
