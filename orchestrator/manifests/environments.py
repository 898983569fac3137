"""An environment selected: its expressions expanded, its patches laid over the assistants, everything checked again.

Patches follow RFC 7396 on the plain values of `spec`: objects are merged, everything else (lists too) is replaced,
`null` takes a key away. Three things are as an author means them rather than as the RFC says: `null` for
description, instructions, tools, metadata or fileIds clears the field as it does in a manifest; a model that is only a
name counts as `{name: …}`; a patch that chooses another source of instructions replaces the first choice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from orchestrator.diagnostics import Diagnostic, in_order
from orchestrator.errors import ManifestsInvalid
from orchestrator.manifests import expressions
from orchestrator.manifests.checks import offered_types, references, unknown_environment, variables
from orchestrator.manifests.complaints import MAX_COMPLAINTS, validated
from orchestrator.manifests.environment import Environment
from orchestrator.manifests.loaded import Loaded
from orchestrator.manifests.model import API_VERSION, Assistant
from orchestrator.manifests.placed import Document, Overlay, Placed
from orchestrator.manifests.source import Path
from orchestrator.settings import LOCAL

CLEARABLE = frozenset({"description", "instructions", "tools", "metadata", "fileIds"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """An expanded environment and the assistants as they are there."""

    environment: Placed[Environment]
    assistants: Mapping[str, Placed[Assistant]] = field(repr=False)
    diagnostics: tuple[Diagnostic, ...] = ()

    def raise_for_errors(self) -> None:
        """Raise if anything is wrong.

        Raises:
            ManifestsInvalid: with all complaints.
        """
        if any(d.severity == "error" for d in self.diagnostics):
            raise ManifestsInvalid(self.diagnostics)


def select(loaded: Loaded, name: str, environ: Mapping[str, str]) -> Selection:
    """The environment `name` (`local` needs no manifest) with all assistants patched for it and checked again.

    Raises:
        ManifestsInvalid: there is no such environment, or its own expressions cannot be expanded.
    """
    if name != LOCAL and name not in loaded.environments:
        raise ManifestsInvalid([unknown_environment(loaded, name)])
    environment = expand(loaded.environments.get(name) or _local(), environ)
    found: list[Diagnostic] = []
    assistants: dict[str, Placed[Assistant]] = {}
    for key, assistant in loaded.assistants.items():
        changed = _patched(assistant, environment, found)
        if changed is None:
            continue
        assistants[key] = changed
        if changed is not assistant:
            found += references(changed, loaded)
        found += variables(changed, loaded, set(environment.value.spec.variables))
        found += offered_types(changed, loaded, environment)
    return Selection(environment=environment, assistants=assistants, diagnostics=in_order(dict.fromkeys(found)))


def expand(environment: Placed[Environment], environ: Mapping[str, str]) -> Placed[Environment]:
    """The environment with its expressions replaced, those in its patches too.

    Raises:
        ManifestsInvalid: a variable is not set, or what it holds is not allowed there.
    """
    found: list[Diagnostic] = []

    def say(code: str, message: str, path: Path, hint: str) -> None:
        if len(found) < MAX_COMPLAINTS:
            found.append(environment.complain(code, message, path, hint=hint))

    raw = expressions.expand(environment.raw, environ, say)
    value = None if found else validated(Environment, raw, environment, found)
    if value is None:
        raise ManifestsInvalid(in_order(found))
    return Placed(value=value, raw=raw, document=environment.document)


def patched(assistant: Placed[Assistant], environment: Placed[Environment]) -> Placed[Assistant]:
    """The assistant as it is in an expanded environment; itself if no patch selects it.

    Raises:
        ManifestsInvalid: what comes out is not a valid assistant; the complaints point into the environment's file.
    """
    found: list[Diagnostic] = []
    changed = _patched(assistant, environment, found)
    if changed is None:
        raise ManifestsInvalid(in_order(found))
    return changed


def _patched(
    assistant: Placed[Assistant], environment: Placed[Environment], found: list[Diagnostic]
) -> Placed[Assistant] | None:
    raw, overlays = assistant.raw, list(assistant.overlays)
    metadata = assistant.value.metadata
    for nth, patch in enumerate(environment.value.spec.patches):
        if patch.select.matches(metadata.name, metadata.labels):
            base: Path = ("spec", "patches", nth, "merge", "spec")
            raw = {**raw, "spec": _merged(raw["spec"], patch.merge.spec, ("spec",))}
            overlays += _overlays(patch.merge.spec, ("spec",), environment.document, base)
    if raw is assistant.raw:
        return assistant
    draft: Placed[object] = Placed(value=None, raw=raw, document=assistant.document, overlays=tuple(overlays))
    value = validated(Assistant, raw, draft, found)
    if value is None:
        return None
    return Placed(value=value, raw=raw, document=assistant.document, overlays=tuple(overlays))


def _merged(old: Mapping[str, Any], new: Mapping[str, Any], path: Path) -> dict[str, Any]:
    result = dict(old)
    for key, value in new.items():
        before = _comparable(result.get(key), key, value, path)
        if value is None and not (path == ("spec",) and key in CLEARABLE):
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = _merged(before, cast("dict[str, Any]", value), (*path, key))
        else:
            result[key] = value
    return result


def _comparable(old: object, key: str, new: object, path: Path) -> Mapping[str, Any]:
    """The object that a patch of `key` is merged into; empty if it is replaced."""
    if path == ("spec",) and key == "model" and isinstance(old, str):
        return {"name": old}
    if not isinstance(old, dict):
        return {}
    if path == ("spec",) and key == "instructions" and isinstance(new, dict):
        chosen = {"template", "file"} & new.keys()
        if chosen and not chosen & cast("dict[str, Any]", old).keys():
            return {}
    return cast("dict[str, Any]", old)


def _overlays(value: Mapping[str, Any], path: Path, document: Document, base: Path) -> Iterator[Overlay]:
    for key, item in value.items():
        if isinstance(item, dict):
            yield from _overlays(cast("dict[str, Any]", item), (*path, key), document, (*base, key))
        else:
            yield Overlay(path=(*path, key), document=document, base=(*base, key))


def _local() -> Placed[Environment]:
    raw = {"apiVersion": API_VERSION, "kind": "Environment", "metadata": {"name": LOCAL}, "spec": {}}
    document = Document(file=f"(built-in environment {LOCAL})", text="", value=raw)
    return Placed(value=Environment.model_validate(raw), raw=raw, document=document)
