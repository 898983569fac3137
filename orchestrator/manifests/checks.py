"""Rules between manifests: names are unique, what is named exists, templates get the variables they declare. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orchestrator.diagnostics import Diagnostic, did_you_mean
from orchestrator.manifests.environment import Environment
from orchestrator.manifests.loaded import Loaded, Manifest
from orchestrator.manifests.model import (
    Assistant,
    AssistantSpec,
    FromFile,
    FromTemplate,
    InlineTool,
    PluginRef,
    Template,
    ToolRef,
)
from orchestrator.manifests.placed import Placed
from orchestrator.manifests.source import Path
from orchestrator.settings import LOCAL
from orchestrator.tools import Function

_KEYS = sorted(info.alias or name for name, info in AssistantSpec.model_fields.items())


def check(loaded: Loaded, placed: Sequence[Placed[Manifest]]) -> list[Diagnostic]:
    """All complaints about how the manifests of a folder fit together; `placed` also holds the doubled ones."""
    offered = {name for one in loaded.environments.values() for name in one.value.spec.variables}
    found = [*_doubled(placed), *_renamed(placed)]
    for assistant in loaded.assistants.values():
        found += references(assistant, loaded)
        found += variables(assistant, loaded, offered)
    for template in loaded.templates.values():
        found += _declared_twice(template)
    for environment in loaded.environments.values():
        found += _patches(environment, loaded)
    return found


def references(assistant: Placed[Assistant], loaded: Loaded) -> Iterator[Diagnostic]:
    """Tools, plug-ins, templates and template files that do not exist, and tools given twice."""
    spec = assistant.value.spec
    first: dict[str, int] = {}
    for nth, entry in enumerate(spec.tools or ()):
        path: Path = ("spec", "tools", nth)
        match entry:
            case ToolRef():
                name, step = entry.ref, "ref"
                yield from _known(assistant, "Tool", name, loaded.tools, (*path, step))
            case PluginRef():
                name, step = entry.plugin, "plugin"
                yield from _known(assistant, "Plugin", name, loaded.plugins, (*path, step))
            case InlineTool():
                step = "type"
                name = entry.tool.function.name if isinstance(entry.tool, Function) else entry.type
        key = f"plugin {name}" if step == "plugin" else name
        if first.setdefault(key, nth) != nth:
            line = assistant.at("spec", "tools", first[key]).line
            yield assistant.complain("MAN005", f"tool '{name}' is given twice, first in line {line}", (*path, step))
    yield from _instructions(assistant, loaded)


def _instructions(assistant: Placed[Assistant], loaded: Loaded) -> Iterator[Diagnostic]:
    match assistant.value.spec.instructions:
        case FromTemplate(template=name):
            path = ("spec", "instructions", "template")
            yield from _known(assistant, "Template", name, loaded.templates, path)
        case FromFile(file=name):
            yield from _known(assistant, "template file", name, loaded.template_files, ("spec", "instructions", "file"))
        case _:
            return


def _known(
    where: Placed[Assistant], kind: str, name: str, known: Mapping[str, Any], path: Path
) -> Iterator[Diagnostic]:
    if name not in known:
        hint = did_you_mean(name, known) or f"no {kind} is declared"
        yield where.complain("MAN007", f"there is no {kind} '{name}'", path, hint=hint)


def variables(assistant: Placed[Assistant], loaded: Loaded, offered: set[str]) -> Iterator[Diagnostic]:
    """Variables that the template does not declare, of the wrong type, or missing.

    `offered` names what an environment may supply: of any environment at load, of the selected one later.
    """
    instructions = assistant.value.spec.instructions
    template = loaded.templates.get(instructions.template) if isinstance(instructions, FromTemplate) else None
    if not isinstance(instructions, FromTemplate) or template is None:
        return
    declared = {variable.name: variable for variable in template.value.spec.variables}
    for name, value in instructions.variables.items():
        path = ("spec", "instructions", "variables", name)
        if name not in declared:
            message = f"template '{instructions.template}' has no variable '{name}'"
            yield assistant.complain("MAN007", message, path, hint=did_you_mean(name, declared), key=True)
        elif not declared[name].accepts(value):
            yield assistant.complain("MAN004", f"variable '{name}' must be of type {declared[name].type}", path)
    for name, variable in declared.items():
        if variable.required and name not in instructions.variables and name not in offered:
            message = f"template '{instructions.template}' requires the variable '{name}'"
            yield assistant.complain("MAN003", message, ("spec", "instructions", "template"))


def offered_types(
    assistant: Placed[Assistant], loaded: Loaded, environment: Placed[Environment]
) -> Iterator[Diagnostic]:
    """Variables of an environment that are of the wrong type for the template of an assistant."""
    instructions = assistant.value.spec.instructions
    template = loaded.templates.get(instructions.template) if isinstance(instructions, FromTemplate) else None
    if not isinstance(instructions, FromTemplate) or template is None:
        return
    values = environment.value.spec.variables
    for variable in template.value.spec.variables:
        name = variable.name
        if name in values and name not in instructions.variables and not variable.accepts(values[name]):
            message = f"variable '{name}' must be of type {variable.type}, as template '{instructions.template}' says"
            yield environment.complain("MAN004", message, ("spec", "variables", name))


def _doubled(placed: Sequence[Placed[Manifest]]) -> Iterator[Diagnostic]:
    first: dict[tuple[str, str], Placed[Manifest]] = {}
    for one in placed:
        kind, name = one.value.kind, one.value.metadata.name
        other = first.setdefault((kind, name), one)
        if other is not one:
            yield one.complain("MAN005", f"{kind} '{name}' is declared twice, first in {other.span}")


def _renamed(placed: Sequence[Placed[Manifest]]) -> Iterator[Diagnostic]:
    current = {(one.value.kind, one.value.metadata.name): one for one in placed}
    claimed: dict[tuple[str, str], Placed[Manifest]] = {}
    for one in placed:
        for nth, old in enumerate(one.value.metadata.previous_names):
            key, path = (one.value.kind, old), ("metadata", "previousNames", nth)
            if key in current:
                message = f"'{old}' is still the name of a manifest, in {current[key].span}"
                yield one.complain("MAN005", message, path, hint="rename and apply that one first, then this one")
            elif claimed.setdefault(key, one) is not one:
                yield one.complain("MAN005", f"the earlier name '{old}' is also claimed in {claimed[key].span}", path)


def _declared_twice(template: Placed[Template]) -> Iterator[Diagnostic]:
    seen: set[str] = set()
    for nth, variable in enumerate(template.value.spec.variables):
        if variable.name in seen:
            path = ("spec", "variables", nth, "name")
            yield template.complain("MAN005", f"variable '{variable.name}' is declared twice", path)
        seen.add(variable.name)


def _patches(environment: Placed[Environment], loaded: Loaded) -> Iterator[Diagnostic]:
    for nth, patch in enumerate(environment.value.spec.patches):
        path: Path = ("spec", "patches", nth)
        for key in patch.merge.spec:
            if key not in _KEYS:
                at = (*path, "merge", "spec", key)
                yield environment.complain(
                    "MAN002", f"unknown key '{key[:80]}'", at, hint=did_you_mean(key, _KEYS), key=True
                )
        chosen = (a.value.metadata for a in loaded.assistants.values())
        if not any(patch.select.matches(m.name, m.labels) for m in chosen):
            message = "the patch selects no assistant"
            yield environment.complain("MAN007", message, (*path, "select"), severity="warning")


def unknown_environment(loaded: Loaded, name: str) -> Diagnostic:
    """The complaint about an environment that is not declared."""
    hint = did_you_mean(name, {*loaded.environments, LOCAL})
    return Diagnostic(code="MAN007", message=f"there is no Environment '{name}'", hint=hint)
