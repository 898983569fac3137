"""`orchestrator rollback NAME [REV]`: write an earlier revision again, and hold it until the manifest changes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import carrying, options, output

if TYPE_CHECKING:
    from orchestrator.workspace import Workspace


@click.command(name="rollback")
@click.argument("name")
@click.argument("revision", type=click.IntRange(1), required=False)
@options.folder
@options.environment
@options.project
@options.output
@options.yes
@options.data
def command(name: str, revision: int | None, fmt: str, yes: bool, **given: Any) -> int:
    """Write the revision before the last one, or REVISION, as a new one, and hold it until its file changes."""
    from orchestrator.workspace import Workspace

    work = Workspace.read(options.settings(**given))
    work.raise_for_errors()
    return asyncio.run(_rollback(work, name, revision, fmt=fmt, yes=yes))


async def _rollback(work: Workspace, name: str, revision: int | None, *, fmt: str, yes: bool) -> int:
    from orchestrator import applying
    from orchestrator.cli.apply import show_plan
    from orchestrator.cli.judging import judged

    async with work.target() as target:
        if not yes:
            with applying.journal_of(work) as journal:
                planned = await applying.plan_rollback(work, journal, target, name, revision)
            verdict = judged(work, planned)
            show_plan(work, planned, fmt)
            verdict.raise_for_errors()
            if not output.confirm(f"Roll '{name}' back?", flag="--yes"):
                output.say("Nothing was changed.")
                return 1
        async with applying.session(work, target, say=output.say) as mine:
            planned = await applying.plan_rollback(work, mine.journal, target, name, revision)
            if yes:
                verdict = judged(work, planned)
                show_plan(work, planned, fmt)
                verdict.raise_for_errors()
            applying.hold(work, mine.journal, name, planned)  # first: a crash after the write must not undo it
            manner = carrying.Manner(fmt=fmt, verb="rollback")
            code = await carrying.carry_out(mine, planned, target, manner)
            if code:
                applying.history.resume(mine.journal, work.owner, name)
            else:
                output.say(f"Held until its manifest changes, or: orchestrator resume {name}")
            return code
