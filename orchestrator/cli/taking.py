"""What `import` and `drift --accept` share: what the manifests have already, to be referred to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.reconcile.importing import Taken
    from orchestrator.workspace import Workspace


def taken(work: Workspace) -> Taken:
    """Names of manifests by kind, and the tools and plug-ins that can be referred to."""
    from orchestrator.reconcile.importing import Taken
    from orchestrator.reconcile.wording import References
    from orchestrator.tools import Function

    loaded = work.loaded
    names = {
        "Assistant": loaded.assistants.keys(),
        "Template": loaded.templates.keys(),
        "Plugin": loaded.plugins.keys(),
    }
    tools = {
        tool.function.name: tool
        for want in work.desired
        for tool in want.body.get("tools") or ()
        if isinstance(tool, Function) and tool.function.name in loaded.tools
    }
    plugins = {p.value.spec.hosted.id: name for name, p in loaded.plugins.items() if p.value.spec.hosted}
    return Taken(names=names, references=References(tools=tools, plugins=plugins))
