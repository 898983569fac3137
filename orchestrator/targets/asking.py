"""Requests to a target: within its limits, repeated where that does no harm, every refusal a TargetError."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import anyio

from orchestrator.errors import CannotUnderstand, SlowDown, TargetError
from orchestrator.targets.dialect import Dialect
from orchestrator.targets.limits import Limits
from orchestrator.targets.retrying import Random, Sleep, asked_pause, not_carried_out, retry
from orchestrator.transport import Answer, Client, Lines


class Asker:
    """Asks one target. `secrets` are texts that must not appear in an error, such as the key."""

    def __init__(
        self,
        client: Client,
        dialect: Dialect,
        *,
        concurrency: int = 16,
        per_second: float | None = None,
        secrets: Iterable[str] = (),
        sleep: Sleep = anyio.sleep,
        clock: Callable[[], float] = time.monotonic,
        random: Random = random.random,
    ) -> None:
        self._client = client
        self._dialect = dialect
        self._limits = Limits(concurrency=concurrency, per_second=per_second, sleep=sleep, clock=clock)
        self._secrets = tuple(secret for secret in secrets if secret)
        self._sleep = sleep
        self._random = random

    async def repeatable(
        self, method: str, path: str, *, json: object = None, query: Mapping[str, str] | None = None
    ) -> Answer:
        """A request that may be carried out twice without harm; repeated on every temporary error."""
        return await retry(lambda: self._once(method, path, json, query), sleep=self._sleep, random=self._random)

    async def single(self, path: str, *, json: object) -> Answer:
        """A POST that must not be doubled: repeated only where the last one was surely not carried out."""
        return await self._singly(lambda: self._once("POST", path, json, None))

    @asynccontextmanager
    async def streaming(self, path: str, *, json: object) -> AsyncGenerator[Lines]:
        """As `single`, but the answer comes line by line. Holds no slot while it does: runs take minutes."""
        async with AsyncExitStack() as stack:
            yield await self._singly(lambda: self._opened(stack, path, json))

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def _once(self, method: str, path: str, json: object, query: Mapping[str, str] | None) -> Answer:
        async with self._limits.slot():
            answer = await self._client.request(method, path, json=json, query=query)
        if 200 <= answer.status < 300:
            self._limits.went_well()
            return answer
        raise self._refusal(answer, json)

    async def _opened(self, stack: AsyncExitStack, path: str, json: object) -> Lines:
        await self._limits.turn()
        lines = await stack.enter_async_context(self._client.stream("POST", path, json=json))
        if 200 <= lines.status < 300:
            return lines
        raise self._refusal(await lines.whole(), json)

    async def _singly(self, operation: Callable[[], Awaitable[Any]]) -> Any:
        return await retry(operation, sleep=self._sleep, random=self._random, again=not_carried_out)

    def _refusal(self, answer: Answer, json: object) -> TargetError:
        if 300 <= answer.status < 400:
            message = f"The target answers with a redirect (HTTP {answer.status}), which is not followed."
            return CannotUnderstand(message, hint="set baseUrl to the final address", status=answer.status)
        for secret in (*self._secrets, *_tokens(json)):
            answer = replace(answer, body=answer.body.replace(secret.encode(), b"***"))
        error = self._dialect.failure(answer)
        if isinstance(error, SlowDown):
            self._limits.hold(asked_pause(error.retry_after))
        return error


def _tokens(json: object) -> Iterator[str]:
    """Tokens of plug-ins that a request body carries; a target may quote them in its complaint."""
    if isinstance(json, dict):
        for key, value in cast("dict[str, object]", json).items():
            if key == "user_token" and isinstance(value, str) and value:
                yield value
            else:
                yield from _tokens(value)
    elif isinstance(json, list):
        for value in cast("list[object]", json):
            yield from _tokens(value)
