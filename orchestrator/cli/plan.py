"""`orchestrator plan`: what apply would do. Never writes."""

from __future__ import annotations

import asyncio
import pathlib
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import options, output, reporting

if TYPE_CHECKING:
    from orchestrator.reconcile.plans import Plan
    from orchestrator.reconcile.selecting import Choice
    from orchestrator.workspace import Workspace

PENDING = 2


@click.command(name="plan")
@options.folder
@options.environment
@options.project
@options.selecting
@reporting.options
@options.data
@click.option("--base", metavar="REV", help="Name causes by comparing with that revision of the folder.")
@click.option("--prune", is_flag=True, help="Also plan to delete what is ours and no longer declared.")
@click.option("--dedupe", is_flag=True, help="Also plan to delete second ones of ours with one name; the oldest stays.")
@click.option(
    "-o", "file", type=click.Path(dir_okay=False, path_type=pathlib.Path), metavar="FILE", help="Save it for apply."
)
@click.option("--max-deletes", type=click.IntRange(0), metavar="N", help="Agree to so many deletions.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 if there are changes.")
def command(
    *,
    base: str | None,
    prune: bool,
    dedupe: bool,
    detailed_exitcode: bool,
    select: tuple[str, ...],
    exclude: tuple[str, ...],
    **given: Any,
) -> int:
    """Compare manifests and target, and show what apply would do."""
    from orchestrator.cli.diff import read, recorded
    from orchestrator.cli.judging import judged
    from orchestrator.reconcile.selecting import choice
    from orchestrator.workspace import Workspace

    wanted = reporting.take(given)
    file, max_deletes = given.pop("file"), given.pop("max_deletes")
    work = Workspace.read(options.settings(**given))
    work.raise_for_errors()
    output.warnings(work.diagnostics)
    planned = asyncio.run(look(work, prune=prune, dedupe=dedupe, chosen=choice(select, exclude)))
    verdict = judged(work, planned)
    reporting.show(
        planned,
        wanted,
        work.recorded(planned) if base is None else recorded(read(work.settings, base)),
        verdict.diagnostics,
    )
    work.check(planned, deletes=max_deletes)
    verdict.raise_for_errors()
    if file is not None:
        from orchestrator.applying import save_plan

        save_plan(work, planned, file)
        output.say(f"Saved. To carry out exactly this: orchestrator apply {file}")
    return PENDING if detailed_exitcode and not planned.empty else 0


async def look(work: Workspace, *, prune: bool = False, dedupe: bool = False, chosen: Choice | None = None) -> Plan:
    """The plan for the environment's target, which is opened and closed again."""
    async with work.target() as target:
        return await work.plan(target, prune=prune, dedupe=dedupe, chosen=chosen)
