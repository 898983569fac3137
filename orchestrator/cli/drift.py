"""`orchestrator drift`: what somebody changed at the target by hand. Never writes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import options, output

if TYPE_CHECKING:
    from orchestrator.reconcile.plans import Plan
    from orchestrator.workspace import Workspace

DRIFTED = 3


@click.command(name="drift")
@options.folder
@options.environment
@options.project
@options.output
@options.data
def command(fmt: str, **given: Any) -> int:
    """Show the fields of our assistants that somebody changed at the target. Exit code 3 if there are any."""
    from dataclasses import replace

    from orchestrator.reconcile import report
    from orchestrator.workspace import Workspace

    work = Workspace.read(options.settings(**given))
    work.raise_for_errors()
    planned = asyncio.run(_plan(work))
    if fmt == "json":
        output.json(report.plan_json(replace(planned, changes=tuple(planned.drifted))))
    else:
        output.changes(report.drift_text(planned))
    return DRIFTED if planned.drifted else 0


async def _plan(work: Workspace) -> Plan:
    async with work.target() as target:
        return await work.plan(target)
