"""Perform calls: open what the plug-in needs, hand in the context, try again where that may help.

A `Stage` lives as long as the server or command that performs calls. It keeps one `_House` for each unit in use: what
its lifespan opened, its HTTP client, its limits. A unit whose code or manifest changed gets a new house; the old one is
closed when the last call in it is over. So a hung function holds threads of its own only, and a call keeps the version
it began with.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from typing import Any

import anyio

from orchestrator.functions.context import Context, Occasion, Surroundings
from orchestrator.functions.invoking import DEFAULT_TIMEOUT, failed, invoke, output_of
from orchestrator.functions.outputs import LARGEST, ToolOutput, error
from orchestrator.functions.permissions import reach
from orchestrator.functions.registry import Function, Registry, Unit

THREADS_PER_FUNCTION = 32
_SHORTEST, _LONGEST = 0.2, 5.0  # seconds between two tries
_log = logging.getLogger(__name__)

Around = Callable[[str], Surroundings]
"""What stands behind the context of a call, by the name of the unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a call is made. `timeout`: seconds of one try, None: the function's own; `retries`: further tries.

    `until`: on the clock of `time.monotonic`, when all tries must be over; `largest`: bytes of the output.
    """

    timeout: float | None = None
    retries: int = 0
    until: float | None = None
    largest: int = LARGEST


_TERMS = Terms()
_NOTHING = Surroundings()


class Stage:
    """Where calls are performed. To be used on one event loop, and closed."""

    def __init__(self) -> None:
        self._houses: dict[str, _House] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def call(
        self,
        registry: Registry,
        name: str,
        arguments: str,
        *,
        terms: Terms = _TERMS,
        occasion: Occasion | None = None,
        around: Around | None = None,
    ) -> ToolOutput:
        """One call of a model, tried again where that may help. Every outcome is an output.

        Codes are those of `invoke`, and `tool_gone`: the registry has no such function; `unavailable`: what the
        plug-in opens before its first call could not be opened. Raises nothing but the cancellation of the caller.
        """
        function = registry.find(name)
        unit = registry.unit_of(function) if function else None
        if function is None or unit is None:
            return output_of(error("tool_gone", f"The function '{name}' is no longer there."))
        request = _Request(function, arguments, terms, occasion or Occasion(), around(unit.name) if around else None)
        house = self._house(unit)
        house.calls += 1
        try:
            return await _tries(house, request)
        finally:
            house.calls -= 1
            self._let_go(house)

    async def close(self) -> None:
        """Close what is open, calls in flight or not."""
        houses, self._houses = list(self._houses.values()), {}
        for house in houses:
            await house.close()
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _house(self, unit: Unit) -> _House:
        house = self._houses.get(unit.name)
        if house is not None and house.fits(unit):
            return house
        if house is not None:
            house.retired = True
            self._let_go(house)
        house = self._houses[unit.name] = _House(unit)
        return house

    def _let_go(self, house: _House) -> None:
        if house.retired and not house.calls:
            task = asyncio.ensure_future(house.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


@dataclass(frozen=True, slots=True)
class _Request:
    """What is asked for. `around`: what stands behind the context already."""

    function: Function
    arguments: str
    terms: Terms
    occasion: Occasion
    around: Surroundings | None

    def seconds(self) -> float:
        """What a try that begins now may take."""
        terms = self.terms
        limit = terms.timeout or self.function.timeout or DEFAULT_TIMEOUT
        return limit if terms.until is None else max(0.0, min(limit, terms.until - monotonic()))


async def _tries(house: _House, request: _Request) -> ToolOutput:
    function, terms = request.function, request.terms
    attempt = 1
    while True:
        output = await house.perform(request, attempt)
        if output.ok or attempt > terms.retries or not _worth_trying(function, output):
            return output
        pause = _pause(attempt, output)
        if terms.until is not None and monotonic() + pause >= terms.until:
            return output
        _log.warning("function %s, try %d: %s", function.name, attempt, output.code)
        await asyncio.sleep(pause)
        attempt += 1


def _worth_trying(function: Function, output: ToolOutput) -> bool:
    """Whether another try may help, and cannot do harm: the author says so, or nothing was called."""
    if output.code in ("temporary", "busy", "unavailable"):
        return True
    return function.idempotent and output.code in ("failed", "timeout")


def _pause(attempt: int, output: ToolOutput) -> float:
    """Seconds before the next try: what was asked for, else a random part of twice as much each time."""
    if output.retry_after is not None:
        return max(0.0, output.retry_after)
    return random.uniform(0.0, min(_LONGEST, _SHORTEST * 2**attempt))  # noqa: S311 (spreads tries, keeps no secret)


class _House:
    """One unit in one version, as it is lived in. `calls`: under way now; `retired`: a newer version took its place."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.calls = 0
        self.retired = False
        self._limiters: dict[str, anyio.CapacityLimiter] = {}
        self._life: _Life | None = None
        self._http: Any = None
        self._secrets = _Secrets(unit.secrets)
        self._log = logging.getLogger(f"orchestrator.plugins.{unit.name}")

    def fits(self, unit: Unit) -> bool:
        """Whether it is that code, with that manifest."""
        own = self.unit
        return own is unit or (
            own.functions == unit.functions and own.settings == unit.settings and own.grants == unit.grants
        )

    async def perform(self, request: _Request, attempt: int) -> ToolOutput:
        """One try."""
        function, seconds = request.function, request.seconds()
        until = monotonic() + seconds
        try:
            around = await self._around(request.around, seconds)
        except Exception as failure:  # noqa: BLE001 (a lifespan is the author's code)
            return output_of(replace(failed(function, failure), code="unavailable"))
        context = Context(request.occasion.at(attempt, until), around)
        call = partial(invoke, function, request.arguments, largest=request.terms.largest, context=context)
        if not function.is_async:
            return await call(timeout=seconds, limiter=self._limiter(function))
        if function.options.concurrency is None:
            return await call(timeout=seconds)
        limiter = self._limiter(function)
        with anyio.move_on_after(seconds):
            async with limiter:
                return await call(timeout=max(0.001, until - monotonic()))
        return output_of(error("busy", f"No place was free within {seconds:g} s; the function was not called."))

    async def _around(self, base: Surroundings | None, seconds: float) -> Surroundings:
        """What stands behind the context of one try: what the caller has, and what the unit brings."""
        unit = self.unit
        given = base or _NOTHING
        return Surroundings(
            settings=unit.settings,
            secrets=self._secrets,
            state={} if base is None else base.state,
            resources=await self._resources(seconds) if unit.plugin is not None else None,
            files=given.files,
            http=self._client if unit.grants else None,
            approve=given.approve,
            listener=given.listener,
            log=self._log,
            loop=asyncio.get_running_loop(),
        )

    async def close(self) -> None:
        """Close what is open."""
        life, self._life = self._life, None
        if life is not None:
            await life.end()
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    def _limiter(self, function: Function) -> anyio.CapacityLimiter:
        limiter = self._limiters.get(function.name)
        if limiter is None:
            limiter = anyio.CapacityLimiter(function.options.concurrency or THREADS_PER_FUNCTION)
            self._limiters[function.name] = limiter
        return limiter

    def _client(self) -> Any:
        if self._http is None:
            from orchestrator.transport import outside  # noqa: PLC0415 (an HTTP client is for those who ask)

            self._http = outside(reach(self.unit.grants))
        return self._http

    async def _resources(self, seconds: float) -> Any:
        plugin = self.unit.plugin
        if plugin is None or plugin.open is None:
            return None
        if self._life is None or self._life.broken:
            self._life = _Life(partial(plugin.open, *_handed(plugin.open, self.unit.settings)))
        return await asyncio.wait_for(asyncio.shield(self._life.opened), seconds)


