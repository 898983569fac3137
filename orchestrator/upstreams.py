"""Which model answers which name: as an Environment says, or the command line; without either, the offline model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import SecretStr

from orchestrator.diagnostics import Diagnostic, Span
from orchestrator.errors import ManifestsInvalid, SettingsError
from orchestrator.manifests import Endpoint, Environment, Loaded, Placed, SecretPlace, expand, load, resolve
from orchestrator.manifests.checks import unknown_environment
from orchestrator.server.models.compatible import CompatibleModel
from orchestrator.server.models.directory import Directory, Route
from orchestrator.server.models.questions import Manner
from orchestrator.server.models.script import Script, load_script
from orchestrator.server.models.scripted import ScriptedModel
from orchestrator.settings import LOCAL, Settings

KEY = "ORCHESTRATOR_MODEL_KEY"  # variable with the key of the models that the command line names
SILENCE = 120.0  # seconds that an endpoint may say nothing

_GIVEN = re.compile(r"(?:(?P<match>[^=]+)=)?(?:(?P<name>[^=]+?)@)?(?P<url>https?://[^\s/?#]+\S*)")
_USER = re.compile(r"//[^/]*@")
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


def of_options(given: Sequence[str], key: SecretStr | None, context_tokens: int | None) -> tuple[Route, ...]:
    """The models that the command line names, each as `PATTERN=URL`, `PATTERN=NAME@URL`, or `URL` for all names.

    Raises:
        SettingsError: one is neither.
    """
    return tuple(_given(one, key, context_tokens) for one in given)


def key_of(environ: Mapping[str, str], name: str | None) -> SecretStr | None:
    """The key for models that the command line names; None: they need none.

    Raises:
        SettingsError: the variable that was named is not set.
    """
    value = environ.get(name or KEY, "").strip()
    if name and not value:
        raise SettingsError(f"The environment variable {name} is not set.", hint="put the key of the models into it")
    return SecretStr(value) if value else None


def offline() -> Directory:
    """The offline model alone, for all names."""
    return Directory([Route(match="*", model=ScriptedModel(None), told="the offline model")])


def advice(models: Directory) -> str | None:
    """A word for whoever has no real model."""
    if any(isinstance(route.model, CompatibleModel) for route in models.routes):
        return None
    return "No real model is configured: name one with serve --model 'PATTERN=URL', or in `models` of an Environment."


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
    told = _told(entry.base_url, entry.upstream_name)
    return Route(match=entry.match, model=model, context_tokens=entry.context_tokens, told=told)


def _given(text: str, key: SecretStr | None, context_tokens: int | None) -> Route:
    found = _GIVEN.fullmatch(text.strip())
    if found is None:
        raise SettingsError(f"'{_shown(text)}' names no model.", hint="write PATTERN=URL, 'qwen-*=https://…/v1' say")
    match, name, url = found["match"] or "*", found["name"], found["url"]
    model = CompatibleModel(url, key, timeout=SILENCE, manner=Manner(model=name))
    return Route(match=match, model=model, context_tokens=context_tokens, told=_told(url, name))


def _told(url: str, name: str | None) -> str:
    return _shown(url) + (f" as {name}" if name else "")


def _shown(url: str) -> str:
    """An address without what may be secret in it."""
    return _USER.sub("//", url.partition("?")[0].partition("#")[0])


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
