"""Assistants of a target → manifests: names, prompts that several share, plug-ins they use. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.manifests import API_VERSION
from orchestrator.reconcile.observed import Observed
from orchestrator.reconcile.wording import References, escaped, spec_of
from orchestrator.tools import HostedPlugin

_NAME_LENGTH = 63
_SHARED_FROM = 80  # characters: a shorter text is repeated where it stands


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One file to be written. `id`: the assistant, empty for what several share; `missing`: what is left out of it."""

    file: str
    name: str
    documents: tuple[Mapping[str, Any], ...]
    id: str = ""
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What the manifests have already: names by kind, and what can be referred to."""

    names: Mapping[str, Collection[str]] = field(default_factory=dict[str, Collection[str]])
    references: References = field(default_factory=References)


def manifests(found: Sequence[Observed], taken: Taken) -> tuple[Written, ...]:
    """The files: what several share first, then one for each assistant, in the order in which they were made."""
    names = _Names(taken.names)
    plugins, plugin_names = _plugins(found, taken.references, names)
    references = replace(taken.references, plugins={**taken.references.plugins, **plugin_names})
    called = [(one, names.of("Assistant", _own_name(one), "assistant")) for one in found]
    shared = _shared(called, names)
    templates = [_template(text, name) for text, name in shared.items()]
    return (*plugins, *templates, *(_assistant(one, name, references, shared) for one, name in called))


def _own_name(one: Observed) -> str:
    return one.stamp.manifest if one.stamp else str(one.body.get("name") or "")


def _assistant(one: Observed, name: str, references: References, shared: Mapping[str, str]) -> Written:
    spec, missing = spec_of(one.body, name, references)
    template = shared.get(str(one.body.get("instructions") or ""))
    if template is not None:
        spec["instructions"] = {"template": template}
    document = _document("Assistant", name, spec)
    return Written(file=f"{name}.yaml", name=name, documents=(document,), id=one.id, missing=tuple(missing))


def _document(kind: str, name: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


# ---- what several share


def _shared(called: Iterable[tuple[Observed, str]], names: _Names) -> dict[str, str]:
    """Prompts that stand in several assistants, each with the name of its Template."""
    texts = [(str(one.body.get("instructions") or ""), name) for one, name in called]
    counts = Counter(text for text, _ in texts)
    shared: dict[str, str] = {}
    for text, name in texts:
        if counts[text] > 1 and len(text) >= _SHARED_FROM and text not in shared:
            shared[text] = names.of("Template", name, "prompt")
    return shared


def _template(text: str, name: str) -> Written:
    document = _document("Template", name, {"body": escaped(text)})
    return Written(file=f"templates/{name}.yaml", name=name, documents=(document,))


def _plugins(
    found: Iterable[Observed], known: References, names: _Names
) -> tuple[tuple[Written, ...], Mapping[str, str]]:
    """Manifests of the hosted plug-ins that are used and not declared yet. A token is never written."""
    used: dict[str, HostedPlugin] = {}
    for tool in (tool for one in found for tool in one.body.get("tools") or () if isinstance(tool, HostedPlugin)):
        if tool.id not in known.plugins and (tool.id not in used or tool.user_token is not None):
            used[tool.id] = tool
    called = {known_id: names.of("Plugin", known_id, "plugin") for known_id in used}
    return tuple(_plugin(tool, called[known_id]) for known_id, tool in used.items()), called


def _plugin(tool: HostedPlugin, name: str) -> Written:
    hosted: dict[str, Any] = {"id": tool.id}
    missing: tuple[str, ...] = ()
    if tool.user_token is not None:
        variable = re.sub(r"[^A-Z0-9]+", "_", name.upper()) + "_TOKEN"
        hosted["auth"] = {"userToken": {"fromEnv": variable}}
        missing = (f"its token, which is looked for in the environment variable {variable}",)
    return Written(
        file=f"plugins/{name}.yaml",
        name=name,
        documents=(_document("Plugin", name, {"hosted": hosted}),),
        missing=missing,
    )


# ---- names


class _Names:
    """Gives every manifest a name of its own: a DNS label that looks like what it is called."""

    def __init__(self, taken: Mapping[str, Collection[str]]) -> None:
        self._taken = {kind: set(names) for kind, names in taken.items()}

    def of(self, kind: str, text: str, otherwise: str) -> str:
        taken = self._taken.setdefault(kind, set())
        name = next(one for one in _candidates(label(text) or otherwise) if one not in taken)
        taken.add(name)
        return name


def label(text: str) -> str:
    """A DNS label out of a text; empty if nothing of it can stand in one."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_NAME_LENGTH].strip("-")


def _candidates(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        ending = f"-{number}"
        yield name[: _NAME_LENGTH - len(ending)].rstrip("-") + ending
        number += 1
