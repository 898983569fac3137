"""Which model answers which name, as an Environment says; without one that does, the offline model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import SecretStr

from orchestrator.diagnostics import Diagnostic, Span
from orchestrator.errors import ManifestsInvalid, SettingsError
from orchestrator.manifests import Endpoint, Environment, Loaded, Placed, SecretPlace, expand, load, resolve
from orchestrator.manifests.checks import unknown_environment
from orchestrator.server.models.choosing import SILENCE, described, offline
from orchestrator.server.models.compatible import CompatibleModel
from orchestrator.server.models.directory import Directory, Route
from orchestrator.server.models.questions import Manner
from orchestrator.server.models.script import Script, load_script
from orchestrator.server.models.scripted import ScriptedModel
from orchestrator.settings import LOCAL, Settings

_OUTSIDE = "a script lies in the project's folder"


def of_environment(environment: Placed[Environment], environ: Mapping[str, str], folder: Path) -> Directory:
    """The models of an environment: the first match serves a name. Without any, the offline model serves all.

    Raises:
        ManifestsInvalid: a key is missing, or a script is wrong.
    """
    routes: list[Route] = []
    for nth, entry in enumerate(environment.value.spec.models):
        if isinstance(entry, Endpoint):
            where = environment.at("spec", "models", nth, "apiKey")
            routes.append(_route(entry, _secret(entry.api_key, environ, folder, where)))
        else:
            where = environment.complain("MAN010", _OUTSIDE, ("spec", "models", nth, "script"))
            model = ScriptedModel(_script(folder, entry.script, where))
            told = f"the offline model, script {entry.script}"
            routes.append(Route(match=entry.match, model=model, context_tokens=entry.context_tokens, told=told))
    return Directory(routes) if routes else offline()


def of_folder(settings: Settings) -> Directory:
    """The models of the settings' environment, as the folder declares it; nothing else of the folder is looked at.

    Raises:
        ManifestsInvalid: the environment is wrong, or perhaps among the files that are.
    """
    declared = settings.manifests.is_dir()
    loaded = load(settings.manifests, settings.environ) if declared else None
    environment = loaded.environments.get(settings.environment) if loaded else None
    if environment is not None:
        return of_environment(expand(environment, settings.environ), settings.environ, settings.folder)
    if loaded is not None and (doubts := _doubts(loaded)):
        raise ManifestsInvalid(doubts)
    if settings.environment == LOCAL:
        return offline()
    if loaded is None:
        message = f"There is no Environment '{settings.environment}': {settings.manifests} does not exist."
        raise SettingsError(message, hint="give the project's folder with -C DIR")
    raise ManifestsInvalid([unknown_environment(loaded, settings.environment)])


def script_faults(environment: Placed[Environment], folder: Path) -> Iterator[Diagnostic]:
    """What is wrong with the scripts that an environment names."""
    for nth, entry in enumerate(environment.value.spec.models):
        if not isinstance(entry, Endpoint):
            where = environment.complain("MAN010", _OUTSIDE, ("spec", "models", nth, "script"))
            try:
                _script(folder, entry.script, where)
            except ManifestsInvalid as error:
                yield from error.diagnostics


def _route(entry: Endpoint, key: SecretStr | None) -> Route:
    manner = Manner(
        model=entry.upstream_name,
        extra=entry.extra_body,
        limit_field=entry.max_tokens_field,
        thoughts=entry.reasoning == "return",
    )
    model = CompatibleModel(entry.base_url, key, timeout=entry.timeout or SILENCE, manner=manner)
    told = described(entry.base_url, entry.upstream_name)
    return Route(match=entry.match, model=model, context_tokens=entry.context_tokens, told=told)


def _script(folder: Path, name: str, outside: Diagnostic) -> Script:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ManifestsInvalid([outside])
    return load_script(path)


def _secret(place: SecretPlace | None, environ: Mapping[str, str], folder: Path, where: Span) -> SecretStr | None:
    return resolve(place, environ, folder, where=where) if place else None


def _doubts(loaded: Loaded) -> list[Diagnostic]:
    """Errors in files that may declare an environment, so that none is taken for missing that is only misspelt."""
    return [
        one
        for one in loaded.diagnostics
        if one.severity == "error" and one.span and "Environment" in loaded.sources.get(one.span.file, "Environment")
    ]
