"""What manifests say of the code in the plug-in folder: settings, secrets, permissions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from orchestrator.diagnostics import Diagnostic, did_you_mean
from orchestrator.functions import Registry
from orchestrator.functions.configuring import Configuration, configure
from orchestrator.functions.registry import Unit
from orchestrator.manifests import Loaded, Placed, Plugin
from orchestrator.plugging.kind import Secrets


def configured(registry: Registry, loaded: Loaded, secrets: Secrets, found: list[Diagnostic]) -> Iterator[Unit]:
    """The units of the folder, each with what its manifest says; complaints are added to the list."""
    by_unit = _by_unit(registry, loaded, found)
    for unit in registry.units.values():
        manifest = by_unit.get(unit.name)
        done = configure(unit, _configuration(manifest, secrets) if manifest else None)
        if manifest is not None:
            found += [manifest.complain("MAN004", m.message, ("spec", *m.path), hint=m.hint) for m in done.misfits]
        found += done.lacks
        yield done.unit


def _by_unit(registry: Registry, loaded: Loaded, found: list[Diagnostic]) -> Mapping[str, Placed[Plugin]]:
    chosen: dict[str, Placed[Plugin]] = {}
    for plugin in loaded.plugins.values():
        code = plugin.value.spec.code
        if code is None:
            continue
        if code not in registry.units:
            hint = did_you_mean(code, registry.units) or "no plug-in of that name was loaded from plugins/"
            found.append(
                plugin.complain("MAN007", f"there is no plug-in '{code}' in the folder", ("spec", "code"), hint=hint)
            )
        elif chosen.setdefault(code, plugin) is not plugin:
            message = f"the code '{code}' is spoken for already, in {chosen[code].span}"
            found.append(plugin.complain("MAN005", message, ("spec", "code")))
    return chosen


def _configuration(plugin: Placed[Plugin], secrets: Secrets) -> Configuration:
    spec = plugin.value.spec
    return Configuration(settings=spec.settings, grants=spec.grant, secrets=partial(_resolved, plugin, secrets))


def _resolved(plugin: Placed[Plugin], secrets: Secrets) -> Mapping[str, str]:
    found = plugin.value.spec.secrets
    return {name: secrets(place, plugin.at("spec", "secrets", name)) for name, place in found.items()}
