"""Manifests of one environment → `Desired`: templates rendered, tools resolved, functions bound. Pure.

Everything that is wrong is complained of in one go; an assistant with a complaint is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pydantic import SecretStr, ValidationError

from orchestrator.diagnostics import Diagnostic, Span, did_you_mean, in_order
from orchestrator.errors import ManifestsInvalid
from orchestrator.functions import Function as Callee
from orchestrator.functions import Registry, misfits
from orchestrator.manifests import Assistant, Loaded, Placed, Selection, Template, Tool
from orchestrator.manifests.fields import SecretPlace
from orchestrator.manifests.model import (
    FromFile,
    FromTemplate,
    InlineText,
    InlineTool,
    Limits,
    ModelSettings,
    PluginRef,
    ToolRef,
)
from orchestrator.reconcile import offering
from orchestrator.reconcile.desired import Binding, Desired, Rules
from orchestrator.reconcile.ignoring import fields
from orchestrator.reconcile.rendering import Apart, Renderer, TemplateFault, Values
from orchestrator.reconcile.selecting import Facts
from orchestrator.reconcile.tracing import Tracer
from orchestrator.tools import Function, FunctionDefinition, HostedPlugin, ToolKind
from orchestrator.wire.assistants import INSTRUCTIONS_LENGTH

Secrets = Callable[[SecretPlace, Span], SecretStr]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """All that is desired, and all complaints on the way."""

    desired: tuple[Desired, ...]
    diagnostics: tuple[Diagnostic, ...]


def desire(
    selection: Selection, loaded: Loaded, registry: Registry, secrets: Secrets, apart: Apart | None = None
) -> Wish:
    """What the manifests want in the selected environment. `secrets` finds a secret or raises ManifestsInvalid.

    `apart`: see `Renderer`.
    """
    maker = _Maker(selection, loaded, registry, secrets, apart)
    for tool in loaded.tools.values():
        maker.check_tool(tool)
    for template in loaded.templates.values():
        maker.check_template(template)
    desired = [made for one in selection.assistants.values() if (made := maker.make(one)) is not None]
    return Wish(desired=tuple(desired), diagnostics=in_order(dict.fromkeys(maker.found)))


def facts(assistants: Mapping[str, Placed[Assistant]]) -> dict[str, Facts]:
    """What a selection may ask of each assistant, as it is in the selected environment."""
    return {name: _facts(one) for name, one in assistants.items()}


@dataclass(slots=True)
class _Maker:
    selection: Selection
    loaded: Loaded
    registry: Registry
    secrets: Secrets
    apart: Apart | None = None
    found: list[Diagnostic] = field(default_factory=list[Diagnostic])
    sound: set[str] = field(default_factory=set[str])  # tools whose function is there and fits
    renderer: Renderer = field(init=False)
    tracer: Tracer = field(init=False)

    def __post_init__(self) -> None:
        self.renderer = Renderer(self.loaded.template_files, self.apart)
        self.tracer = Tracer(self.selection, self.loaded, self.registry, self.renderer)

    def make(self, one: Placed[Assistant]) -> Desired | None:
        before = len(self.found)
        spec, metadata = one.value.spec, one.value.metadata
        given = spec.model_fields_set
        nameless = "display_name" in given and spec.display_name is None
        body: dict[str, Any] = {**_sampling(spec.model), "name": "" if nameless else spec.display_name or metadata.name}
        if "description" in given:
            body["description"] = spec.description or ""
        if "instructions" in given:
            body["instructions"] = self._instructions(one)
        if "tools" in given:
            self.found.extend(offering.faults(one, self.loaded, self.registry))
            body["tools"] = tuple(self._tools(one))
        if "file_ids" in given:
            body["file_ids"] = spec.file_ids or ()
        if "metadata" in given:
            body["metadata"] = dict(spec.metadata or {})
        if len(self.found) > before or self._incomplete(one):
            return None
        return Desired(
            name=metadata.name,
            body=body,
            source=one,
            previous_names=metadata.previous_names,
            protect=spec.protect,
            retain=spec.on_delete == "retain",
            ignored=fields(spec.ignore),
            bindings=dict(self._bindings(one)),
            rules=_rules(one.value),
            inputs=partial(self.tracer.inputs, one),
        )

    def _incomplete(self, one: Placed[Assistant]) -> bool:
        """Whether it names a tool or plug-in that is complained of elsewhere."""
        return any(
            entry.ref not in self.sound
            if isinstance(entry, ToolRef)
            else isinstance(entry, PluginRef) and entry.plugin not in self.loaded.plugins
            for entry in one.value.spec.tools or ()
        )

    # ---- instructions

    def _instructions(self, one: Placed[Assistant]) -> str:
        values: dict[str, Any] = dict(self.selection.environment.value.spec.variables)
        match one.value.spec.instructions:
            case None:
                return ""
            case InlineText(text=text):
                return self._rendered(text, values, one, one, ("spec", "instructions"))
            case FromFile(file=file, variables=variables):
                text = self.loaded.template_files.get(file)
                return self._rendered(text or "", {**values, **variables}, one, file, ("spec", "instructions", "file"))
            case FromTemplate(template=name, variables=variables):
                template = self.loaded.templates.get(name)
                if template is None:  # complained of at load
                    return ""
                defaults = {v.name: v.default for v in template.value.spec.variables if v.default is not None}
                values = {**defaults, **values, **variables}
                return self._rendered(template.value.spec.body, values, one, template, ("spec", "body"))

    def check_template(self, template: Placed[Template]) -> None:
        """Its syntax, also when no assistant uses it."""
        try:
            self.renderer.check(template.value.spec.body)
        except TemplateFault as fault:
            at = template.at("spec", "body")
            text = self.loaded.sources.get(at.file, "")
            self.found.append(
                _in_text(at.file, text, fault, fault.message, line=_first_line(text, at) + fault.line - 1)
            )

    def _rendered(
        self, text: str, values: Values, one: Placed[Assistant], source: Placed[Any] | str, path: tuple[str, ...]
    ) -> str:
        try:
            rendered = self.renderer.render(text, values)
        except TemplateFault as fault:
            self.found.append(self._template_fault(fault, one, source, path))
            return ""
        if len(rendered) > INSTRUCTIONS_LENGTH:
            message = (
                f"the rendered instructions have {len(rendered):,} characters; {INSTRUCTIONS_LENGTH:,} are allowed"
            )
            self.found.append(one.complain("MAN008", message, ("spec", "instructions")))
        return rendered

    def _template_fault(
        self, fault: TemplateFault, one: Placed[Assistant], source: Placed[Any] | str, path: tuple[str, ...]
    ) -> Diagnostic:
        """Point into the text that is wrong: a template file, the body of a Template, or the manifest itself."""
        name = fault.file or (source if isinstance(source, str) else None)
        who = f"for assistant '{one.value.metadata.name}': {fault.message}"
        if name is not None:
            shown = f"{self.loaded.folder.name}/{name}"
            return _in_text(shown, self.loaded.template_files.get(name, ""), fault, who)
        where = one if isinstance(source, str) else source
        message = fault.message if where is one else who
        at = where.at(*path)
        text = self.loaded.sources.get(at.file, "")
        return _in_text(at.file, text, fault, message, line=_first_line(text, at) + fault.line - 1)

    # ---- tools

    def _tools(self, one: Placed[Assistant]) -> Iterator[ToolKind]:
        for entry in one.value.spec.tools or ():
            match entry:
                case InlineTool():
                    yield entry.tool
                case PluginRef():
                    yield from self._plugin(entry)
                case ToolRef(ref=name):
                    yield from self._function(name)

    def _plugin(self, entry: PluginRef) -> Iterator[ToolKind]:
        plugin = self.loaded.plugins.get(entry.plugin)
        if plugin is None:  # complained of at load
            return
        hosted = plugin.value.spec.hosted
        if hosted is None:
            yield from offering.tools_of(plugin, entry, self.registry)
            return
        path = ("spec", "hosted", "auth", "userToken")
        try:
            token = self.secrets(hosted.auth.user_token, plugin.at(*path)) if hosted.auth else None
        except ManifestsInvalid as error:
            self.found.extend(error.diagnostics)
        else:
            yield HostedPlugin(id=hosted.id, user_token=token)

    def _function(self, name: str) -> Iterator[ToolKind]:
        tool = self.loaded.tools.get(name)
        callee = self.registry.find(tool.value.spec.function) if tool else None
        if tool is None or callee is None:  # complained of already, at the tool or at load
            return
        spec = tool.value.spec
        try:
            definition = FunctionDefinition(
                name=name,
                description=spec.description or callee.description or None,
                parameters=spec.parameters if spec.parameters is not None else callee.parameters,
            )
        except ValidationError as error:
            self.found.append(tool.complain("MAN004", error.errors()[0]["msg"]))
        else:
            yield Function(function=definition)

    def check_tool(self, tool: Placed[Tool]) -> None:
        """The function exists, and a schema in the manifest fits its signature."""
        spec = tool.value.spec
        before = len(self.found)
        callee = self.registry.find(spec.function)
        if callee is None:
            hint = did_you_mean(spec.function, self.registry.names) or "no function was loaded from plugins/"
            message = f"there is no function '{spec.function}' in the plug-ins"
            self.found.append(tool.complain("MAN007", message, ("spec", "function"), hint=hint))
        elif spec.parameters is not None:
            self.found.extend(self._misfit(tool, callee, sentence) for sentence in misfits(spec.parameters, callee))
        if len(self.found) == before:
            self.sound.add(tool.value.metadata.name)

    def _misfit(self, tool: Placed[Tool], callee: Callee, sentence: str) -> Diagnostic:
        message = f"the schema does not fit the function '{callee.name}' ({callee.place}): {sentence}"
        return tool.complain("MAN004", message, ("spec", "parameters"), hint="leave it out to use the signature's own")

    def _bindings(self, one: Placed[Assistant]) -> Iterator[tuple[str, Binding]]:
        limits = one.value.spec.limits
        for entry in one.value.spec.tools or ():
            timeout = limits.tool_timeout if limits else None
            if isinstance(entry, ToolRef) and (tool := self.loaded.tools.get(entry.ref)):
                callee = self.registry.find(tool.value.spec.function)
                yield entry.ref, offering.binding_of(tool, entry, callee, timeout)
            elif isinstance(entry, PluginRef) and (plugin := self.loaded.plugins.get(entry.plugin)):
                yield from offering.bindings_of(plugin, entry, self.registry, timeout)


def _sampling(model: ModelSettings) -> dict[str, Any]:
    given = {
        "temperature": model.temperature,
        "top_p": model.top_p,
        "top_k": model.top_k,
        "max_tokens": model.max_tokens,
    }
    written = model.model_fields_set  # an explicit null clears
    return {"model": model.name, **{field: value for field, value in given.items() if field in written}}


def _facts(one: Placed[Assistant]) -> Facts:
    spec = one.value.spec
    source = spec.instructions
    templates = (
        {source.template} if isinstance(source, FromTemplate) else {source.file} if isinstance(source, FromFile) else ()
    )
    return Facts(
        labels=one.value.metadata.labels,
        path=one.file,
        tools=frozenset(_tool_name(entry) for entry in spec.tools or ()),
        templates=frozenset(templates),
    )


def _tool_name(entry: ToolRef | PluginRef | InlineTool) -> str:
    match entry:
        case ToolRef(ref=name) | PluginRef(plugin=name):
            return name
        case InlineTool():
            return entry.tool.TYPE


def _rules(assistant: Assistant) -> Rules:
    limits, context = assistant.spec.limits or Limits(), assistant.spec.context
    return Rules(
        tool_rounds=limits.tool_rounds,
        tool_calls=limits.tool_calls,
        same_calls=limits.same_calls,
        parallel_calls=limits.parallel_calls,
        output_bytes=limits.output_bytes,
        run_seconds=limits.run_timeout,
        last_messages=context.last_messages if context else None,
    )


def _first_line(text: str, at: Span) -> int:
    """The file's line in which a text value begins: after `|` or `>` on the next line, otherwise right there."""
    lines = text.splitlines()
    head = lines[at.line - 1][at.column - 1 :] if at.line <= len(lines) else ""
    return at.line + 1 if head[:1] in ("|", ">") else at.line


def _in_text(file: str, text: str, fault: TemplateFault, message: str, *, line: int | None = None) -> Diagnostic:
    number = line or fault.line
    lines = text.splitlines()
    quote = lines[number - 1] if 0 < number <= len(lines) else None
    column = len(quote) - len(quote.lstrip()) + 1 if quote else 1
    end = len(quote) + 1 if quote else None
    span = Span(file=file, line=number, column=column, end_column=end)
    return Diagnostic(code="MAN008", message=message, span=span, quote=quote, hint=fault.hint)
