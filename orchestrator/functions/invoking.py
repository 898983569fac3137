"""Call a function for a model: JSON text in, text out. Every outcome is an output; nothing breaks a run.

Coroutine functions run on the loop, others in a thread. A call that does not come back in time is cancelled; if it
does not listen, it is left behind: the model is told, the slot is given back, and a late result is dropped.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import secrets
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import Any, cast
from weakref import WeakKeyDictionary

import anyio
from anyio.lowlevel import RunVar
from pydantic import ValidationError

from orchestrator.errors import OutOfReach, TooMuch
from orchestrator.functions.context import Context, enter
from orchestrator.functions.decorator import ToolError, Transient
from orchestrator.functions.outputs import (
    LARGEST,
    Answer,
    NoText,
    ToolOutput,
    error,
    not_an_object,
    result_text,
    wrong_arguments,
)
from orchestrator.functions.registry import Function
from orchestrator.functions.threads import THREADS, Report

DEFAULT_TIMEOUT = 30.0  # seconds
DEFAULT_THREADS = 40  # calls in threads at a time, per event loop
MOST_LEFT_BEHIND = 16  # threads of one function that hang; beyond, it is not called any more
_LONGEST = 1e7  # seconds; no event loop takes infinity
_GRACE = 0.5  # seconds that a cancelled coroutine has to clean up

_log = logging.getLogger(__name__)
_limiters: RunVar[anyio.CapacityLimiter] = RunVar("orchestrator_function_limiter")
_tasks_left: set[asyncio.Task[Any]] = set()
_threads_left: WeakKeyDictionary[Function, int] = WeakKeyDictionary()
_lock = threading.Lock()

_OURS = ("code", "message")  # words of an error that its details do not change

Call = Callable[[], Any]


async def invoke(
    function: Function,
    arguments: str,
    *,
    timeout: float | None = None,  # noqa: ASYNC109 (the bound is part of the outcome, not of the caller's scope)
    limiter: anyio.CapacityLimiter | None = None,
    largest: int = LARGEST,
    context: Context | None = None,
) -> ToolOutput:
    """Check the arguments, call the function, and tell what came of it.

    Args:
        function: What to call.
        arguments: JSON text of an object, as the model wrote it; empty text is an empty object.
        timeout: Seconds, the wait for a free thread included; default: the function's own, else 30.
        limiter: How many calls may sit in threads at a time; default: 40 per event loop.
        largest: Bytes of UTF-8 that an output may have; what is longer is cut, with a notice.
        context: What the function may know and reach; default: an empty one.

    Returns:
        The output. `code` is None if all went well, else `bad_json`, `bad_arguments`, `tool_error` (or the author's
        code), `temporary`, `out_of_reach` and `too_much` (both of the network), `failed`, `bad_result`, `timeout`,
        `busy` (no thread was free: not called) or `stuck` (too many earlier calls hang: not called).
        Raises nothing but the cancellation of the caller.
    """
    started = perf_counter()
    own = function.options.max_result
    job = _Job(function, _bound(function, timeout), largest if own is None else min(own, largest), context or Context())
    answer = await _answer(job, arguments, limiter)
    seconds = perf_counter() - started
    return output_of(answer, seconds)


def output_of(answer: Answer, seconds: float = 0.0) -> ToolOutput:
    """An answer as the outcome of a call that took so many seconds."""
    return ToolOutput(
        text=answer.text, ok=answer.code is None, code=answer.code, seconds=seconds, retry_after=answer.retry_after
    )


def _bound(function: Function, timeout: float | None) -> float:
    limit = timeout if timeout is not None else function.timeout if function.timeout is not None else DEFAULT_TIMEOUT
    return min(limit, _LONGEST)


@dataclass(frozen=True, slots=True)
class _Job:
    """A function, the seconds it has, the bytes its output may have, and what it may know."""

    function: Function
    limit: float
    largest: int
    context: Context


async def _answer(job: _Job, arguments: str, limiter: anyio.CapacityLimiter | None) -> Answer:
    call = _call_of(job.function, arguments, job.context)
    if isinstance(call, Answer):
        return call
    if job.function.is_async or job.function.options.isolate == "loop":
        return await _on_loop(job, call, job.limit)
    return await _in_thread(job, call, limiter or _default_limiter())


def _call_of(function: Function, arguments: str, context: Context) -> Call | Answer:
    """The call with its typed values, or why there can be none."""
    text = arguments.strip()
    if text and text[0] != "{":
        return not_an_object("They do not start with '{'.", function.parameters)
    try:
        args, kwargs = function.signature.bind(text, context)
    except ValidationError as invalid:
        try:
            return wrong_arguments(invalid, function.tool, function.parameters)
        except Exception as failure:  # noqa: BLE001 (an author's type may fail even while it is shown)
            return failed(function, failure)
    except BaseException as failure:  # noqa: BLE001 (validators are the author's code, too)
        return failed(function, failure)
    target = function.callable

    def call() -> Any:
        enter(context)
        return target(*args, **kwargs)

    return call


def failed(function: Function, failure: BaseException) -> Answer:
    """Tell the model a reference, and the log all the rest."""
    reference = secrets.token_hex(4)
    _log.error("function %s failed, reference %s", function.name, reference, exc_info=failure)
    return error("failed", f"The function failed; the operator finds the reason under reference {reference}.")


def _raised(function: Function, failure: BaseException) -> Answer:
    told = _alone(failure)
    if isinstance(told, ToolError):
        more = {**told.details, "retry": True} if told.retry else told.details
        return error(str(told.code), str(told.message), **{k: v for k, v in more.items() if k not in _OURS})
    if isinstance(told, OutOfReach | TooMuch):
        return error("out_of_reach" if isinstance(told, OutOfReach) else "too_much", told.message)
    if isinstance(told, Transient):
        return replace(error("temporary", str(told.message)), retry_after=told.retry_after)
    if isinstance(told, function.options.retry_on):
        return replace(failed(function, failure), code="temporary")
    return failed(function, failure)


def _alone(failure: BaseException) -> BaseException:
    """The exception itself; of a task group that one exception ended, that one."""
    if isinstance(failure, BaseExceptionGroup):
        inner = cast("BaseExceptionGroup[BaseException]", failure).exceptions
        if len(inner) == 1:
            return _alone(inner[0])
    return cast("BaseException", failure)


def _returned(job: _Job, value: object) -> Answer:
    try:
        return Answer(result_text(value, job.largest))
    except NoText as reason:
        _log.error("function %s: %s", job.function.name, reason, exc_info=reason.__cause__)
        return error("bad_result", str(reason))
    except BaseException as failure:  # noqa: BLE001 (serialisers are the author's code, too)
        return failed(job.function, failure)


def _timed_out(function: Function, limit: float) -> Answer:
    _log.warning("function %s did not finish within %g s", function.name, limit)
    return error("timeout", f"The function did not finish within {limit:g} s; whether it took effect is unknown.")


# Coroutines -----------------------------------------------------------------------------------------------------


async def _on_loop(job: _Job, call: Call, limit: float) -> Answer:
    """Run a coroutine function in a task of its own, so that one that ignores its cancellation can be left."""
    loop = asyncio.get_running_loop()
    task = loop.create_task(_awaited(job, call))
    woken: asyncio.Future[None] = loop.create_future()
    wake = partial(_wake, woken)
    late = loop.call_later(limit, wake)
    task.add_done_callback(wake)
    try:
        await woken  # `asyncio.wait` does the same, and costs as much as all the rest
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.wait((task,), timeout=_GRACE)
        return _timed_out(job.function, limit)
    finally:
        late.cancel()
        if not task.done():
            _leave(task)


def _wake(woken: asyncio.Future[None], _: object = None) -> None:
    if not woken.done():
        woken.set_result(None)


async def _awaited(job: _Job, call: Call) -> Answer:
    # Everything is caught: SystemExit in a task would end the loop, and only `_on_loop` cancels this one.
    try:
        value = call()
        if inspect.isawaitable(value):
            value = await value
    except BaseException as failure:  # noqa: BLE001
        if isinstance(failure, asyncio.CancelledError) and _being_cancelled():
            return error("timeout", "The function was cancelled.")
        return _raised(job.function, failure)
    return _returned(job, value)


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _leave(task: asyncio.Task[Any]) -> None:
    task.cancel()
    _tasks_left.add(task)
    task.add_done_callback(_tasks_left.discard)


# Threads --------------------------------------------------------------------------------------------------------


def _default_limiter() -> anyio.CapacityLimiter:
    limiter = _limiters.get(None)
    if limiter is None:
        limiter = anyio.CapacityLimiter(DEFAULT_THREADS)
        _limiters.set(limiter)
    return limiter


async def _in_thread(job: _Job, call: Call, limiter: anyio.CapacityLimiter) -> Answer:
    """Run a plain function in a thread; one that hangs gives its slot back and is left to itself."""
    function, limit = job.function, job.limit
    if _threads_left.get(function, 0) >= MOST_LEFT_BEHIND:
        return error("stuck", f"Not called: {MOST_LEFT_BEHIND} earlier calls of this function still hang.")
    deadline = perf_counter() + limit
    errand: _Errand | None = None
    outcome: Answer | Awaitable[Any] | None = None
    with anyio.move_on_after(limit):
        async with limiter:
            errand = _Errand(job, call)
            outcome = await errand.run()
    if errand is None:
        return error("busy", f"No thread was free within {limit:g} s; the function was not called.")
    if outcome is None:
        return _timed_out(function, limit)
    if isinstance(outcome, Answer):
        return outcome
    pending = outcome  # a plain function that gave back a coroutine, e.g. one wrapped by a decorator
    return await _on_loop(job, lambda: pending, max(0.0, deadline - perf_counter()))


class _Errand:
    """One call in a thread. `left`: nobody waits any more; `back`: the thread has come back."""

    def __init__(self, job: _Job, call: Call) -> None:
        self._job = job
        self._function = job.function
        self._call = call
        self._context = contextvars.copy_context()
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[Answer | Awaitable[Any]] = self._loop.create_future()
        self._left = False
        self._back = False

    async def run(self) -> Answer | Awaitable[Any]:
        THREADS.start(self._work)
        try:
            return await self._future
        except asyncio.CancelledError:
            self._leave()
            if not self._future.cancelled():  # it came back in this very moment
                _drop(self._future.result())
            raise

    def _work(self) -> Report:
        outcome = self._context.run(self._perform)
        self._come_back()
        return lambda: self._report(outcome)

    def _perform(self) -> Answer | Awaitable[Any]:
        try:
            value = self._call()
        except BaseException as failure:  # noqa: BLE001 (SystemExit must end neither the thread nor the process)
            return _raised(self._function, failure)
        return value if inspect.isawaitable(value) else _returned(self._job, value)

    def _report(self, outcome: Answer | Awaitable[Any]) -> None:
        try:
            self._loop.call_soon_threadsafe(self._settle, outcome)
        except RuntimeError:  # the loop is closed: nobody waits
            _drop(outcome)

    def _settle(self, outcome: Answer | Awaitable[Any]) -> None:
        if self._future.done():
            _drop(outcome)
        else:
            self._future.set_result(outcome)

    def _leave(self) -> None:
        with _lock:
            if self._back:
                return
            self._left = True
            _threads_left[self._function] = _threads_left.get(self._function, 0) + 1
        _log.warning("function %s is left behind in its thread; its result will be dropped", self._function.name)

    def _come_back(self) -> None:
        with _lock:
            self._back = True
            if self._left:
                _threads_left[self._function] -= 1


def _drop(outcome: Answer | Awaitable[Any]) -> None:
    if inspect.iscoroutine(outcome):
        outcome.close()
