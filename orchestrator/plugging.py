"""Plug-ins as manifests declare them: what they say of code is brought to it, endpoints become units of their own.

The rooms `manifests` and `functions` do not know each other; here they meet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from orchestrator.diagnostics import Diagnostic, Span, did_you_mean
from orchestrator.functions import Registry
from orchestrator.functions.configuring import Configuration, configure
from orchestrator.functions.registry import Unit
from orchestrator.manifests import Loaded, Placed, Plugin, SecretPlace

Secrets = Callable[[SecretPlace, Span], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugged:
    """All functions of a project, and what is wrong between them and the manifests."""

    registry: Registry
    diagnostics: tuple[Diagnostic, ...] = ()


def plug(registry: Registry, loaded: Loaded, secrets: Secrets) -> Plugged:
    """Give the units of the plug-in folder what the manifests say of them; `secrets` finds a secret when it is needed.

    Of a unit that does not get what it needs it is complained, at its manifest, or at its code if there is none.
    """
    found: list[Diagnostic] = []
    by_unit = _by_unit(registry, loaded, found)
    units: list[Unit] = []
    for unit in registry.units.values():
        manifest = by_unit.get(unit.name)
        done = configure(unit, _configuration(manifest, secrets) if manifest else None)
        found += [
            manifest.complain("MAN004", m.message, ("spec", *m.path), hint=m.hint) for m in done.misfits if manifest
        ]
        found += done.lacks
        units.append(done.unit)
    return Plugged(registry=Registry.of(units, version=registry.version), diagnostics=tuple(found))


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
