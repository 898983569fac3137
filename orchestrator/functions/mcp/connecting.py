"""Opens a client of the official SDK. The one file that needs the extra `mcp`, beside `serving`."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from orchestrator.functions.mcp.server import Server
from orchestrator.transport import Bounds, Reach, outside

CONNECT_SECONDS = 30.0
_BOUNDS = Bounds(size=64 * 1024 * 1024, seconds=24 * 3600.0)  # of one stream, which lasts as long as the connection


@asynccontextmanager
async def connection(server: Server) -> AsyncGenerator[Any]:
    """A connected client while the block lasts; a server that is a command is started, with a clean environment.

    Raises:
        Whatever the SDK raises when there is no connection.
    """
    if server.command:
        command, *arguments = server.command
        parameters = StdioServerParameters(command=command, args=arguments, env=dict(server.env()))
        async with Client(parameters, read_timeout_seconds=CONNECT_SECONDS) as client:
            yield client
        return
    parts = urlsplit(server.url)
    reach = Reach.of([f"{'private ' if server.private else ''}{parts.scheme}://{parts.netloc}"])
    async with outside(reach, bounds=_BOUNDS) as http:
        http.headers.update(server.headers())
        async with Client(
            streamable_http_client(server.url, http_client=http), read_timeout_seconds=CONNECT_SECONDS
        ) as client:
            yield client
