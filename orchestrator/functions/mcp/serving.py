"""Our registry as an MCP server: its schemas as they are, its calls through the same stage as those of runs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from mcp import types
from mcp.server import Server
from mcp.server.stdio import stdio_server

from orchestrator.functions.context import Occasion
from orchestrator.functions.performing import Stage, Terms
from orchestrator.functions.registry import Function, Registry


def offered(registry: Registry, tags: Sequence[str] = ()) -> dict[str, Function]:
    """Functions by the name that a client sees: `plugin_tool`. Hidden ones, and those that ask a person, are left out.

    `tags`: only those with one of them.
    """
    chosen = [one for one in registry.functions.values() if not one.options.hidden and one.options.approval == "auto"]
    if tags:
        chosen = [one for one in chosen if set(tags) & set(one.options.tags)]
    return {one.name.replace(".", "_")[:64]: one for one in chosen}


@asynccontextmanager
async def server_of(registry: Registry, *, version: str, tags: Sequence[str] = ()) -> AsyncGenerator[Server[Any]]:
    """A server of the SDK, to be run on a transport; what plug-ins open is closed afterwards."""
    functions, stage = offered(registry, tags), Stage()

    async def list_tools(_context: Any, _params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_tool(name, one) for name, one in functions.items()])

    async def call_tool(_context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        function = functions.get(params.name)
        if function is None:
            return _result(f"There is no tool '{params.name}'.", wrong=True)
        output = await stage.call(
            registry,
            function.name,
            _json(params.arguments),
            terms=Terms(retries=function.options.retries),
            occasion=Occasion(call_id="mcp"),
        )
        return _result(output.text, wrong=not output.ok)

    try:
        yield Server("orchestrator", version=version, on_list_tools=list_tools, on_call_tool=call_tool)
    finally:
        await stage.close()


async def serve_stdio(registry: Registry, *, version: str, tags: Sequence[str] = ()) -> None:
    """Serve a client on standard input and output until it ends."""
    async with server_of(registry, version=version, tags=tags) as server, stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


def _tool(name: str, one: Function) -> types.Tool:
    hints = types.ToolAnnotations(read_only_hint=one.options.read_only, idempotent_hint=one.idempotent)
    schema: dict[str, Any] = dict(one.parameters)
    return types.Tool(name=name, description=one.description or None, input_schema=schema, annotations=hints)


def _json(arguments: object) -> str:
    from pydantic_core import to_json  # noqa: PLC0415 (the SDK has loaded it)

    return to_json(arguments or {}).decode()


def _result(text: str, *, wrong: bool) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=wrong)
