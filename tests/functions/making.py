"""Functions of a registry, made without files."""

from collections.abc import Callable
from typing import Any

from orchestrator.functions import Declaration, Function, Options, function_of


def make(target: Callable[..., Any], **mark: Any) -> Function:
    """`target` as `demo.<name>`; `mark`: what would stand in `@tool(…)`."""
    return function_of(Declaration(callable=target, options=Options(**mark)), unit="demo")
