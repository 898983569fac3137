"""What a manifest says of an MCP server. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from orchestrator.diagnostics import Span
from orchestrator.functions.decorator import Approval


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where a server is: a command to start, or an address. `env` and `headers` are looked up when it is connected."""

    name: str
    command: tuple[str, ...] = ()
    url: str = ""
    private: bool = False
    env: Callable[[], Mapping[str, str]] = dict
    headers: Callable[[], Mapping[str, str]] = dict
    allow: tuple[str, ...] | None = None
    approval: Approval = "ask"
    approvals: Mapping[str, Approval] = field(default_factory=dict[str, Approval])
    timeout: float | None = None
    place: Span = field(default_factory=lambda: Span(file=""))
