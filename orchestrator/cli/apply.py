"""`orchestrator apply`: bring the target in line."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import options, output

if TYPE_CHECKING:
    from orchestrator.reconcile.observed import Target
    from orchestrator.reconcile.plans import Plan
    from orchestrator.reconcile.selecting import Choice
    from orchestrator.workspace import Workspace

IN_PART = 5
INTERRUPTED = 130


@click.command(name="apply")
@options.folder
@options.environment
@options.project
@options.selecting
@options.output
@options.yes
@options.data
@click.option("--prune", is_flag=True, help="Also delete what is ours and no longer declared.")
def command(fmt: str, yes: bool, prune: bool, select: tuple[str, ...], exclude: tuple[str, ...], **given: Any) -> int:
    """Plan, ask, and carry out the plan."""
    from orchestrator.reconcile.selecting import choice
    from orchestrator.workspace import Workspace

    work = Workspace.read(options.settings(**given))
    work.raise_for_errors()
    output.warnings(work.diagnostics)
    return asyncio.run(_apply(work, choice(select, exclude), fmt=fmt, yes=yes, prune=prune))


async def _apply(work: Workspace, chosen: Choice, *, fmt: str, yes: bool, prune: bool) -> int:
    async with work.target() as target:
        planned = await work.plan(target, prune=prune, chosen=chosen)
        show_plan(planned, fmt)
        work.check(planned)
        question = f"Apply these changes to '{work.settings.environment}'?"
        if not planned.empty and not yes and not output.confirm(question, flag="--yes"):
            output.say("Nothing was changed.")
            return 1
        return await carry_out(work, planned, target, fmt)


def show_plan(planned: Plan, fmt: str) -> None:
    """The plan as text: as data, or beside the data where these are JSON."""
    from orchestrator.reconcile import reports

    if fmt == "text":
        output.changes(reports.plan_text(planned))
    elif planned.changes:
        output.say(reports.plan_text(planned))


async def carry_out(work: Workspace, planned: Plan, target: Target, fmt: str) -> int:
    """Apply a plan and tell what became of it; the exit code. Ctrl-C lets what is in flight end."""
    from orchestrator.reconcile import reports
    from orchestrator.server.serving import signals

    with signals() as called:
        results = await work.apply(planned, target, stopping=called.is_set)
    if fmt == "json":
        output.json(reports.results_json(planned, results))
    elif results:
        output.data(reports.results_text(results))
    done = sum(result.done for result in results)
    if called.is_set() and done < len(results):
        return INTERRUPTED
    return 0 if done == len(results) else IN_PART if done else 1
