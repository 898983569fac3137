"""`orchestrator render NAME`: an assistant as it will be at the target."""

from __future__ import annotations

from typing import Any

import click

from orchestrator.cli import options, output
from orchestrator.cli.judging import refuse_secrets


@click.command(name="render")
@click.argument("name")
@options.folder
@options.environment
@options.output
@click.option("--instructions", is_flag=True, help="Only the instructions.")
def command(name: str, fmt: str, instructions: bool, **given: Any) -> None:
    """Show the assistant NAME as it will be at the target: rendered, patched, its tools resolved. No secrets."""
    from orchestrator.diagnostics import did_you_mean
    from orchestrator.errors import SettingsError
    from orchestrator.reconcile.body import comparable
    from orchestrator.reconcile.review import tool_name
    from orchestrator.workspace import Workspace

    work = Workspace.read(options.settings(**given))
    found = work.find(name)
    if found is None:
        work.raise_for_errors()
        hint = did_you_mean(name, work.loaded.assistants)
        raise SettingsError(f"There is no assistant '{name}'.", hint=hint or "no assistant is declared")
    refuse_secrets(work, [found])
    body = {field: comparable(field, value) for field, value in found.body.items()}
    text = str(body.get("instructions") or "")
    if instructions:
        output.data(text)
    elif fmt == "json":
        output.json({"format_version": 1, "name": found.name, "file": found.place.file, "assistant": body})
    else:
        for field, value in body.items():
            if field == "tools":
                output.data(f"tools: {', '.join(tool_name(tool) for tool in value or ())}")
            elif field != "instructions":
                output.data(f"{field}: {value}")
        output.data(f"\n{text}")
