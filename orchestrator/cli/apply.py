"""`orchestrator apply`: bring the target in line."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import options, output

if TYPE_CHECKING:
    from orchestrator.reconcile.plans import Plan
    from orchestrator.reconcile.results import Result
    from orchestrator.workspace import Workspace

IN_PART = 5


@click.command(name="apply")
@options.folder
@options.environment
@options.project
@options.output
@options.yes
@click.option("--prune", is_flag=True, help="Also delete what is ours and no longer declared.")
def command(fmt: str, yes: bool, prune: bool, **given: Any) -> int:
    """Plan, ask, and carry out the plan."""
    from orchestrator.workspace import Workspace

    work = Workspace.read(options.settings(**given))
    work.raise_for_errors()
    output.warnings(work.diagnostics)
    return asyncio.run(_apply(work, fmt=fmt, yes=yes, prune=prune))


async def _apply(work: Workspace, *, fmt: str, yes: bool, prune: bool) -> int:
    from orchestrator.reconcile import report

    async with work.target() as target:
        planned = await work.plan(target, prune=prune)
        if fmt == "text":
            output.changes(report.plan_text(planned))
        work.check(planned)
        if planned.empty:
            results: list[Result] = []
        elif not yes and not output.confirm(f"Apply these changes to '{work.settings.environment}'?", flag="--yes"):
            output.say("Nothing was changed.")
            return 1
        else:
            results = await work.apply(planned, target)
    return show(planned, results, fmt)


def show(planned: Plan, results: list[Result], fmt: str) -> int:
    """Tell what became of a plan; the exit code."""
    from orchestrator.reconcile import report

    if fmt == "json":
        output.json(report.results_json(planned, results))
    elif results:
        output.data(report.results_text(results))
    done = sum(result.done for result in results)
    if done == len(results):
        return 0
    return IN_PART if done else 1
