"""Tools of MCP servers as functions, and ours for MCP clients. The SDK is used here alone, and imported when needed.

`pins` are the definitions that a person accepted; `unit` makes functions of them without any server; `keeper` keeps the
connection to one server; `serving` offers our registry.
"""

from __future__ import annotations
