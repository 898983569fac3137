"""`orchestrator adopt NAME=ID`: take over an assistant that exists at the target."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import options, output

if TYPE_CHECKING:
    from orchestrator.reconcile.desired import Desired
    from orchestrator.workspace import Workspace


@click.command(name="adopt")
@click.argument("pairs", nargs=-1, required=True, metavar="NAME=ID…")
@options.folder
@options.environment
@options.project
@options.output
@options.yes
@options.data
@click.option("--from", "taken_from", metavar="OWNER", help="Its owner until now, as project/environment.")
def command(pairs: tuple[str, ...], fmt: str, yes: bool, taken_from: str | None, **given: Any) -> int:
    """Make the assistant ID the one of the manifest NAME. Only its mark is written; plan shows what would change."""
    from orchestrator.workspace import Workspace

    wanted = _pairs(pairs)
    work = Workspace.read(options.settings(**given))
    work.raise_for_errors()
    chosen = [(_declared(work, name), known) for name, known in wanted.items()]
    return asyncio.run(_adopt(work, chosen, taken_from, fmt=fmt, yes=yes))


async def _adopt(
    work: Workspace, chosen: list[tuple[Desired, str]], taken_from: str | None, *, fmt: str, yes: bool
) -> int:
    from orchestrator.applying import session
    from orchestrator.cli.handing import hand_over
    from orchestrator.reconcile import owning

    async with work.target() as target:
        there = await target.observe()
        handovers = [
            owning.adopt(want, known, there, owner=work.owner, taken_from=taken_from) for want, known in chosen
        ]
        whom = ", ".join(f"{one.name} = {one.before.id}" for one in handovers)
        loser = f" from '{taken_from}'" if taken_from else ""
        if not yes and not output.confirm(f"Take over {whom}{loser} for '{work.owner}'?", flag="--yes"):
            output.say("Nothing was changed.")
            return 1
        async with session(work, target, say=output.say) as mine:
            return await hand_over(mine, handovers, target, fmt, done="adopted")


def _pairs(pairs: tuple[str, ...]) -> dict[str, str]:
    """Ids by name; each of both once."""
    from orchestrator.errors import SettingsError

    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, known = pair.partition("=")
        if not (name and equals and known):
            raise SettingsError(f"'{pair[:80]}' is no NAME=ID.", hint="the name of a manifest, '=', an assistant's id")
        if name in found or known in found.values():
            raise SettingsError(f"'{pair[:80]}' gives a name or an id twice.", hint="one manifest has one assistant")
        found[name] = known
    return found


def _declared(work: Workspace, name: str) -> Desired:
    from orchestrator.diagnostics import did_you_mean
    from orchestrator.errors import SettingsError

    found = work.find(name)
    if found is None:
        hint = did_you_mean(name, work.loaded.assistants) or "write its manifest first"
        raise SettingsError(f"There is no assistant '{name[:80]}' in the manifests.", hint=hint)
    return found
