"""`orchestrator drift`: what somebody changed at the target by hand. Never writes."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from orchestrator.cli import options, output
from orchestrator.cli.plan import look

DRIFTED = 3


@click.command(name="drift")
@options.folder
@options.environment
@options.project
@options.selecting
@options.output
@options.data
def command(fmt: str, select: tuple[str, ...], exclude: tuple[str, ...], **given: Any) -> int:
    """Show the fields of our assistants that somebody changed at the target. Exit code 3 if there are any."""
    from dataclasses import replace

    from orchestrator.reconcile import reports
    from orchestrator.reconcile.selecting import choice
    from orchestrator.workspace import Workspace

    work = Workspace.read(options.settings(**given))
    work.raise_for_errors()
    planned = asyncio.run(look(work, chosen=choice(select, exclude)))
    if fmt == "json":
        output.json(reports.plan_json(replace(planned, changes=tuple(planned.drifted))))
    else:
        output.changes(reports.drift_text(planned))
    return DRIFTED if planned.drifted else 0
