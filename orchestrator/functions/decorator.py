"""What a plug-in author writes: `@tool` marks a function, `ToolError` tells the model what went wrong.

Importing this file costs next to nothing, and outside of loading the mark does nothing at all: a plug-in can be
imported, called and tested as the plain module it is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar, overload

F = TypeVar("F", bound=Callable[..., Any])


class ToolError(Exception):
    """Raised by a function to tell the model, in its own words, why there is no result.

    `code` is a short word for programs; the message is for the model and reaches it unchanged.
    """

    def __init__(self, message: str, *, code: str = "tool_error") -> None:
        super().__init__(message)
        self.message = message
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """A callable that was marked, with what the mark says. `module`: where the mark stands."""

    callable: Callable[..., Any]
    module: str = ""
    name: str | None = None
    description: str | None = None
    timeout: float | None = None
    idempotent: bool = False


@dataclass(slots=True)
class Collector:
    """What has been marked while one plug-in is loaded."""

    declarations: list[Declaration] = field(default_factory=list[Declaration])


_collector: ContextVar[Collector | None] = ContextVar("orchestrator_collector", default=None)


@contextmanager
def collecting() -> Generator[Collector]:
    """Collect the functions that are marked in this block."""
    collector = Collector()
    token = _collector.set(collector)
    try:
        yield collector
    finally:
        _collector.reset(token)


def _module_of_caller() -> str:
    """The module in which the mark is set: that of the nearest frame outside of this file."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    return str(frame.f_globals.get("__name__", "")) if frame else ""


@overload
def tool(function: F, /) -> F: ...
@overload
def tool(
    *, name: str | None = None, description: str | None = None, timeout: float | None = None, idempotent: bool = False
) -> Callable[[F], F]: ...
def tool(
    function: F | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    timeout: float | None = None,
    idempotent: bool = False,
) -> F | Callable[[F], F]:
    """Mark a function as one that assistants may call; the function itself comes back, unchanged.

    Args:
        function: The function, when the decorator stands without brackets.
        name: What the function is called below its plug-in; default: its own name.
        description: What the model is told; default: the text of the docstring.
        timeout: Seconds after which the model is told that there is no result.
        idempotent: Whether calling twice does no more than calling once, so that a lost call may be repeated.
    """

    def mark(target: F) -> F:
        collector = _collector.get()
        if collector is not None:
            collector.declarations.append(
                Declaration(
                    callable=target,
                    module=_module_of_caller(),
                    name=name,
                    description=description,
                    timeout=timeout,
                    idempotent=idempotent,
                )
            )
        return target

    return mark if function is None else mark(function)
