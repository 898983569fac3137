"""What a folder of manifests declares, and the list of kinds. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.diagnostics import Diagnostic
from orchestrator.errors import ManifestsInvalid
from orchestrator.manifests.environment import Environment
from orchestrator.manifests.model import Assistant, Template, Tool
from orchestrator.manifests.placed import Placed
from orchestrator.manifests.plugins import Plugin

Manifest = Assistant | Template | Tool | Plugin | Environment
KINDS: Mapping[str, type[Manifest]] = {
    "Assistant": Assistant,
    "Template": Template,
    "Tool": Tool,
    "Plugin": Plugin,
    "Environment": Environment,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a folder declares, by name and per kind; `template_files` and `sources` by path with `/`.

    `template_files` holds the `*.j2` files, relative to the folder; `sources` every file as complaints name it.
    """

    folder: Path
    assistants: Mapping[str, Placed[Assistant]]
    templates: Mapping[str, Placed[Template]]
    tools: Mapping[str, Placed[Tool]]
    plugins: Mapping[str, Placed[Plugin]]
    environments: Mapping[str, Placed[Environment]]
    template_files: Mapping[str, str] = field(repr=False)
    sources: Mapping[str, str] = field(repr=False)
    diagnostics: tuple[Diagnostic, ...] = ()

    def raise_for_errors(self) -> None:
        """Raise if anything is wrong; warnings are not.

        Raises:
            ManifestsInvalid: with all errors and warnings, in the order of files and lines.
        """
        if any(d.severity == "error" for d in self.diagnostics):
            raise ManifestsInvalid(self.diagnostics)
