"""A unit and what a manifest says of it → the unit, ready to be called: settings checked, permissions granted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from orchestrator.diagnostics import Diagnostic
from orchestrator.functions import permissions
from orchestrator.functions.registry import Function, Unit

Path = tuple[str | int, ...]


def _none() -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What a manifest says of a unit. `secrets` are looked up when they are needed, and may then be missing."""

    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    grants: tuple[str, ...] = ()
    secrets: Callable[[], Mapping[str, str]] = _none


@dataclass(frozen=True, slots=True)
class Misfit:
    """Something in a manifest that does not fit the code. `path` leads to it, from `spec` on."""

    path: Path
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """The unit, what is wrong in its manifest, and what its code lacks."""

    unit: Unit
    misfits: tuple[Misfit, ...] = ()
    lacks: tuple[Diagnostic, ...] = ()


def configure(unit: Unit, given: Configuration | None) -> Configured:
    """Bring the two together. Without a manifest the code has neither settings nor permissions."""
    said = given or Configuration()
    settings, misfits = _settings(unit, said.settings)
    misfits += [
        Misfit(("grant", nth), wrong) for nth, one in enumerate(said.grants) if (wrong := permissions.fault(one))
    ]
    if given is None and misfits:
        return Configured(unit=unit, lacks=(_needs_settings(unit, misfits),))
    lacks = () if misfits else tuple(_lacks(unit, said, manifest=given is not None))
    ready = replace(unit, settings=settings, grants=said.grants, secrets=said.secrets)
    return Configured(unit=ready, misfits=tuple(misfits), lacks=lacks)


def _settings(unit: Unit, raw: Mapping[str, Any]) -> tuple[Any, list[Misfit]]:
    kind = unit.plugin.settings if unit.plugin else None
    if kind is None:
        extra = [Misfit(("settings", key), f"the plug-in '{unit.name}' has no settings") for key in raw]
        return None, extra[:1]
    try:
        return TypeAdapter[Any](kind).validate_python(dict(raw)), []
    except ValidationError as invalid:
        found = invalid.errors(include_url=False, include_context=False, include_input=False)
        return None, [Misfit(("settings", *one["loc"]), _sentence(one["msg"])) for one in found]
    except PydanticUserError as error:
        return None, [Misfit(("code",), f"the settings of '{unit.name}' cannot be read: {error}".splitlines()[0])]


def _sentence(text: str) -> str:
    return text[:1].lower() + text[1:]


def _lacks(unit: Unit, said: Configuration, *, manifest: bool) -> Iterator[Diagnostic]:
    of_all = unit.plugin.permissions if unit.plugin else ()
    for function in unit.functions:
        wanted = (*of_all, *function.options.permissions)
        wrong = next((reason for one in wanted if (reason := permissions.fault(one))), None)
        if wrong:
            yield _complaint(function, wrong, "correct the permission where the code declares it")
            continue
        lacking = permissions.missing(wanted, said.grants)
        if lacking:
            names = ", ".join(f"'{one}'" for one in lacking)
            yield _complaint(
                function,
                f"'{function.name}' needs {names}, which no manifest grants",
                _way(unit, lacking, manifest=manifest),
            )


def _way(unit: Unit, lacking: tuple[str, ...], *, manifest: bool) -> str:
    grant = f"grant: [{', '.join(repr(one) for one in lacking)}]"
    return f"add {grant} to its Plugin manifest" if manifest else f"kind: Plugin, spec: {{code: {unit.name}, {grant}}}"


def _complaint(function: Function, message: str, hint: str) -> Diagnostic:
    return Diagnostic(code="PLG004", message=message, span=function.place, quote=function.quote, hint=hint)


def _needs_settings(unit: Unit, misfits: list[Misfit]) -> Diagnostic:
    which = "; ".join(f"{'.'.join(map(str, one.path[1:]))}: {one.message}" for one in misfits)
    message = f"the plug-in '{unit.name}' needs settings, which no manifest gives: {which}"
    hint = f"kind: Plugin, spec: {{code: {unit.name}, settings: {{…}}}}"
    first = unit.functions[0] if unit.functions else None
    span, quote = (first.place, first.quote) if first else (None, None)
    return Diagnostic(code="PLG004", message=message, span=span, quote=quote, hint=hint)
