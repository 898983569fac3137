"""What is allowed in a plug-in, but serves a model badly. Pure: looks at what was loaded."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, cast

from orchestrator.diagnostics import Diagnostic
from orchestrator.functions.registry import Function, Unit

MOST_PARAMETERS = 12
_BLOCKING = frozenset(
    (
        *("time.sleep", "input", "subprocess.run", "urllib.request.urlopen"),
        *("requests.get", "requests.post", "requests.request"),
    )
)


def lint(unit: Unit) -> Iterator[Diagnostic]:
    """Warnings about the functions of a unit."""
    for function in unit.functions:
        for message, hint in (*_told(function), *_shape(function), *_blocks(function)):
            yield Diagnostic(
                code="PLG005",
                message=f"'{function.name}' {message}",
                span=function.place,
                quote=function.quote,
                hint=hint,
                severity="warning",
            )


def _told(function: Function) -> Iterator[tuple[str, str]]:
    if not function.description:
        yield "has no description, so the model has to guess what it is for", "write a docstring"
    for name, schema in _properties(function).items():
        if not schema.get("description") and "$ref" not in schema:
            yield f"does not say what '{name}' is", "describe it under Args: in the docstring"
        if not schema.keys() - {"description", "default"}:
            yield f"takes anything as '{name}'", "give the parameter a type"


def _shape(function: Function) -> Iterator[tuple[str, str]]:
    count = len(_properties(function))
    if count > MOST_PARAMETERS:
        yield (
            f"has {count} parameters; models lose track beyond {MOST_PARAMETERS}",
            "group them in a model, or split it",
        )
    if function.parameters.get("additionalProperties") is not False:
        yield "takes any further arguments (**kwargs)", "name them, so that a model knows of them"


def _blocks(function: Function) -> Iterator[tuple[str, str]]:
    """Calls in a coroutine function that stop everybody else."""
    if not function.is_async:
        return
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function.callable))))
    except (OSError, TypeError, SyntaxError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in _BLOCKING:
            yield (
                f"calls {ast.unparse(node.func)} in a coroutine, which stops all others",
                "await, or make it a plain function",
            )


def _properties(function: Function) -> Mapping[str, Mapping[str, Any]]:
    found = cast("Mapping[str, Any]", function.parameters.get("properties") or {})
    return {name: cast("Mapping[str, Any]", one) if isinstance(one, Mapping) else {} for name, one in found.items()}