def _handed(function: Callable[..., Any], settings: Any) -> tuple[Any, ...]:
    """The settings for a lifespan that takes something, nothing for one that does not."""
    return (settings,) if inspect.signature(function).parameters else ()


class _Life:
    """A lifespan, entered and left in one task of its own, as its cancel scopes want it. `opened`: what it gave."""

    def __init__(self, open_: Callable[[], Any]) -> None:
        self.opened: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._over = asyncio.Event()
        self._task = asyncio.ensure_future(self._live(open_))

    @property
    def broken(self) -> bool:
        """Whether it did not open, so that the next call shall try it again."""
        return self.opened.done() and self.opened.exception() is not None

    async def end(self) -> None:
        """Leave it."""
        self._over.set()
        if not self.opened.done():
            self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _live(self, open_: Callable[[], Any]) -> None:
        try:
            async with open_() as value:
                self.opened.set_result(value)
                await self._over.wait()
        except BaseException as failure:
            if self.opened.done():
                _log.exception("a plug-in could not close what it had opened")
            elif isinstance(failure, Exception):
                self.opened.set_exception(failure)
            else:
                self.opened.set_exception(RuntimeError(f"the lifespan ended with {type(failure).__name__}"))
            if isinstance(failure, asyncio.CancelledError):
                raise


class _Secrets(Mapping[str, str]):
    """Secrets, looked up when the first is asked for."""

    def __init__(self, find: Callable[[], Mapping[str, str]]) -> None:
        self._find = find
        self._found: Mapping[str, str] | None = None

    def _all(self) -> Mapping[str, str]:
        if self._found is None:
            self._found = self._find()
        return self._found

    def __getitem__(self, name: str) -> str:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __repr__(self) -> str:
        return "secrets that are not shown"
