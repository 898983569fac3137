"""Plans and results for programs; `format_version` grows when a key changes its meaning. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never

import orjson

from orchestrator.reconcile.changes import Change, Create, Delete, Release, Update
from orchestrator.reconcile.observed import Observed
from orchestrator.reconcile.plans import Plan
from orchestrator.reconcile.reports.shape import Shape
from orchestrator.reconcile.results import Result
from orchestrator.reconcile.review import Passage, Review, Reviewed
from orchestrator.reconcile.textdiff import Entry
from orchestrator.reconcile.visible import escaped

FORMAT_VERSION = 1


def render(found: Review, _shape: Shape) -> str:
    """The whole review as one document."""
    return escaped(orjson.dumps(review_json(found), option=orjson.OPT_INDENT_2).decode())


def review_json(found: Review) -> dict[str, Any]:
    """A plan and its review: changes with the riskiest first."""
    plan = found.plan
    return {
        "format_version": FORMAT_VERSION,
        "owner": plan.owner,
        "changes": [_reviewed(one) for one in found.changes],
        "causes": [{"kind": s.cause.kind, "name": s.cause.name, "assistants": list(s.names)} for s in found.causes],
        "diagnostics": [one.as_json() for one in found.told],
        "unchanged": list(plan.unchanged),
        "orphans": [_known(o) for o in plan.orphans],
        "duplicates": [_known(o) for o in plan.duplicates],
        "protected": [_known(o) for o in plan.kept],
        "unmanaged": plan.unmanaged,
        "not_selected": plan.beside,
        "held": list(plan.held),
        "summary": _counts(plan),
    }


def _reviewed(one: Reviewed) -> dict[str, Any]:
    made = {
        **_change(one.change),
        "risk": {"level": one.risk.level, "reasons": list(one.risk.reasons)},
        "capabilities": list(one.capabilities),
        "causes": [{"kind": cause.kind, "name": cause.name} for cause in one.causes],
        "tokens": {"before": one.tokens.before, "after": one.tokens.after, "estimated": True},
    }
    if one.action == "update":
        made["differences"] = [_passage(passage) for passage in one.passages]
    return made


def _passage(passage: Passage) -> dict[str, Any]:
    d = passage.difference
    made: dict[str, Any] = {"field": d.field, "before": d.before, "after": d.after, "drifted": d.drifted}
    if passage.text is not None:
        made["text"] = [_entry(entry) for entry in passage.text.entries if entry.op != "same"]
    return made


def _entry(entry: Entry) -> dict[str, Any]:
    made: dict[str, Any] = {"op": entry.op, "heading": entry.block.heading, "old": entry.old, "new": entry.new}
    if entry.op != "changed":
        return {**made, "block": entry.block.text}
    changed = [s for s in entry.sentences if s.op != "same"]
    return {**made, "sentences": [{"op": s.op, "pieces": [[p.op, p.text] for p in s.pieces]} for s in changed]}


def results_json(plan: Plan, results: Sequence[Result]) -> dict[str, Any]:
    """What became of each change of a plan."""
    done = [r.change for r in results if r.done]
    applied = {
        "added": sum(isinstance(c, Create) for c in done),
        "changed": sum(isinstance(c, Update) for c in done),
        "deleted": sum(isinstance(c, Delete) for c in done),
        "released": sum(isinstance(c, Release) for c in done),
        "failed": sum(r.error is not None for r in results),
        "skipped": sum(r.skipped for r in results),
    }
    return {
        "format_version": FORMAT_VERSION,
        "owner": plan.owner,
        "results": [_outcome(r) for r in results],
        "applied": applied,
        "summary": _counts(plan),
    }


def _outcome(r: Result) -> dict[str, Any]:
    error = {"code": r.error.code, "message": r.error.message} if r.error else None
    return {**_change(r.change), "done": r.done, "skipped": r.skipped, "error": error}


def _counts(plan: Plan) -> dict[str, int]:
    return {
        "add": len(plan.of(Create)),
        "change": len(plan.of(Update)),
        "delete": len(plan.of(Delete)),
        "release": len(plan.of(Release)),
        "drifted": len(plan.drifted),
        "unchanged": len(plan.unchanged),
    }


def _change(change: Change) -> dict[str, Any]:
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
        case Release():
            return {"action": "release", "name": change.name, "id": change.before.id}
        case _:
            assert_never(change)


def _known(o: Observed) -> dict[str, str]:
    return {"name": o.stamp.manifest if o.stamp else o.label, "id": o.id}
