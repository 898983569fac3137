"""`orchestrator serve`: the Assistant API alone."""

from __future__ import annotations

from typing import Any

import click

from orchestrator.cli import options, output


@click.command(name="serve")
@options.folder
@options.host
@options.port
@options.data
@options.run_timeout
def command(**given: Any) -> None:
    """Serve the Assistant API until a signal comes. The offline model answers; `up` brings models and functions."""
    from orchestrator.embedded import running
    from orchestrator.server.models.directory import Directory, Route
    from orchestrator.server.models.scripted import ScriptedModel
    from orchestrator.server.serving import run, signals
    from orchestrator.settings import Settings

    settings: Settings = options.settings(**given)

    async def main() -> None:
        models = Directory([Route(match="*", model=ScriptedModel(None))])
        with signals() as called:
            async with running(settings, models=models) as address:
                output.say(f"Serving the Assistant API on {address}/api/v1, data in {settings.data}. Ctrl-C stops.")
                await called.wait()
                output.say("Stopping …")

    run(main)
