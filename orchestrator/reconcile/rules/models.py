"""Rules on models: allowed here, and whether they or the target's API come to an end. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from fnmatch import fnmatchcase

from orchestrator.diagnostics import did_you_mean
from orchestrator.manifests.policy import ApiRetirement, KnownEnd, ModelAllowed, ModelRetirement
from orchestrator.manifests.source import Path
from orchestrator.reconcile.rules.rule import Case, Finding, Rule, World
from orchestrator.wire.retirements import APIS, MODELS, Retirement

_MODEL: Path = ("spec", "model", "name")


def _allowed(case: Case, _world: World, settings: ModelAllowed) -> Iterator[Finding]:
    name = str(case.desired.body.get("model") or "")
    denied = next((pattern for pattern in settings.deny if fnmatchcase(name, pattern)), None)
    if denied is not None:
        yield Finding(message=f"the model '{name}' is denied here (by '{denied}')", path=_MODEL)
    elif settings.allow is not None and not any(fnmatchcase(name, pattern) for pattern in settings.allow):
        plain = [pattern for pattern in settings.allow if "*" not in pattern]
        hint = did_you_mean(name, plain or settings.allow)
        yield Finding(message=f"the model '{name}' is not allowed here", path=_MODEL, hint=hint)


def _model_ends(case: Case, world: World, settings: ModelRetirement) -> Iterator[Finding]:
    name = str(case.desired.body.get("model") or "")
    host, upstream = world.serves(name)
    end = _named(settings.ends, name) or _known(MODELS, upstream, host)
    if end is not None and (said := _told(f"the model '{name}'", end, world.today, settings.days)):
        yield Finding(message=said, path=_MODEL, hint=_instead(end))


def _api_ends(case: Case, world: World, settings: ApiRetirement) -> Iterator[Finding]:
    if world.host is None:
        return
    end = _named(settings.ends, world.host) or _known(APIS, world.dialect or "", world.host)
    if end is not None and (said := _told(f"the API at {world.host}", end, world.today, settings.days)):
        yield Finding(message=said, path=("spec", "target", "baseUrl"), hint=_instead(end))


def _named(ends: Iterable[KnownEnd], name: str) -> Retirement | None:
    """The end that an Environment declares."""
    for end in ends:
        if fnmatchcase(name, end.match):
            source = end.source or "the Environment"
            return Retirement(match=end.match, host="*", day=end.day, source=source, instead=end.instead or "")
    return None


def _known(table: Iterable[Retirement], name: str, host: str | None) -> Retirement | None:
    if host is None:
        return None
    return next((end for end in table if fnmatchcase(name, end.match) and fnmatchcase(host, end.host)), None)


def _told(what: str, end: Retirement, today: date, days: int) -> str | None:
    """The sentence; None while the end is far."""
    if end.day is None:
        return f"{what} is being retired; no date is known ({end.source})"
    left = (end.day - today).days
    if left > days:
        return None
    if left < 0:
        return f"{what} was shut down on {end.day.isoformat()} ({end.source})"
    when = "today" if left == 0 else f"in {left} day{'s' * (left != 1)}"
    return f"{what} will be shut down on {end.day.isoformat()}, {when} ({end.source})"


def _instead(end: Retirement) -> str | None:
    return f"use {end.instead}" if end.instead else None


RULES = (
    Rule(name="model-allowed", code="POL001", severity="error", check=_allowed, always=False),
    Rule(name="model-retirement", code="POL009", severity="warning", check=_model_ends),
    Rule(name="api-retirement", code="POL010", severity="warning", check=_api_ends, once=True),
)
