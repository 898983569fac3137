"""Function names → Python callables: the plug-ins of `plugins/`, loaded, described to models, and called.

An author writes `@tool` (`decorator`). `load` makes a `Registry` of a folder: `loader` finds the units, `importing`
imports each in bounds, `packages` keeps generations apart, `signature` turns a callable into JSON Schema and back.
`invoke` performs one call of a model; whatever happens becomes one `ToolOutput`. `misfits` compares a schema written
in a manifest with the signature. Names are imported when they are first used, so that a plug-in that is run as a
plain module does not pay for pydantic.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.functions.context import Context
    from orchestrator.functions.decorator import Declaration, Options, Plugin, ToolError, Transient, tool
    from orchestrator.functions.fits import misfits
    from orchestrator.functions.invoking import invoke
    from orchestrator.functions.loader import Loaded, load
    from orchestrator.functions.outputs import ToolOutput
    from orchestrator.functions.registry import Function, Registry, Unit, function_of

__all__ = [
    "Context",
    "Declaration",
    "Function",
    "Loaded",
    "Options",
    "Plugin",
    "Registry",
    "ToolError",
    "ToolOutput",
    "Transient",
    "Unit",
    "function_of",
    "invoke",
    "load",
    "misfits",
    "tool",
]

_HOMES = {
    "Context": "context",
    "Declaration": "decorator",
    "Options": "decorator",
    "Plugin": "decorator",
    "Transient": "decorator",
    "ToolError": "decorator",
    "tool": "decorator",
    "misfits": "fits",
    "invoke": "invoking",
    "Loaded": "loader",
    "load": "loader",
    "ToolOutput": "outputs",
    "Function": "registry",
    "Registry": "registry",
    "Unit": "registry",
    "function_of": "registry",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
