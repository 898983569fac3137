"""`plugin accept`: look at the tools of an MCP server, and pin them; `plugin serve`: offer ours to others."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from orchestrator.cli import output
from orchestrator.errors import SettingsError

if TYPE_CHECKING:
    from orchestrator.functions.mcp.pins import Definition
    from orchestrator.functions.mcp.server import Server
    from orchestrator.workspace import Workspace

_SECONDS = 60.0


def accept(work: Workspace, name: str, *, yes: bool) -> int:
    """Show what is new, gone or changed since it was accepted last; pin it if a person agrees. The exit code."""
    from orchestrator.functions.mcp.pins import FILE, differences, write
    from orchestrator.manifests import writing
    from orchestrator.plugging.mcp import pins

    _needs_sdk()
    folder = work.settings.folder
    server, known = _server(work, name), dict(pins(folder))
    live = asyncio.run(_definitions(server))
    told = differences(known.get(name, ()), live)
    for one in told:
        output.changes(one)
    if not told and name in known:
        output.say(f"The {len(live)} tools of '{name}' are what was accepted.")
        return 0
    if not yes and not output.confirm(f"Accept these {len(live)} tools of '{name}'?", flag="--yes"):
        output.say("Nothing was accepted.")
        return 1
    text = write({**known, name: tuple(live)})
    before = (folder / FILE).read_text(encoding="utf-8") if (folder / FILE).exists() else None
    if before is None:
        writing.create(folder, FILE, text)
    else:
        writing.replace(folder, FILE, before, text)
    output.say(f"Accepted: {len(live)} tools of '{name}', in {FILE}. Commit that file.")
    return 0


def serve(work: Workspace, tags: tuple[str, ...]) -> None:
    """Offer the registry to an MCP client on standard input and output."""
    from orchestrator import __version__

    _needs_sdk()
    work.raise_for_errors()
    from orchestrator.functions.mcp.serving import serve_stdio

    with output.standard_output_given_back():
        asyncio.run(serve_stdio(work.registry, version=__version__, tags=tags))


def _needs_sdk() -> None:
    from importlib.util import find_spec

    if find_spec("mcp") is None:
        raise SettingsError("The extra 'mcp' is not installed.", hint="pip install 'assistant-orchestrator[mcp]'")


def _server(work: Workspace, name: str) -> Server:
    from orchestrator.diagnostics import did_you_mean
    from orchestrator.manifests import resolve
    from orchestrator.plugging.mcp import server_of

    plugin = work.loaded.plugins.get(name)
    spec = plugin.value.spec.mcp if plugin else None
    if plugin is None or spec is None:
        known = [one for one, p in work.loaded.plugins.items() if p.value.spec.mcp]
        raise SettingsError(f"There is no MCP server '{name[:80]}' in the manifests.", hint=did_you_mean(name, known))

    def secrets(place: Any, where: Any) -> str:
        return resolve(place, work.settings.environ, work.settings.folder, where=where).get_secret_value()

    return server_of(plugin, spec, secrets)


async def _definitions(server: Server) -> list[Definition]:
    from orchestrator.errors import OutOfReach
    from orchestrator.functions.mcp.connecting import connection
    from orchestrator.functions.mcp.keeper import definitions

    async def ask() -> list[Definition]:
        async with connection(server) as client:
            return await definitions(client)

    task = asyncio.ensure_future(ask())  # a server that dies is the end of this task, not ours
    done, _ = await asyncio.wait({task}, timeout=_SECONDS)
    if not done:
        task.cancel()
        raise SettingsError(f"The server '{server.name}' did not answer within {_SECONDS:g} s.")
    failure = None if task.cancelled() else task.exception()
    while isinstance(failure, BaseExceptionGroup):
        failure = cast("BaseExceptionGroup[BaseException]", failure).exceptions[0]
    if isinstance(failure, OutOfReach):
        raise failure
    if task.cancelled() or failure is not None:
        why = f"{type(failure).__name__}: {failure}" if failure else "it ended"
        raise SettingsError(f"The server '{server.name}' cannot be reached: {why}.") from failure
    return task.result()
