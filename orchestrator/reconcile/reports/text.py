"""A plan for people at a terminal, riskiest changes first. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.reconcile.changes import Update
from orchestrator.reconcile.plans import Plan
from orchestrator.reconcile.reports import words
from orchestrator.reconcile.reports.outcome import change_name
from orchestrator.reconcile.reports.shape import Line, Shape, lines, marked
from orchestrator.reconcile.reports.words import summary
from orchestrator.reconcile.review import Passage, Review, Reviewed, review
from orchestrator.reconcile.sides import Sides
from orchestrator.reconcile.visible import line, visible

__all__ = ["change_name", "drift_text", "render", "summary"]

_SIGNS = {"same": "|", "added": "+", "removed": "-", "changed": "~", "moved": "→", "heading": "#", "gap": "…"}


def render(found: Review, shape: Shape) -> str:
    """What will be done, change by change, with the summary as its last line."""
    told = [text for one in found.changes for text in change_lines(one, shape)]
    told += [f"  {text}" for text in words.left_alone(found.plan)]
    told += [f"Cause: {words.cause_line(shared)}" for shared in found.causes if len(shared.names) > 1]
    if found.changes:
        told.append(f"Risk: {words.risk_line(found)}.")
    return "\n".join([*told, summary(found.plan)])


def drift_text(plan: Plan, three: Sequence[Sides] = ()) -> str:
    """Only what somebody changed at the target, field by field; `three`: who moved, and what was applied."""
    moved = {(one.name, one.field): one for one in three}
    told: list[str] = []
    for one in review(plan).changes:
        if isinstance(one.change, Update) and one.change.cause != "edited":
            told.append(_head(one))
            for p in one.passages:
                if p.difference.drifted:
                    told += _passage(p, Shape())
                    told += _side(moved.get((one.name, p.difference.field)))
    count = len(plan.drifted)
    return "\n".join([*told, f"Drift: {count} drifted, {len(plan.unchanged)} in line." if count else "No drift."])


def _side(one: Sides | None) -> list[str]:
    if one is None:
        return []
    last = [f"        applied last: {line(words.short(one.applied))}"] if one.known and one.moved == "both" else []
    return [f"        {one.sentence}", *last]


def change_lines(one: Reviewed, shape: Shape) -> Iterator[str]:
    """One change with all that is known of it."""
    yield _head(one)
    if one.risk.level != "low" or one.risk.reasons:
        reasons = line("; ".join(words.reasons(one)))
        yield f"    risk: {one.risk.level}" + (f" – {reasons}" if reasons else "")
    yield from (f"    * {line(sentence)}" for sentence in one.capabilities)
    if causes := [str(cause) for cause in one.causes if cause.kind not in ("edited", "drift")]:
        yield f"    because {line('; '.join(causes))}"
    if tokens := words.tokens_line(one):
        yield f"    {tokens}"
    for passage in words.passages(one, shape):
        yield from _passage(passage, shape)
    if isinstance(one.change, Update) and not one.passages:
        yield "    only our mark is renewed"


def _head(one: Reviewed) -> str:
    about = f"{one.place}" if one.action == "create" else one.id or ""
    if isinstance(one.change, Update):
        about = f"{one.change.cause}; {about}"
        if one.change.renamed_from:
            return f"{words.sign(one)} {line(one.name)}  ({line(about)}) → renamed from {line(one.change.renamed_from)}"
    return f"{words.sign(one)} {line(one.name)}  ({line(about)})"


def _passage(passage: Passage, shape: Shape) -> Iterator[str]:
    d = passage.difference
    note = "  (changed at the target)" if d.drifted else ""
    if passage.text is not None and (d.field == "instructions" or "\n" in f"{d.before or ''}{d.after or ''}"):
        yield f"    {d.field}:{note}"
        yield from (f"      {_drawn(one)}" for one in lines(passage.text, shape))
    elif d.field == "tools":
        yield f"    tools:{note}"
        yield from (f"      {text}" for text in words.field_lines(d))
    else:
        yield from (f"    {d.field}: {text}{note}" for text in words.field_lines(d))


def _drawn(one: Line) -> str:
    return f"{_SIGNS[one.mark]} {visible(marked(one))}".rstrip()
