"""What became of an apply, for people. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.reconcile.changes import Change, Create, Delete, Release, Update
from orchestrator.reconcile.results import Result
from orchestrator.reconcile.visible import line


def change_name(change: Change) -> str:
    """The manifest that a change is about."""
    return change.name if isinstance(change, Delete | Release) else change.after.name


def results_text(results: Sequence[Result]) -> str:
    """What became of each change that failed, and the counts."""
    lines = [f"! {change_name(r.change)}: {r.error.code} {line(r.error.message)}" for r in results if r.error]
    lines += [
        f"! {change_name(r.change)}: {'done' if r.done else 'failed'}, but not in the journal: "
        f"{r.unrecorded.code} {line(r.unrecorded.message)}"
        for r in results
        if r.unrecorded
    ]
    skipped = [change_name(r.change) for r in results if r.skipped]
    if skipped:
        lines.append(f"  not tried: {', '.join(skipped[:10])}")
    done = [r.change for r in results if r.done]
    counts = [sum(type(c) is kind for c in done) for kind in (Create, Update, Delete, Release)]
    failed = sum(r.error is not None for r in results)
    tail = f", {counts[3]} released" if counts[3] else ""
    tail += (f", {failed} failed" if failed else "") + (f", {len(skipped)} not tried" if skipped else "")
    return "\n".join([*lines, f"Applied: {counts[0]} added, {counts[1]} changed, {counts[2]} deleted{tail}."])
