"""A real MCP server for tests: `python mcp_server.py [stdio | PORT] [WORD]`; WORD goes into a description."""

import asyncio
import os
import sys

from mcp.server.mcpserver import MCPServer

WORD = sys.argv[2] if len(sys.argv) > 2 else "two numbers"
server = MCPServer("sums")


@server.tool(description=f"Add {WORD}.")
def add(a: int, b: int) -> int:
    return a + b


@server.tool(description="Sleep a while.")
async def sleep(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "slept"


@server.tool(description="End the server.")
def die() -> str:
    os._exit(3)


@server.tool(description="What the environment holds.")
def environment() -> str:
    return " ".join(sorted(os.environ))


if sys.argv[1] == "stdio":
    server.run()
else:
    server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
