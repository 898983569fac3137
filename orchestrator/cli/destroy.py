"""`orchestrator destroy`: delete every assistant of this project in an environment."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import carrying, options, output

if TYPE_CHECKING:
    from orchestrator.workspace import Workspace


@click.command(name="destroy")
@options.folder
@options.environment
@options.project
@options.output
@options.yes
@options.data
def command(fmt: str, yes: bool, **given: Any) -> int:
    """Delete every assistant that bears our stamp; protected, retained and unmanaged ones stay."""
    from orchestrator.workspace import Workspace

    work = Workspace.read(options.settings(**given))
    work.raise_for_errors()
    return asyncio.run(_destroy(work, fmt=fmt, yes=yes))


async def _destroy(work: Workspace, *, fmt: str, yes: bool) -> int:
    from orchestrator.applying import session
    from orchestrator.cli.apply import show_plan
    from orchestrator.errors import UnsafePlan
    from orchestrator.reconcile.changes import Delete, Release

    if work.environment.value.spec.policy.prune == "never":
        raise UnsafePlan("This environment never deletes (policy.prune: never).", hint="change the Environment first")
    async with work.target() as target:
        planned = await work.plan_destroy(target)
        show_plan(work, planned, fmt)
        count, kept = len(planned.of(Delete)), len(planned.of(Release))
        also = f" and let go of {kept}" if kept else ""
        question = f"Delete {count} assistants{also} from '{work.settings.environment}'? This can't be undone."
        if planned.changes and not yes and not output.confirm(question, flag="--yes"):
            output.say("Nothing was deleted.")
            return 1
        async with session(work, target, say=output.say) as mine:
            return await carrying.carry_out(mine, planned, target, carrying.Manner(fmt=fmt, verb="destroy"))
