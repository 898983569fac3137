"""`orchestrator backup`: everything that a server keeps, as one file, while it runs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from orchestrator.cli import options, output


@click.command(name="backup")
@options.folder
@options.data
@click.option(
    "-o", "--output", "target", metavar="FILE|DIR", default=".", help="Where to (default: here, named by its time)."
)
@options.output
def command(target: str, fmt: str, **given: Any) -> None:
    """Write a backup of the server's data: database, files and the pepper of the keys. The server may run.

    A FILE that ends with .gz is compressed. Whoever has the backup has what people said: keep it well.
    """
    from orchestrator.server.backup.making import backup

    settings = options.settings(**given)
    made = backup(settings.data, Path(target).absolute())
    held = made.contents
    if fmt == "json":
        told = {"archive": str(made.archive), "seconds": round(made.seconds, 3), **asdict(held)}
        output.json({**told, "format_version": 1})
        return
    output.data(str(made.archive))
    output.say(
        f"{held.threads} threads, {held.messages} messages, {held.runs} runs, {held.files} files "
        f"({(held.database_bytes + held.file_bytes) / 1e6:.1f} MB) as of {held.made_at}, in {made.seconds:.1f} s."
    )
    output.say("What comes after that moment is not in it: the time between two backups is what can be lost (RPO).")
