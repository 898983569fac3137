"""`orchestrator log`: what was applied from this machine, or the revisions of one assistant."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import options, output

if TYPE_CHECKING:
    from orchestrator.reconcile.observed import Observed
    from orchestrator.workspace import Workspace


@click.command(name="log")
@click.argument("name", required=False)
@options.folder
@options.environment
@options.project
@options.output
@options.data
@click.option("-n", "most", type=click.IntRange(1), default=20, show_default=True, help="At most so many.")
def command(name: str | None, fmt: str, most: int, **given: Any) -> int:
    """Show applies, newest first; with NAME the revisions of that assistant."""
    from orchestrator.workspace import Workspace

    work = Workspace.read(options.settings(**given))
    return _revisions(work, name, fmt, most) if name else _applies(work, fmt, most)


def _applies(work: Workspace, fmt: str, most: int) -> int:
    from dataclasses import asdict

    from orchestrator.applying import journal_of
    from orchestrator.journal.applies import applies, steps
    from orchestrator.journal.leases import moment

    with journal_of(work) as journal:
        found = applies(journal, work.owner, most=most)
        tried = {one.id: steps(journal, one.id) for one in found} if fmt == "json" else {}
    if fmt == "json":
        told = [{**asdict(one), "steps": [asdict(step) for step in tried[one.id]]} for one in found]
        output.json({"format_version": 1, "owner": work.owner, "applies": told})
    elif found:
        rows = [
            (
                str(one.id),
                moment(one.started),
                one.who,
                one.verb,
                f"{(one.commit or '-')[:12]}{'+' if one.dirty else ''}",
                one.plan[:12],
                one.outcome or "never ended",
            )
            for one in found
        ]
        output.table([("ID", "WHEN", "WHO", "VERB", "FOLDER", "PLAN", "OUTCOME"), *rows])
    else:
        output.say("Nothing was applied from here yet.")
    return 0


def _revisions(work: Workspace, name: str, fmt: str, most: int) -> int:
    from orchestrator.applying import journal_of
    from orchestrator.journal import history
    from orchestrator.journal.leases import moment

    with journal_of(work) as journal:
        found = history.revisions(journal, work.owner, name)[:most]
        held = history.holds(journal, work.owner).get(name)
    now = asyncio.run(_now(work, name)) if not found else None
    if fmt == "json":
        told = [{"revision": r.number, "time": r.time, "apply": r.apply, "file": r.file} for r in found]
        stamp = now and now.stamp and {"revision": now.stamp.revision, "fields": dict(now.stamp.fields)}
        output.json(
            {"format_version": 1, "name": name, "revisions": told, "held": held and held.revision, "stamp": stamp}
        )
    elif found:
        output.table([("REVISION", "WHEN", "APPLY", "FILE"), *(_row(r, moment(r.time)) for r in found)])
    elif now is not None and now.stamp is not None:
        output.say(f"No revision of '{name}' is recorded here; the target's stamp says revision {now.stamp.revision}.")
    else:
        output.say(f"No revision of '{name}' is recorded here, and the target has none that is ours.")
    return 0


def _row(revision: Any, when: str) -> tuple[str, str, str, str]:
    return (str(revision.number), when, str(revision.apply), revision.file)


async def _now(work: Workspace, name: str) -> Observed | None:
    async with work.target() as target:
        ours = [o for o in await target.observe() if o.stamp is not None and o.stamp.owner == work.owner]
    return next((o for o in ours if o.stamp is not None and o.stamp.manifest == name), None)
