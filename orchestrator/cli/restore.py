"""`orchestrator restore`: a data folder out of a backup."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from orchestrator.cli import options, output


@click.command(name="restore")
@click.argument("archive", metavar="FILE")
@options.folder
@options.data
@click.option("--replace", is_flag=True, help="Lay aside the data that is there.")
@options.output
def command(archive: str, replace: bool, fmt: str, **given: Any) -> None:
    """Make a data folder of a backup; every part of it is checked first. No server may run on the folder."""
    from orchestrator.server.backup.restoring import restore

    settings = options.settings(**given)
    done = restore(Path(archive).absolute(), settings.data, replace=replace)
    held = done.contents
    if fmt == "json":
        told = {"data": str(settings.data), "aside": done.aside and str(done.aside), "seconds": round(done.seconds, 3)}
        output.json({**asdict(held), **told, "format_version": 1})
        return
    output.say(
        f"{settings.data} is as it was at {held.made_at}: {held.threads} threads, {held.messages} messages, "
        f"{held.runs} runs, {held.files} files; checked and in place after {done.seconds:.1f} s (RTO, less the start)."
    )
    if done.aside is not None:
        output.say(f"What was there before lies in {done.aside}.")
