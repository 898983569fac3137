"""`orchestrator resume NAME`: end the hold of a rollback."""

from __future__ import annotations

from typing import Any

import click

from orchestrator.cli import options, output


@click.command(name="resume")
@click.argument("name")
@options.folder
@options.environment
@options.project
@options.data
def command(name: str, **given: Any) -> int:
    """Let plan and apply see to NAME again."""
    from orchestrator.applying import journal_of
    from orchestrator.errors import SettingsError
    from orchestrator.journal import history
    from orchestrator.workspace import Workspace

    work = Workspace.read(options.settings(**given))
    with journal_of(work) as journal:
        if not history.resume(journal, work.owner, name):
            raise SettingsError(f"'{name[:80]}' is not held.", hint="orchestrator plan shows what is")
    output.say(f"'{name}' follows its manifest again.")
    return 0
