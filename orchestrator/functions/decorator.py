"""What a plug-in author writes: `@tool` marks a function, `Plugin` is for the whole file, errors are for the model.

Importing this file costs next to nothing, and outside of loading the mark does nothing at all: a plug-in can be
imported, called and tested as the plain module it is.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeVar, cast, overload

F = TypeVar("F", bound=Callable[..., Any])
Approval = Literal["auto", "ask", "deny"]
Isolation = Literal["thread", "loop", "process"]
Lifespan = Callable[..., AbstractAsyncContextManager[Any]]


class ToolError(Exception):
    """Raised by a function to tell the model, in its own words, why there is no result.

    The message is for the model and reaches it unchanged; `code` is a short word for programs; `retry` tells the model
    that it may correct itself and call again; `details` go along as JSON.
    """

    def __init__(self, message: str, *, code: str = "tool_error", retry: bool = False, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.retry = retry
        self.details = details


class Transient(Exception):
    """Raised by a function when trying again soon may help; we try again while attempts and time last.

    `retry_after`: seconds that the other side asked us to wait. The message is told to the model if nothing helped.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a mark says; the words of `tool`, which explains them."""

    name: str | None = None
    description: str | None = None
    timeout: float | None = None
    retries: int = 0
    retry_on: tuple[type[Exception], ...] = ()
    approval: Approval = "auto"
    permissions: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    version: str | None = None
    concurrency: int | None = None
    isolate: Isolation | None = None
    read_only: bool = False
    idempotent: bool = False
    max_result: int | None = None
    hidden: bool = False


_WORDS = frozenset(one.name for one in fields(Options))


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """A callable that was marked, with what the mark says. `module`: where the mark stands."""

    callable: Callable[..., Any]
    module: str = ""
    options: Options = field(default_factory=Options)


class Plugin:
    """The file as a whole: a name for people, a version, settings that its manifest may give, what lives as long as it.

    `settings` is a pydantic model or any type that pydantic reads; what it holds is `Context.settings`. `permissions`
    hold for every function of the file.
    """

    def __init__(
        self,
        name: str | None = None,
        version: str | None = None,
        *,
        settings: Any = None,
        permissions: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.version = version
        self.settings = settings
        self.permissions = (permissions,) if isinstance(permissions, str) else tuple(permissions)
        self.open: Lifespan | None = None
        collector = _collector.get()
        if collector is not None:
            collector.plugins.append((_module_of_caller(), self))

    def lifespan(self, function: Callable[..., AsyncGenerator[Any]], /) -> Callable[..., AsyncGenerator[Any]]:
        """Mark an async generator: it opens before the first call, and what it yields is `Context.resources`.

        It takes nothing, or the settings. It is closed when the last call of this version of the code is over.
        """
        self.open = asynccontextmanager(function)
        return function

    @property
    def tool(self) -> Any:
        """The same as `orchestrator.tool`."""
        return tool


@dataclass(slots=True)
class Collector:
    """What has been marked while one unit is loaded; plug-ins with the module they stand in."""

    declarations: list[Declaration] = field(default_factory=list[Declaration])
    plugins: list[tuple[str, Plugin]] = field(default_factory=list[tuple[str, Plugin]])


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
    *,
    name: str | None = None,
    description: str | None = None,
    timeout: float | None = None,
    retries: int = 0,
    retry_on: Sequence[type[Exception]] = (),
    approval: Approval = "auto",
    permissions: Sequence[str] = (),
    tags: Sequence[str] = (),
    version: str | None = None,
    concurrency: int | None = None,
    isolate: Isolation | None = None,
    read_only: bool = False,
    idempotent: bool = False,
    max_result: int | None = None,
    hidden: bool = False,
) -> Callable[[F], F]: ...
def tool(function: F | None = None, /, **options: Any) -> F | Callable[[F], F]:
    """Mark a function as one that assistants may call; the function itself comes back, unchanged.

    Args:
        function: The function, when the decorator stands without brackets.
        options: By name; what is left out has its default.

            `name`: what the function is called below its plug-in; default: its own name.
            `description`: what the model is told; default: the text of the docstring.
            `timeout`: seconds after which the model is told that there is no result; default: 30.
            `retries`: how often a call is made again after `Transient`, or after an exception of `retry_on`.
            `retry_on`: further exceptions that are worth another try.
            `approval`: `ask` a person first, or `deny`; a manifest may be stricter, never laxer.
            `permissions`: what the function needs (`net:HOST`, `env:NAME`, …); a manifest has to grant it.
            `tags`: words to choose functions by.
            `version`: the author's own; told by `plugin list`.
            `concurrency`: how many calls may be under way at a time; default: as many as there are.
            `isolate`: where a plain function runs: in a `thread` (default), on the event `loop` (it must not
            block), or in a `process` of its own, which can be killed. A coroutine function runs on the loop.
            `read_only`: the function changes nothing in the world; implies `idempotent`.
            `idempotent`: calling twice does no more than calling once, so a lost call may be repeated.
            `max_result`: bytes of UTF-8 that a result may have; what is longer is cut.
            `hidden`: not offered unless a manifest names it.
    """
    said = _options(options)

    def mark(target: F) -> F:
        collector = _collector.get()
        if collector is not None:
            declared = Declaration(callable=target, module=_module_of_caller(), options=said)
            collector.declarations.append(declared)
        return target

    return mark if function is None else mark(function)


def _options(given: dict[str, Any]) -> Options:
    unknown = given.keys() - _WORDS
    if unknown:
        raise TypeError(f"@tool knows no {', '.join(sorted(unknown))}; it knows {', '.join(sorted(_WORDS))}")
    for name in ("retry_on", "permissions", "tags"):
        if name in given:
            value: Any = given[name]
            alone = isinstance(value, str | type)  # a single one is meant as a list of one
            given = {**given, name: (value,) if alone else tuple(cast("Sequence[Any]", value))}
    return Options(**given)
