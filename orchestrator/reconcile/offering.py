"""Which functions of a plug-in an assistant offers its model, and how their calls are bound. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.diagnostics import Diagnostic, did_you_mean
from orchestrator.functions import Function, Registry
from orchestrator.manifests import Assistant, Loaded, Placed, Plugin, Tool, ToolRef
from orchestrator.manifests.approvals import ApprovalRules
from orchestrator.manifests.model import InlineTool, PluginRef
from orchestrator.reconcile.desired import Binding
from orchestrator.tools import Function as FunctionTool
from orchestrator.tools import FunctionDefinition


def functions_of(plugin: Placed[Plugin], entry: PluginRef, registry: Registry) -> tuple[Function, ...]:
    """What `{plugin: …}` stands for: all functions that are not hidden, or those that it names."""
    unit = registry.units.get(unit_name(plugin))
    if unit is None:
        return ()
    if entry.only is None:
        return tuple(one for one in unit.functions if not one.options.hidden)
    return tuple(one for one in unit.functions if one.tool in entry.only)


def unit_name(plugin: Placed[Plugin]) -> str:
    """The unit of the registry that a Plugin manifest is about."""
    return plugin.value.spec.code or plugin.value.metadata.name


def faults(one: Placed[Assistant], loaded: Loaded, registry: Registry) -> Iterator[Diagnostic]:
    """Functions that are not there, and names that the model would see twice."""
    seen: dict[str, str] = {}
    for nth, entry in enumerate(one.value.spec.tools or ()):
        path = ("spec", "tools", nth)
        match entry:
            case PluginRef(plugin=name) if (plugin := loaded.plugins.get(name)) and not plugin.value.spec.hosted:
                yield from _unknown(one, entry, registry.units.get(unit_name(plugin)), path)
                told = [(f.tool, f.name) for f in functions_of(plugin, entry, registry)]
            case ToolRef(ref=name):
                told = [(name, f"the tool '{name}'")]
            case InlineTool(tool=FunctionTool(function=definition)):
                told = [(definition.name, f"the function '{definition.name}'")]
            case _:
                told = []
        for visible, origin in told:
            first = seen.setdefault(visible, origin)
            if first != origin:
                message = f"the model would see two tools named '{visible}': {first} and {origin}"
                alias = f"{{kind: Tool, metadata: {{name: other-name}}, spec: {{function: {origin}}}}}"
                yield one.complain(
                    "MAN005", message, path, hint=f"name one of them anew, {alias}, and leave it out by 'only'"
                )


def _unknown(
    one: Placed[Assistant], entry: PluginRef, unit: object, path: tuple[str | int, ...]
) -> Iterator[Diagnostic]:
    known = {function.tool for function in getattr(unit, "functions", ())}
    for nth, name in enumerate(entry.only or ()):
        if name not in known:
            message = f"the plug-in '{entry.plugin}' has no function '{name}'"
            yield one.complain("MAN007", message, (*path, "only", nth), hint=did_you_mean(name, known))


def tools_of(plugin: Placed[Plugin], entry: PluginRef, registry: Registry) -> Iterator[FunctionTool]:
    """The functions as tools, in the order of the code."""
    for one in functions_of(plugin, entry, registry):
        yield FunctionTool(
            function=FunctionDefinition(name=one.tool, description=one.description or None, parameters=one.parameters)
        )


def bindings_of(
    plugin: Placed[Plugin], entry: PluginRef, registry: Registry, timeout: float | None
) -> Iterator[tuple[str, Binding]]:
    """The functions behind those tools; `timeout` in seconds holds where the code says none."""
    for one in functions_of(plugin, entry, registry):
        yield (
            one.tool,
            Binding(
                function=one.name,
                timeout=timeout if one.timeout is None else None,
                retries=one.options.retries,
                approval=entry.approval or "auto",
                least=one.options.approval,
            ),
        )


def binding_of(tool: Placed[Tool], entry: ToolRef, callee: Function | None, timeout: float | None) -> Binding:
    """The function behind a manifest of kind Tool."""
    spec = tool.value.spec
    own = callee.options if callee else None
    said = entry.approval or spec.approval
    return Binding(
        function=spec.function,
        timeout=spec.timeout or timeout,
        retries=spec.retries if spec.retries is not None else own.retries if own else 0,
        approval=said.default if isinstance(said, ApprovalRules) else said,
        rules=said.rules if isinstance(said, ApprovalRules) else (),
        least=own.approval if own else "auto",
    )
