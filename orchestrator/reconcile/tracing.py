"""What a desired assistant was made of: its manifest, patches, templates, variables, tools and functions. Pure.

Worked out for one assistant when somebody asks, since it means parsing templates once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from orchestrator.functions import Registry
from orchestrator.manifests import Assistant, Loaded, Placed, Selection
from orchestrator.manifests.model import FromFile, FromTemplate, InlineText, PluginRef, ToolRef
from orchestrator.reconcile.causes import Input, Inputs, content
from orchestrator.reconcile.offering import functions_of
from orchestrator.reconcile.rendering import Renderer

_PARTS: Mapping[str, str] = {  # the manifest's words → those of the wire
    "model": "model",
    "displayName": "name",
    "description": "description",
    "instructions": "instructions",
    "tools": "tools",
    "fileIds": "file_ids",
    "metadata": "metadata",
}


@dataclass(frozen=True, slots=True)
class Tracer:
    """Knows where everything of one environment came from."""

    selection: Selection
    loaded: Loaded
    registry: Registry
    renderer: Renderer

    def inputs(self, one: Placed[Assistant]) -> Inputs:
        """The inputs of an assistant, each with a hash of its content."""
        return Inputs(
            digests={
                **dict(self._manifest(one)),
                **dict(self._patches(one)),
                **dict(self._text(one)),
                **dict(self._tools(one)),
            }
        )

    def _manifest(self, one: Placed[Assistant]) -> Iterator[tuple[Input, str]]:
        """What the file itself says, before any patch."""
        name = one.value.metadata.name
        spec = self.loaded.assistants.get(name, one).raw["spec"]
        yield from ((Input("file", one.file, part), digest) for part, digest in _parts(spec))
        if "displayName" not in spec:
            yield Input("file", one.file, "name"), content(name)

    def _patches(self, one: Placed[Assistant]) -> Iterator[tuple[Input, str]]:
        environment = self.selection.environment
        laid: dict[str, list[Any]] = {}
        for overlay in one.overlays:
            laid.setdefault(str(overlay.path[1]), []).append([overlay.path, _at(environment.raw, overlay.base)])
        name = environment.value.metadata.name
        yield from ((Input("environment", name, part), digest) for part, digest in _parts(laid))

    def _text(self, one: Placed[Assistant]) -> Iterator[tuple[Input, str]]:
        """Templates with all that they include, and the variables that occur in them."""
        own: Mapping[str, Any] = {}
        defaults: Mapping[str, Any] = {}
        source = ""
        match one.value.spec.instructions:
            case InlineText(text=text):
                source = text
            case FromFile(file=file, variables=own):
                source = self.loaded.template_files.get(file, "")
                yield Input("template", file), content(source)
            case FromTemplate(template=name, variables=own):
                if (template := self.loaded.templates.get(name)) is not None:
                    source = template.value.spec.body
                    defaults = {v.name: v.default for v in template.value.spec.variables if v.default is not None}
                    yield Input("template", name), content(source)
            case None:
                pass
        uses = self.renderer.uses(source)
        for file in sorted(uses.files):
            yield Input("template", file), content(self.loaded.template_files.get(file))
        environment = self.selection.environment.value
        origins = (
            ("template's default", defaults),
            (f"environment {environment.metadata.name}", environment.spec.variables),
            (one.value.metadata.name, own),
        )
        for name in sorted(uses.names):
            yield from _variable(name, origins)

    def _tools(self, one: Placed[Assistant]) -> Iterator[tuple[Input, str]]:
        for entry in one.value.spec.tools or ():
            if isinstance(entry, PluginRef) and entry.plugin in self.loaded.plugins:
                plugin = self.loaded.plugins[entry.plugin]
                yield Input("plugin", entry.plugin), content(plugin.raw["spec"])
                for function in functions_of(plugin, entry, self.registry):
                    yield Input("code", function.name), function.schema_hash
            elif isinstance(entry, ToolRef) and entry.ref in self.loaded.tools:
                tool = self.loaded.tools[entry.ref]
                yield Input("tool", entry.ref), content(tool.raw["spec"])
                if (function := self.registry.find(tool.value.spec.function)) is not None:
                    yield Input("code", function.name), function.schema_hash


def _parts(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """A hash for each field of the wire that a spec names."""
    for key, value in spec.items():
        if key == "model" and isinstance(value, Mapping):
            yield from _sampling(cast("Mapping[str, Any]", value))
        elif key in _PARTS:
            yield _PARTS[key], content(value)


def _sampling(model: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    words = {"name": "model", "topP": "top_p", "topK": "top_k", "maxTokens": "max_tokens"}
    yield from ((words.get(key, key), content(value)) for key, value in model.items())


def _variable(name: str, origins: tuple[tuple[str, Mapping[str, Any]], ...]) -> Iterator[tuple[Input, str]]:
    """The value that counts, with its origin: the last that has one."""
    for origin, values in reversed(origins):
        if name in values:
            yield Input("variable", f"{name} ({origin})"), content(values[name])
            return


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        value = value[step]
    return value
