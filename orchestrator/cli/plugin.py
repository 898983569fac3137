"""`orchestrator plugin`: what authors of plug-ins need at hand."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import click

from orchestrator.cli import options, output

if TYPE_CHECKING:
    from orchestrator.functions import Function
    from orchestrator.workspace import Workspace

_HEAD = ("FUNCTION", "FROM", "VERSION", "HASH", "APPROVAL", "WHAT IT DOES")
_SAID = ("timeout", "retries", "approval", "concurrency", "isolate", "read_only", "idempotent", "tags")
_BROKEN = 1


@click.group(name="plugin")
def command() -> None:
    """Plug-ins: make, list, show, call, test, check and document them."""


@command.command(name="list")
@options.folder
@options.environment
@options.output
def list_(fmt: str, **given: Any) -> int:
    """List the functions that were loaded; what could not be loaded is told. Exit code 1 if there is any of that."""
    work = _read(**given)
    wrong = _complaints(work)
    functions = list(work.registry.functions.values())
    if fmt == "json":
        told = [_as_json(work, one) for one in functions]
        output.json({"format_version": 1, "functions": told, "diagnostics": [d.as_json() for d in wrong]})
    else:
        output.table([_HEAD, *(_row(work, one) for one in functions)])
        for one in wrong:
            output.say(str(one))
    return _BROKEN if any(one.severity == "error" for one in wrong) else 0


@command.command(name="show")
@click.argument("name")
@options.folder
@options.environment
@click.option("--as", "form", type=click.Choice(["text", "openai", "schema", "md"]), default="text", show_default=True)
def show(name: str, form: str, **given: Any) -> None:
    """Show a function: what a model is told of it, where it comes from, what it may do."""
    work = _read(**given)
    function = _find(work, name)
    match form:
        case "openai":
            told = {"name": function.tool, "description": function.description, "parameters": function.parameters}
            output.json({"type": "function", "function": told})
        case "schema":
            output.json(function.parameters)
        case "md":
            output.data(_markdown(function))
        case _:
            output.data(_text(work, function))


@command.command(name="call")
@click.argument("name")
@click.argument("arguments", nargs=-1, metavar="[KEY=VALUE…]")
@options.folder
@options.environment
@click.option("--json", "text", metavar="JSON", help="All arguments at once, as a model would write them.")
@click.option(
    "--repeat", type=click.IntRange(1), default=1, metavar="N", help="Call so often, and tell how long it took."
)
@click.option("--debug", is_flag=True, help="Show the trace of what goes wrong.")
def call(name: str, arguments: tuple[str, ...], text: str | None, repeat: int, debug: bool, **given: Any) -> int:
    """Call a function as a model would; its output is on standard output. Exit code 1 if it is an error."""
    import logging

    work = _read(**given)
    function = _find(work, name)
    if debug:
        logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    written = text if text is not None else json.dumps(dict(map(_pair, arguments)), ensure_ascii=False)
    return asyncio.run(_call(work, function, written, repeat))


@command.command(name="new")
@click.argument("name")
@options.folder
def new(name: str, **given: Any) -> None:
    """Make a plug-in, its test, and the manifest that binds it."""
    from orchestrator.cli.scaffold import files_of
    from orchestrator.errors import SettingsError
    from orchestrator.manifests import writing

    if not name.isidentifier() or not name.isascii() or name.startswith("_"):
        raise SettingsError(f"'{name[:80]}' is not a Python name.", hint="letters, digits and _, such as weather")
    folder = options.settings(environment="local", **given).folder
    files = files_of(name)
    there = [file for file in files if (folder / file).exists()]
    if there:
        raise SettingsError(f"{folder / there[0]} is there already.", hint="choose another name")
    for file, text in files.items():
        writing.create(folder, file, text)
        output.changes(f"+ {file}")
    output.say(f"Try it: orchestrator plugin call {name}.hello name=Ada\nTest it: orchestrator plugin test")


@command.command(name="test", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, metavar="[PYTEST ARGUMENTS…]", type=click.UNPROCESSED)
@options.folder
def test(arguments: tuple[str, ...], **given: Any) -> int:
    """Run the tests of the folder `tests` with pytest."""
    from importlib.util import find_spec

    from orchestrator.errors import SettingsError

    folder = options.settings(environment="local", **given).folder
    if find_spec("pytest") is None:
        raise SettingsError("pytest is not installed here.", hint="pip install pytest")
    line = [sys.executable, "-m", "pytest", *(arguments or ("tests",))]
    code = subprocess.run(line, cwd=folder, check=False).returncode  # noqa: S603 (the author's own tests)
    return 0 if code == 0 else 8


@command.command(name="lint")
@options.folder
@options.environment
@options.output
@click.option("--strict", is_flag=True, help="Exit with 1 if there is anything to say.")
def lint(fmt: str, strict: bool, **given: Any) -> int:
    """Tell what is allowed in a plug-in, but serves a model badly."""
    from orchestrator.functions.linting import lint as warnings

    work = _read(**given)
    found = [work.from_here(one) for unit in work.code.units.values() for one in warnings(unit)]
    wrong = _complaints(work)
    if fmt == "json":
        output.json({"format_version": 1, "diagnostics": [d.as_json() for d in (*wrong, *found)]})
    else:
        for one in (*wrong, *found):
            output.data(str(one))
        output.say(f"{len(found)} to think about." if found else "Nothing to say.")
    return 1 if any(d.severity == "error" for d in wrong) or (strict and found) else 0


@command.command(name="docs")
@options.folder
@options.environment
def docs(**given: Any) -> None:
    """Write what there is as Markdown, for people."""
    work = _read(**given)
    output.data("\n".join(_markdown(one) for one in work.registry.functions.values()))


@command.command(name="accept")
@click.argument("name")
@options.folder
@options.environment
@options.yes
def accept(name: str, yes: bool, **given: Any) -> int:
    """Look at the tools of the MCP server NAME, and accept them as they are now: they are pinned in plugins.lock."""
    from orchestrator.cli import accepting

    return accepting.accept(_read(**given), name, yes=yes)


@command.command(name="serve")
@options.folder
@options.environment
@click.option("--mcp", type=click.Choice(["stdio"]), required=True, help="How a client speaks with us.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only functions with this tag (repeatable).")
def serve(mcp: str, tags: tuple[str, ...], **given: Any) -> None:
    """Offer the functions to an MCP client, without those that are hidden or ask a person."""
    from orchestrator.cli import accepting

    accepting.serve(_read(**given), tags)


# ---- what they share


def _read(**given: Any) -> Workspace:
    from orchestrator.workspace import Workspace

    return Workspace.read(options.settings(**given))


def _complaints(work: Workspace) -> list[Any]:
    return [one for one in work.diagnostics if one.code.startswith("PLG")]


def _find(work: Workspace, name: str) -> Function:
    from orchestrator.diagnostics import did_you_mean
    from orchestrator.errors import PluginsInvalid, SettingsError

    found = work.registry.find(name)
    if found is None:
        alone = [one for one in work.registry.functions.values() if one.tool == name]
        if len(alone) == 1:
            return alone[0]
        wrong = _complaints(work)
        if wrong:
            raise PluginsInvalid(wrong)
        hint = did_you_mean(name, work.registry.names) or "orchestrator plugin list"
        raise SettingsError(f"There is no function '{name[:80]}'.", hint=hint)
    return found


def _from(work: Workspace, function: Function) -> str:
    return str(work.from_here_span(function.place))


def _row(work: Workspace, one: Function) -> tuple[str, ...]:
    unit = work.registry.unit_of(one)
    version = one.options.version or (unit.plugin.version if unit and unit.plugin else None) or "-"
    first = one.description.splitlines()[0] if one.description else ""
    return (one.name, _from(work, one), version, one.schema_hash[:8], one.options.approval, first[:60])


def _as_json(work: Workspace, one: Function) -> dict[str, Any]:
    return {
        "name": one.name,
        "from": _from(work, one),
        "description": one.description,
        "parameters": one.parameters,
        "schema_hash": one.schema_hash,
        "version": one.options.version,
        "approval": one.options.approval,
        "permissions": list(one.options.permissions),
        "tags": list(one.options.tags),
    }


def _text(work: Workspace, one: Function) -> str:
    unit = work.registry.unit_of(one)
    granted = ", ".join(unit.grants) if unit else ""
    said = {name: value for name in _SAID if (value := getattr(one.options, name))}
    lines = [
        f"{one.name}  ({_from(work, one)})",
        *(f"  {line}" for line in one.description.splitlines()),
        f"  options: {', '.join(f'{name}={value}' for name, value in said.items()) or 'none'}",
        f"  permissions: {', '.join(one.options.permissions) or 'none'}; granted: {granted or 'none'}",
        f"  schema {one.schema_hash[:12]}:",
        *(f"    {line}" for line in json.dumps(one.parameters, indent=2, ensure_ascii=False).splitlines()),
    ]
    return "\n".join(lines)


def _markdown(one: Function) -> str:
    needed = cast("list[str]", one.parameters.get("required") or [])
    properties = cast("Mapping[str, Any]", one.parameters.get("properties") or {})
    rows = [_markdown_row(name, schema, needed=name in needed) for name, schema in properties.items()]
    head = ["", "| argument | type | needed | what it is |", "|---|---|---|---|"] if rows else []
    return "\n".join([f"## `{one.name}`", "", one.description, *head, *rows, ""])


def _markdown_row(name: str, schema: Any, *, needed: bool) -> str:
    told: Mapping[str, Any] = cast("Mapping[str, Any]", schema) if isinstance(schema, Mapping) else {}
    values: list[object] = told.get("enum") or []
    kind = " or ".join(f"`{value}`" for value in values) or told.get("type") or ("object" if "$ref" in told else "any")
    text = str(told.get("description") or "").replace("|", "&#124;").replace("\n", " ")
    return f"| `{name}` | {kind} | {'yes' if needed else 'no'} | {text} |"


def _pair(text: str) -> tuple[str, Any]:
    """`key=value`; a value that is JSON is taken as such, other text as text."""
    from orchestrator.errors import SettingsError

    key, equals, value = text.partition("=")
    if not key or not equals:
        raise SettingsError(f"'{text[:80]}' is no KEY=VALUE.", hint='or all at once: --json \'{"key": "value"}\'')
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


async def _call(work: Workspace, function: Function, text: str, repeat: int) -> int:
    from orchestrator.functions.context import Occasion, Surroundings
    from orchestrator.functions.performing import Stage, Terms

    def listen(done: float, total: float | None, note: str) -> None:
        output.say(f"  {done:g}" + (f" of {total:g}" if total is not None else "") + (f": {note}" if note else ""))

    async def approve(question: str) -> bool:
        return output.confirm(question, flag="a terminal")

    around, stage, seconds = Surroundings(approve=approve, listener=listen), Stage(), list[float]()
    failed = False
    try:
        for nth in range(repeat):
            began = time.perf_counter()
            answer = await stage.call(
                work.registry,
                function.name,
                text,
                terms=Terms(retries=function.options.retries),
                occasion=Occasion(call_id=f"call_{nth}"),
                around=lambda _: around,
            )
            seconds.append(time.perf_counter() - began)
            failed |= not answer.ok
            if nth == 0:
                output.data(answer.text)
    finally:
        await stage.close()
    if repeat > 1:
        ordered = sorted(seconds)
        marks = ", ".join(f"p{p} {ordered[min(repeat - 1, repeat * p // 100)] * 1000:.2f} ms" for p in (50, 95, 99))
        output.say(f"{repeat} calls: {marks}")
    return 1 if failed else 0
