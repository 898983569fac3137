"""Models that are chosen without a manifest: by the command line, or none, which is the offline model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import SecretStr

from orchestrator.errors import SettingsError
from orchestrator.server.models.compatible import CompatibleModel
from orchestrator.server.models.directory import Directory, Route
from orchestrator.server.models.questions import Manner
from orchestrator.server.models.scripted import ScriptedModel

KEY = "ORCHESTRATOR_MODEL_KEY"  # variable with the key of the models that the command line names
SILENCE = 120.0  # seconds that an endpoint may say nothing

_GIVEN = re.compile(r"(?:(?P<match>[^=]+)=)?(?:(?P<name>[^=]+?)@)?(?P<url>https?://[^\s/?#]+\S*)")
_USER = re.compile(r"//[^/]*@")


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


def described(url: str, name: str | None) -> str:
    """An endpoint for people: its address without what may be secret in it, and the name it knows the model by."""
    return _shown(url) + (f" as {name}" if name else "")


def _given(text: str, key: SecretStr | None, context_tokens: int | None) -> Route:
    found = _GIVEN.fullmatch(text.strip())
    if found is None:
        raise SettingsError(f"'{_shown(text)}' names no model.", hint="write PATTERN=URL, 'qwen-*=https://…/v1' say")
    match, name, url = found["match"] or "*", found["name"], found["url"]
    model = CompatibleModel(url, key, timeout=SILENCE, manner=Manner(model=name))
    return Route(match=match, model=model, context_tokens=context_tokens, told=described(url, name))


def _shown(url: str) -> str:
    """An address without what may be secret in it."""
    return _USER.sub("//", url.partition("?")[0].partition("#")[0])
