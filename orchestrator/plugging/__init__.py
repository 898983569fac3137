"""Plug-ins as manifests declare them: what they say of code is brought to it, endpoints become units of their own.

The rooms `manifests` and `functions` do not know each other; here they meet. One file per kind of endpoint, one list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from orchestrator.diagnostics import Diagnostic
from orchestrator.functions import Registry
from orchestrator.functions.registry import Unit
from orchestrator.manifests import Loaded
from orchestrator.plugging import code
from orchestrator.plugging.kind import Kind, Secrets

KINDS: Mapping[str, str] = {"openapi": "orchestrator.plugging.openapi", "mcp": "orchestrator.plugging.mcp"}
"""Field of a Plugin manifest → the file that makes a unit of it, imported when the first one needs it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugged:
    """All functions of a project, and what is wrong between them and the manifests."""

    registry: Registry
    diagnostics: tuple[Diagnostic, ...] = ()


def plug(registry: Registry, loaded: Loaded, folder: Path, secrets: Secrets) -> Plugged:
    """Give the units of the plug-in folder what the manifests say of them, and make units of endpoints.

    Of a unit that does not get what it needs it is complained, at its manifest, or at its code if there is none.
    `folder` is the project's; `secrets` finds a secret when it is needed.
    """
    found: list[Diagnostic] = []
    units: dict[str, Unit] = {one.name: one for one in code.configured(registry, loaded, secrets, found)}
    for name, plugin in loaded.plugins.items():
        home = next((file for field, file in KINDS.items() if getattr(plugin.value.spec, field) is not None), None)
        if home is None:
            continue
        if name in units:
            message = f"a plug-in '{name}' is in the folder of plug-ins already"
            found.append(plugin.complain("MAN005", message, ("metadata", "name"), hint="name the endpoint anew"))
            continue
        make: Kind = import_module(home).unit
        unit = make(plugin, folder, secrets, found)
        if unit is not None:
            units[name] = unit
    return Plugged(registry=Registry.of(units.values(), version=registry.version), diagnostics=tuple(found))
