"""`orchestrator up`: server, manifests and functions together; the main job."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import options, output

if TYPE_CHECKING:
    from orchestrator.controller.loop import Voice
    from orchestrator.server.announcing import Place
    from orchestrator.server.models.directory import Directory
    from orchestrator.workspace import Workspace


@click.command(name="up")
@options.folder
@options.project
@options.host
@options.port
@options.data
@options.run_timeout
@options.operating
def command(**given: Any) -> int:
    """Serve, apply assistants.d, perform functions of plugins, until a signal comes."""
    from orchestrator.server.serving import run
    from orchestrator.settings import LOCAL
    from orchestrator.workspace import Workspace

    work = Workspace.read(options.served(environment=LOCAL, **given))
    work.raise_for_errors()
    output.warnings(work.diagnostics)
    return run(lambda: _up(work))


async def _up(work: Workspace) -> int:
    from orchestrator.controller import Controller
    from orchestrator.controller.watching import watch
    from orchestrator.server.serving import settle, signals

    with signals() as called:
        models, functions = work.models(), work.functions()
        controller = Controller(work, functions, _voice())
        async with work.serve(functions, models) as place, asyncio.TaskGroup() as tasks:
            if not await controller.look(read=False):
                output.say("Not everything could be applied; the server goes on with what is there.")
            _greet(work, place, models)
            settle()
            folders = (work.settings.manifests, work.settings.plugins)
            tasks.create_task(watch(folders, controller.nudge, stop=called))
            tasks.create_task(controller.run(called))
            await called.wait()
            output.say("Stopping …")
    return 0


def _voice() -> Voice:
    from orchestrator.controller.loop import Voice
    from orchestrator.reconcile import reports

    return Voice(
        say=output.say,
        plan=lambda work, planned: output.changes(reports.plan_text(planned, work.recorded(planned))),
        results=lambda results: output.data(reports.results_text(results)),
    )


def _greet(work: Workspace, place: Place, models: Directory) -> None:
    names = [one.name for one in work.desired]
    output.say(f"Functions: {', '.join(work.registry.names) or 'none'}.")
    output.say(f"Serving the Assistant API on {place}/api/v1, data in {work.settings.data}. Ctrl-C stops.")
    output.entry(place)
    output.models(models)
    if names:
        name = "weather" if "weather" in names else names[0]
        output.say("Talk to it from a second shell:")
        output.say(f'  {_program()} ask {name} "Hello"')
        output.say(f"  {_program()} chat {name}")
    output.say("Or with the dashscope SDK:")
    output.say(f'  dashscope.base_http_api_url = "{place}/api/v1"')


def _program() -> str:
    """How this program is called from a second shell in the same folder."""
    if shutil.which("orchestrator"):
        return "orchestrator"
    called = Path(sys.argv[0]).absolute()
    here = Path.cwd()
    return str(called.relative_to(here)) if called.is_relative_to(here) else str(called)
