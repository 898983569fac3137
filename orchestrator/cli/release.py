"""`orchestrator release NAME`: let go of an assistant; it stays as it is, and is ours no more."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import options, output

if TYPE_CHECKING:
    from orchestrator.workspace import Workspace


@click.command(name="release")
@click.argument("names", nargs=-1, required=True, metavar="NAME|ID…")
@options.folder
@options.environment
@options.project
@options.output
@options.yes
@options.data
def command(names: tuple[str, ...], fmt: str, yes: bool, **given: Any) -> int:
    """Take our mark off assistants. They stay; what is still declared is made anew by the next apply."""
    from orchestrator.workspace import Workspace

    work = Workspace.read(options.settings(**given))
    work.raise_for_errors()
    return asyncio.run(_release(work, tuple(dict.fromkeys(names)), fmt=fmt, yes=yes))


async def _release(work: Workspace, names: tuple[str, ...], *, fmt: str, yes: bool) -> int:
    from orchestrator.applying import session
    from orchestrator.cli.handing import hand_over
    from orchestrator.reconcile import owning

    async with work.target() as target:
        there = await target.observe()
        found = [owning.release(name, there, owner=work.owner) for name in names]
        handovers = list({one.before.id: one for one in found}.values())
        for one in handovers:
            if work.find(one.name) is not None:
                output.say(f"'{one.name}' is still declared: the next apply makes a new one beside it.")
        whom = ", ".join(f"{one.name} ({one.before.id})" for one in handovers)
        if not yes and not output.confirm(f"Let go of {whom}?", flag="--yes"):
            output.say("Nothing was changed.")
            return 1
        async with session(work, target, say=output.say) as mine:
            return await hand_over(mine, handovers, target, fmt, done="released")
