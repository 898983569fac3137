"""Any endpoint that speaks OpenAI's `/chat/completions`: Model Studio's compatible mode, vLLM, Ollama and others.

A request is tried again only until an answer has begun; from then on a failure is told, never papered over.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing, suppress

import orjson
from pydantic import SecretStr

from orchestrator.errors import SlowDown, TargetError, TheirFault, Unreachable
from orchestrator.server.models.completions import Completion, question
from orchestrator.server.models.door import ModelEvent, ModelFault, ModelRequest
from orchestrator.transport import Answer, Client, Lines, Stalled

RETRIES = 2
LONGEST_WAIT = 5.0  # seconds; an endpoint that asks for more is not asked again
CONNECTIONS = 128
_FAREWELL = 0.5  # seconds for the end of a stream after [DONE], so that its connection can be used again
_SHORTEST_SECRET = 4  # characters; shorter keys are placeholders, and hiding them would garble messages


class CompatibleModel:
    """A chat model behind an OpenAI-style endpoint, through one pool of connections.

    `base_url` is what stands before `/chat/completions`; `timeout` the longest silence in seconds;
    `upstream_name` the model name that the endpoint knows, if it is another; `retry_delay` the first pause in seconds.
    """

    def __init__(
        self,
        base_url: str,
        api_key: SecretStr | None,
        *,
        timeout: float = 120.0,
        upstream_name: str | None = None,
        retry_delay: float = 0.5,
    ) -> None:
        """Open nothing yet.

        Raises:
            SettingsError: the key has characters that an HTTP header cannot carry.
        """
        self._key = SecretStr(api_key.get_secret_value().strip() if api_key else "")
        secret = self._key.get_secret_value()
        headers = {"authorization": f"Bearer {secret}"} if secret else {}
        self._client = Client(base_url, headers=headers, timeout=timeout, connections=CONNECTIONS)
        self._upstream_name = upstream_name
        self._retry_delay = retry_delay

    async def respond(self, request: ModelRequest) -> AsyncGenerator[ModelEvent]:
        """Answer one turn; see `Model.respond`."""
        completion = Completion(self._hidden)
        try:
            async with AsyncExitStack() as stack:
                lines = await self._begin(question(request, model=self._upstream_name), stack)
                async with aclosing(_events(lines, completion)) as events:
                    async for event in events:
                        yield event
        except TargetError as error:
            code = "rate_limit_exceeded" if isinstance(error, SlowDown) else "server_error"
            raise ModelFault(self._hidden(error.message), code=code) from None

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def _begin(self, body: dict[str, object], stack: AsyncExitStack) -> Lines:
        """An answer that begins well, after at most RETRIES further tries; `stack` keeps it open."""
        for tried in range(RETRIES):
            try:
                return await self._ask(body, stack)
            except TargetError as error:
                wait = self._pause(tried, error)
                if wait is None:
                    raise
            await asyncio.sleep(wait)
        return await self._ask(body, stack)

    async def _ask(self, body: dict[str, object], stack: AsyncExitStack) -> Lines:
        async with AsyncExitStack() as attempt:
            lines = await attempt.enter_async_context(self._client.stream("POST", "/chat/completions", json=body))
            if not 200 <= lines.status < 300:
                raise self._refusal(await lines.whole())
            stack.push_async_exit(attempt.pop_all())
            return lines

    def _pause(self, tried: int, error: TargetError) -> float | None:
        """Seconds until the next try; None: trying again is of no use. A stall has cost enough time already."""
        if not error.temporary or isinstance(error, Stalled) or (error.retry_after or 0) > LONGEST_WAIT:
            return None
        spread = 0.5 + secrets.randbelow(1000) / 1000
        return max(error.retry_after or 0.0, self._retry_delay * 2**tried * spread)

    def _refusal(self, answer: Answer) -> TargetError:
        kind = SlowDown if answer.status == 429 else TheirFault if answer.status >= 500 else TargetError
        fault = Completion(self._hidden).fault(_payload(answer.body), status=answer.status)
        return kind(str(fault), status=answer.status, retry_after=answer.retry_after)

    def _hidden(self, text: str) -> str:
        """The text without the key: endpoints like to quote what they refuse."""
        secret = self._key.get_secret_value()
        return text.replace(secret, "***") if len(secret) >= _SHORTEST_SECRET else text


async def _events(lines: Lines, completion: Completion) -> AsyncGenerator[ModelEvent]:
    """Read to the end. A connection that breaks after `finish_reason` has lost nothing but the usage."""
    async with aclosing(aiter(lines)) as arriving:
        try:
            async for line in arriving:
                for event in completion.line(line):
                    yield event
                if completion.done:
                    break
        except Unreachable:
            if not completion.finished:
                raise
        for event in completion.end():
            yield event
        with suppress(TimeoutError, TargetError):
            async with asyncio.timeout(_FAREWELL):
                await _drain(arriving)


async def _drain(lines: AsyncGenerator[str]) -> None:
    async for _ in lines:
        pass


def _payload(body: bytes) -> object:
    """An error's body: JSON, or the beginning of whatever text it is."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body[:2000].decode("utf-8", "replace")
