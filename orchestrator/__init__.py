"""Assistants as code: manifests, a reconciler, plug-in functions, and the Assistant API itself.

What a plug-in author needs is here; importing it is light. `orchestrator.workspace` is the way in for programs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.functions.context import Context
    from orchestrator.functions.decorator import Plugin, ToolError, Transient, tool

__all__ = ["Context", "Plugin", "ToolError", "Transient", "__version__", "tool"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in ("Plugin", "ToolError", "Transient", "tool"):
        from orchestrator.functions import decorator  # noqa: PLC0415 (lazily: `--help` must not pay for it)

        return getattr(decorator, name)
    if name == "Context":
        from orchestrator.functions.context import Context  # noqa: PLC0415

        return Context
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
