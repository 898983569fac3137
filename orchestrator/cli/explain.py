"""`orchestrator explain PATH`: what a field of a manifest is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click
import orjson

from orchestrator.cli import options, output

if TYPE_CHECKING:
    from orchestrator.manifests.explaining import Child, Explained

FORMAT_VERSION = 1


@click.command(name="explain")
@click.argument("path", required=False, metavar="[PATH]")
@options.output
def command(path: str | None, fmt: str) -> None:
    """Explain a field such as Assistant.spec.tools.approval: type, default, allowed values, what is below it.

    Without PATH: the kinds of manifests.
    """
    from orchestrator.manifests.explaining import explain
    from orchestrator.manifests.loaded import KINDS

    if path is not None:
        found = explain(path)
        output.json(_json(found)) if fmt == "json" else output.data("\n".join(_lines(found)))
        return
    kinds = [explain(kind) for kind in KINDS]
    if fmt == "json":
        told = [{"name": kind.path, "description": kind.description} for kind in kinds]
        output.json({"format_version": FORMAT_VERSION, "kinds": told})
    else:
        output.table([("KIND", ""), *((kind.path, kind.description) for kind in kinds)])


def _json(found: Explained) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "path": found.path,
        "types": list(found.types),
        "required": found.required,
        **({"default": found.default} if found.has_default else {}),
        "description": found.description,
        "values": list(found.values),
        "limits": dict(found.limits),
        "children": [_child_json(child) for child in found.children],
    }


def _child_json(child: Child) -> dict[str, Any]:
    return {
        "name": child.name,
        "types": list(child.types),
        "required": child.required,
        "description": child.description,
        "form": child.form or None,
    }


def _lines(found: Explained) -> Iterator[str]:
    must = ", must be given" if found.required else ""
    yield f"{found.path}: {_types(found.types)}{must}"
    yield from (f"  {line}" for line in found.description.splitlines())
    if found.values:
        yield f"  values: {', '.join(found.values)}"
    if found.has_default:
        yield f"  default: {'none' if found.default is None else orjson.dumps(found.default).decode()}"
    for words, value in found.limits.items():
        yield f"  {words}: {orjson.dumps(value).decode() if isinstance(value, list) else value}"
    form = ""
    for nth, child in enumerate(found.children):
        if nth == 0 or child.form != form:
            form = child.form
            yield ""
            yield f"  {form}:" if form else "  below it:"
        yield f"    {child.name}{' *' if child.required else ''}  ({_types(child.types)})"
        yield from (f"        {line}" for line in child.description.splitlines())
    if any(child.required for child in found.children):
        yield ""
        yield "  * must be given"


def _types(types: tuple[str, ...]) -> str:
    return " or ".join(types) or "any value"
