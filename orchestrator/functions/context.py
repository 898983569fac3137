"""What a function may know of the call it answers, and reach through it: `Context`, found by type in any position.

The context is handed in by whoever performs the call: the server, `plugin call`, or a test. Behind each thing that
reaches out stands a door (`Surroundings`); where there is nothing behind a door, its use is refused in plain words,
as an output for the model.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, MutableMapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Protocol, TypeVar

from orchestrator.functions.decorator import ToolError

_T = TypeVar("_T")
_LOG = logging.getLogger("orchestrator.plugins")


class Files(Protocol):
    """The files that a call may read and make."""

    async def read(self, file_id: str) -> bytes:
        """The content of a file. Raises `ToolError` if there is none of that id."""
        ...

    async def save(self, name: str, content: bytes) -> str:
        """Keep a new file; its id."""
        ...


class Approver(Protocol):
    """Whoever can be asked whether something may be done."""

    async def __call__(self, question: str) -> bool: ...


class Listener(Protocol):
    """Whoever hears how far a call is. `total` is None when nobody knows."""

    def __call__(self, done: float, total: float | None, note: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Which call it is. `deadline`: on the clock of `time.monotonic`, None if there is none."""

    run_id: str = ""
    thread_id: str = ""
    assistant: str = ""
    call_id: str = ""
    attempt: int = 1
    deadline: float | None = None

    def at(self, attempt: int, deadline: float) -> Occasion:
        """The same call, at a further try. (Written out: `dataclasses.replace` takes as long as all the rest.)"""
        return Occasion(
            run_id=self.run_id,
            thread_id=self.thread_id,
            assistant=self.assistant,
            call_id=self.call_id,
            attempt=attempt,
            deadline=deadline,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What stands behind the doors of a context; None: nothing does.

    `http` gives a client of the room `transport` that reaches declared hosts only; `resources` is what the plug-in's
    lifespan gave; `loop` is the event loop on which coroutines of the context run.
    """

    settings: Any = None
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])
    state: MutableMapping[str, Any] = field(default_factory=dict[str, Any])
    resources: Any = None
    files: Files | None = None
    http: Callable[[], Any] | None = None
    approve: Approver | None = None
    listener: Listener | None = None
    log: logging.Logger = _LOG
    loop: asyncio.AbstractEventLoop | None = None


class Context:
    """One call, as the function that answers it sees it."""

    __slots__ = ("_around", "_occasion")

    def __init__(self, occasion: Occasion | None = None, around: Surroundings | None = None) -> None:
        self._occasion = occasion or Occasion()
        self._around = around or Surroundings()

    @property
    def run_id(self) -> str:
        """The id of the run; empty outside of runs."""
        return self._occasion.run_id

    @property
    def thread_id(self) -> str:
        """The id of the thread; empty outside of runs."""
        return self._occasion.thread_id

    @property
    def assistant(self) -> str:
        """The name of the assistant's manifest; empty outside of runs."""
        return self._occasion.assistant

    @property
    def call_id(self) -> str:
        """The id of the call: the same when a call is repeated, so a key for whoever must do things once only."""
        return self._occasion.call_id

    @property
    def attempt(self) -> int:
        """1 for the first try of this call."""
        return self._occasion.attempt

    @property
    def deadline(self) -> float | None:
        """When this try is over, on the clock of `time.monotonic`."""
        return self._occasion.deadline

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the deadline, at least 0; None if there is none."""
        deadline = self._occasion.deadline
        return None if deadline is None else max(0.0, deadline - monotonic())

    @property
    def settings(self) -> Any:
        """What the manifest set for this plug-in, as its `settings` type."""
        return self._around.settings

    @property
    def secrets(self) -> Mapping[str, str]:
        """The secrets that the manifest hands to this plug-in, by name."""
        return self._around.secrets

    @property
    def state(self) -> MutableMapping[str, Any]:
        """JSON values that stay with the thread, for this plug-in alone."""
        return self._around.state

    @property
    def resources(self) -> Any:
        """What the plug-in's lifespan gave."""
        return self._around.resources

    @property
    def files(self) -> Files:
        """The files of the thread."""
        return _there(self._around.files, "There are no files here.")

    @property
    def http(self) -> Any:
        """An `httpx2.AsyncClient` that reaches the hosts for which the plug-in has a permission, and no others."""
        return _there(self._around.http, "There is no network here: the plug-in was granted no 'net:…'.")()

    @property
    def log(self) -> logging.Logger:
        """The plug-in's log; nothing of it reaches the model."""
        return self._around.log

    def progress(self, done: float, total: float | None = None, note: str = "") -> None:
        """Tell how far the call is."""
        if self._around.listener is not None:
            self._around.listener(done, total, note)

    def wait(self, work: Coroutine[Any, Any, _T]) -> _T:
        """From a plain function in its thread: do something of this context that is awaited, such as a request.

        Raises:
            RuntimeError: on an event loop, where it is awaited instead.
        """
        loop = self._around.loop
        if loop is None or _on(loop):
            work.close()
            raise RuntimeError("Context.wait is for functions in a thread; await it in a coroutine function")
        future = asyncio.run_coroutine_threadsafe(work, loop)
        try:
            return future.result(self.seconds_left)
        except TimeoutError:
            future.cancel()
            raise

    async def approve(self, question: str) -> bool:
        """Ask a person; False if the answer is no, or nobody can be asked."""
        return self._around.approve is not None and await self._around.approve(question)


def _there(thing: _T | None, otherwise: str) -> _T:
    if thing is None:
        raise ToolError(otherwise, code="not_available")
    return thing


def _on(loop: asyncio.AbstractEventLoop) -> bool:
    with suppress(RuntimeError):
        return asyncio.get_running_loop() is loop
    return False


_current: ContextVar[Context | None] = ContextVar("orchestrator_context", default=None)


def current() -> Context | None:
    """The context of the call that the code at hand works for, for helpers that are not handed one."""
    return _current.get()


def enter(context: Context) -> None:
    """Make a context that of the code that runs from here on, in this task or thread."""
    _current.set(context)
