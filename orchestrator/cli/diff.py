"""`orchestrator diff`: what a change of the folder means for the assistants, without any target or network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import options, output, reporting
from orchestrator.cli.judging import refuse_secrets

if TYPE_CHECKING:
    from orchestrator.reconcile.changes import Change
    from orchestrator.reconcile.plans import Plan
    from orchestrator.reconcile.review import Recorded
    from orchestrator.settings import Settings
    from orchestrator.workspace import Workspace

DIFFERENT = 2


@click.command(name="diff")
@options.folder
@options.environment
@options.project
@options.selecting
@reporting.options
@click.option("--base", metavar="REV", default="HEAD", show_default=True, help="The revision to compare with.")
@click.option("--head", metavar="REV", help="The revision that is compared (default: the files as they are).")
def command(base: str, head: str | None, select: tuple[str, ...], exclude: tuple[str, ...], **given: Any) -> int:
    """Compare two revisions of the folder, rendered for one environment. Exit code 2 if they differ."""
    from orchestrator.reconcile.comparing import difference
    from orchestrator.reconcile.desiring import facts
    from orchestrator.reconcile.selecting import choice, narrow

    chosen = choice(select, exclude)
    wanted = reporting.take(given)
    settings = options.settings(**given)
    before, after = read(settings, base), read(settings, head)
    known = {**facts(before.selection.assistants), **facts(after.selection.assistants)}
    return show(narrow(difference(before.desired, after.desired), chosen, known), wanted, before, after)


def show(found: Plan, wanted: reporting.Wanted, before: Workspace, after: Workspace) -> int:
    """Print a comparison with its causes, which the inputs of both sides tell; the exit code.

    Raises:
        AgainstPolicy: either side would show a secret.
    """
    changed = {name_of(change) for change in found.changes}
    for side in (before, after):
        refuse_secrets(side, [one for one in side.desired if one.name in changed])
    reporting.show(found, wanted, recorded(before))
    return 0 if found.empty else DIFFERENT


def name_of(change: Change) -> str:
    """The assistant that a change is about."""
    after = getattr(change, "after", None)
    return str(after.name if after is not None else getattr(change, "name", ""))


def recorded(before: Workspace) -> Recorded:
    """The inputs of assistants as they were."""
    known = {one.name: one for one in before.desired}
    return lambda name: known[name].inputs() if name in known else None


def read(settings: Settings, revision: str | None) -> Workspace:
    """The project as it is, or as it was in a revision.

    Raises: ManifestsInvalid, PluginsInvalid, SettingsError.
    """
    from dataclasses import replace

    from orchestrator.revisions import checked_out
    from orchestrator.workspace import Workspace

    if revision is None:
        return _sound(Workspace.read(settings))
    with checked_out(settings.folder, revision) as folder:
        return _sound(Workspace.read(replace(settings, folder=Path(folder))), revision)


def _sound(work: Workspace, revision: str | None = None) -> Workspace:
    """Refuse what could not be rendered: a comparison of half the assistants would mislead."""
    if revision and any(one.severity == "error" for one in work.diagnostics):
        output.say(f"In revision {revision}:")
    work.raise_for_errors()
    return work
