"""`orchestrator show NAME@REV`: what was written as a revision of an assistant."""

from __future__ import annotations

from typing import Any

import click

from orchestrator.cli import options, output


@click.command(name="show")
@click.argument("name", metavar="NAME@REV")
@options.folder
@options.environment
@options.project
@options.output
@options.data
def command(name: str, fmt: str, **given: Any) -> int:
    """Show a recorded revision; without @REV the newest one. Tokens are not recorded."""
    import orjson

    from orchestrator.applying import journal_of
    from orchestrator.errors import SettingsError
    from orchestrator.journal import history
    from orchestrator.workspace import Workspace

    name, _, number = name.partition("@")
    if number and not number.isdecimal():
        raise SettingsError(f"'{number[:40]}' is no revision.", hint="NAME@NUMBER, as in weather@3")
    work = Workspace.read(options.settings(**given))
    with journal_of(work) as journal:
        found = history.revisions(journal, work.owner, name)
    one = next((r for r in found if not number or r.number == int(number)), None)
    if one is None:
        raise SettingsError(f"'{name}@{number or '…'}' is not recorded here.", hint=f"orchestrator log {name}")
    if fmt == "json":
        told = {"revision": one.number, "time": one.time, "apply": one.apply, "protect": one.protect}
        output.json({"format_version": 1, "name": name, **told, "assistant": one.body})
        return 0
    for field, value in one.body.items():
        shown = value if isinstance(value, str) else orjson.dumps(value).decode()
        output.changes(f"{field}: {shown}" if "\n" not in shown else f"{field}:\n  " + shown.replace("\n", "\n  "))
    return 0
