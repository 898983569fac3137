"""Accepted definitions of an MCP server, and what a manifest says of it → a unit. No server is needed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from orchestrator.functions.context import current
from orchestrator.functions.decorator import Options, Plugin, ToolError
from orchestrator.functions.mcp.pins import Definition
from orchestrator.functions.mcp.server import Server
from orchestrator.functions.openapi.operations import tool_name
from orchestrator.functions.registry import Function, Unit
from orchestrator.functions.schemas import SchemaFault, SchemaValidator
from orchestrator.functions.signature import Signature, schema_hash

_DESCRIPTION = 1024


def unit_of(server: Server, pinned: Sequence[Definition]) -> tuple[Unit, list[str]]:
    """The unit, and sentences about tools that cannot be offered."""
    functions: list[Function] = []
    skipped: list[str] = []
    taken: dict[str, str] = {}
    for definition in pinned:
        name = str(definition.get("name"))
        if server.allow is not None and name not in server.allow:
            continue
        try:
            functions.append(_function(server, definition, tool_name(name, taken)))
        except SchemaFault as fault:
            skipped.append(f"the tool '{name[:80]}' cannot be offered: {fault}")
    plugin = Plugin(server.name)
    plugin.open = partial(_open, server, tuple(pinned))
    return Unit(name=server.name, functions=tuple(functions), plugin=plugin), skipped


def _function(server: Server, definition: Definition, tool: str) -> Function:
    own = str(definition.get("name"))
    text = str(definition.get("description") or definition.get("title") or "")
    description = text if len(text) <= _DESCRIPTION else text[: _DESCRIPTION - 1] + "…"
    schema: Mapping[str, Any] = definition.get("inputSchema") or {"type": "object"}
    hints: Mapping[str, Any] = definition.get("annotations") or {}
    reads = hints.get("readOnlyHint") is True
    signature = Signature(
        name=tool,
        description=description,
        parameters=schema,
        schema_hash=schema_hash(tool, description, schema),
        is_async=True,
        validator=SchemaValidator(schema),
    )
    approval = server.approvals.get(own, "auto" if reads else server.approval)
    return Function(
        name=f"{server.name}.{tool}",
        tool=tool,
        description=description,
        parameters=schema,
        options=Options(
            timeout=server.timeout,
            approval=approval,
            read_only=reads,
            idempotent=reads or hints.get("idempotentHint") is True,
        ),
        is_async=True,
        place=server.place,
        schema_hash=signature.schema_hash,
        callable=partial(_call, own),
        signature=signature,
    )


async def _call(tool: str, arguments: Mapping[str, Any]) -> str:
    context = current()
    if context is None:
        raise RuntimeError("a tool of an MCP server is called through the registry")
    result = await context.resources.call(tool, arguments, context.seconds_left)
    text = "\n".join(_text(block) for block in result.content)
    if not text and result.structured_content is not None:
        from orchestrator.functions.outputs import result_text  # noqa: PLC0415 (seldom)

        text = result_text(result.structured_content)
    if result.is_error:
        raise ToolError(text or "The tool tells of an error, and nothing more.", retry=True)
    return text


def _text(block: Any) -> str:
    """A part of a result as text; of pictures and the like, what they are."""
    if block.type == "text":
        return str(block.text)
    if block.type == "resource" and getattr(block.resource, "text", None) is not None:
        return str(block.resource.text)
    kind = getattr(block, "mime_type", None) or getattr(getattr(block, "resource", None), "mime_type", None) or ""
    return f"[{block.type} {kind}]".replace(" ]", "]")


@asynccontextmanager
async def _open(server: Server, pinned: tuple[Definition, ...]) -> AsyncGenerator[Any]:
    from orchestrator.functions.mcp.connecting import connection  # noqa: PLC0415 (the SDK is an extra)
    from orchestrator.functions.mcp.keeper import keeping  # noqa: PLC0415

    async with keeping(server.name, partial(connection, server), pinned) as keeper:
        yield keeper
