"""`orchestrator compare`: how two environments differ, as the files declare them; no target is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import options, reporting
from orchestrator.cli.diff import show

if TYPE_CHECKING:
    from orchestrator.workspace import Workspace


@click.command(name="compare")
@click.argument("first", metavar="ENV1")
@click.argument("second", metavar="ENV2")
@options.folder
@options.selecting
@reporting.options
def command(first: str, second: str, select: tuple[str, ...], exclude: tuple[str, ...], **given: Any) -> int:
    """Show what ENV2 has otherwise than ENV1: assistants, models, rendered instructions, tools. Exit code 2 if any."""
    from orchestrator.reconcile.comparing import difference
    from orchestrator.reconcile.desiring import facts
    from orchestrator.reconcile.selecting import choice, narrow

    wanted = reporting.take(given)
    chosen = choice(select, exclude)
    before, after = _read(first, **given), _read(second, **given)
    known = {**facts(before.selection.assistants), **facts(after.selection.assistants)}
    return show(narrow(difference(before.desired, after.desired), chosen, known), wanted, before, after)


def _read(environment: str, **given: Any) -> Workspace:
    from orchestrator.workspace import Workspace

    work = Workspace.read(options.settings(environment=environment, **given))
    work.raise_for_errors()
    return work
