"""Any endpoint that speaks OpenAI's `/chat/completions`: Model Studio's compatible mode, vLLM, Ollama and others.

A request is tried again a bounded number of times, and only as long as nothing of an answer was told; from then on a
failure is told, never papered over. Leaving an answer in the middle closes its connection at once, so that the
endpoint stops its work; an answer that is complete leaves its connection to the next one.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing, suppress

import orjson
from pydantic import SecretStr

from orchestrator.errors import SlowDown, TargetError, Unreachable
from orchestrator.server.models import complaints
from orchestrator.server.models.completions import Completion
from orchestrator.server.models.door import ModelEvent, ModelFault, ModelRequest, ThoughtPiece
from orchestrator.server.models.questions import Manner, question
from orchestrator.transport import Answer, Client, Stalled

RETRIES = 2
LONGEST_WAIT = 5.0  # seconds; an endpoint that asks for more is not asked again
CONNECTIONS = 128
AFTERMATH = 5.0  # seconds that an endpoint gets for usage and [DONE] once it said that the model is through
_FAREWELL = 0.5  # seconds for the end of a stream after [DONE], so that its connection can be used again
_SHORTEST_SECRET = 4  # characters; shorter keys are placeholders, and hiding them would garble messages


class CompatibleModel:
    """A chat model behind an OpenAI-style endpoint, through one pool of connections.

    `base_url` is what stands before `/chat/completions`; `timeout` the longest silence in seconds;
    `retry_delay` the first pause in seconds.
    """

    def __init__(
        self,
        base_url: str,
        api_key: SecretStr | None,
        *,
        timeout: float = 120.0,
        manner: Manner | None = None,
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
        self._manner = manner or Manner()
        self._retry_delay = retry_delay
        self._farewells: set[asyncio.Task[None]] = set()

    async def respond(self, request: ModelRequest) -> AsyncGenerator[ModelEvent]:
        """Answer one turn; see `Model.respond`."""
        body = question(request, self._manner)
        for tried in range(RETRIES + 1):
            told = False
            try:
                async with aclosing(self._answer(body)) as events:
                    async for event in events:
                        told = True
                        yield event
                return
            except (TargetError, ModelFault) as error:
                wait = None if told else self._pause(tried, error)
                if wait is None:
                    raise self._fault(error) from None
            await asyncio.sleep(wait)

    async def knock(self) -> None:
        """See that the endpoint answers and takes the key, without a turn of the model.

        Raises:
            ModelFault: it does not.
        """
        try:
            answer = await self._client.request("GET", "/models")
        except TargetError as error:
            raise ModelFault(self._hidden(error.message)) from None
        if answer.status in (401, 403):
            raise ModelFault(f"The model's endpoint refuses the key (HTTP {answer.status}).")
        if answer.status >= 500:
            raise ModelFault(f"The model's endpoint fails (HTTP {answer.status}).")

    async def close(self) -> None:
        """Close all connections."""
        for task in self._farewells:
            task.cancel()
        await asyncio.gather(*self._farewells, return_exceptions=True)
        await self._client.close()

    async def _answer(self, body: dict[str, object]) -> AsyncGenerator[ModelEvent]:
        """One try. Raises: TargetError, ModelFault."""
        completion = Completion(self._hidden)
        async with AsyncExitStack() as stack:
            lines = await stack.enter_async_context(self._client.stream("POST", "/chat/completions", json=body))
            if not 200 <= lines.status < 300:
                raise self._refusal(await lines.whole())
            arriving = await stack.enter_async_context(aclosing(aiter(lines)))
            while not completion.done and (line := await _next(arriving, completion)) is not None:
                for event in completion.line(line):
                    if self._manner.thoughts or not isinstance(event, ThoughtPiece):
                        yield event
            ending = list(completion.end())
            if completion.done:
                self._part(arriving, stack.pop_all())
            for event in ending:
                yield event

    def _part(self, arriving: AsyncGenerator[str], stack: AsyncExitStack) -> None:
        """See a complete answer off behind the back of whoever got it, so that its connection can be used again."""
        task = asyncio.create_task(_drain(arriving, stack))
        self._farewells.add(task)
        task.add_done_callback(self._farewells.discard)

    def _pause(self, tried: int, error: TargetError | ModelFault) -> float | None:
        """Seconds until the next try; None: there is none. A stall has cost enough time already."""
        asked = getattr(error, "retry_after", None) or 0.0
        if tried == RETRIES or not error.temporary or isinstance(error, Stalled) or asked > LONGEST_WAIT:
            return None
        spread = 0.5 + secrets.randbelow(1000) / 1000
        return max(asked, self._retry_delay * 2**tried * spread)

    def _refusal(self, answer: Answer) -> ModelFault:
        return _Refused(complaints.fault(_payload(answer.body), status=answer.status, hide=self._hidden), answer)

    def _fault(self, error: TargetError | ModelFault) -> ModelFault:
        if isinstance(error, ModelFault):
            return error
        code = "rate_limit_exceeded" if isinstance(error, SlowDown) else "server_error"
        return ModelFault(self._hidden(error.message), code=code)

    def _hidden(self, text: str) -> str:
        """The text without the key: endpoints like to quote what they refuse."""
        secret = self._key.get_secret_value()
        return text.replace(secret, "***") if len(secret) >= _SHORTEST_SECRET else text


class _Refused(ModelFault):
    """A request that was answered with an error; `retry_after` in seconds, as the endpoint asks."""

    def __init__(self, fault: ModelFault, answer: Answer) -> None:
        super().__init__(str(fault), code=fault.code, temporary=fault.temporary)
        self.retry_after = answer.retry_after


async def _next(arriving: AsyncGenerator[str], completion: Completion) -> str | None:
    """The next line; None at the end.

    Once the model is through, nothing but the usage can be lost: a connection that breaks then is an end, and so is
    one where nothing comes any more.
    """
    if not completion.finished:
        return await anext(arriving, None)
    with suppress(TimeoutError, Unreachable):
        async with asyncio.timeout(AFTERMATH):
            return await anext(arriving, None)
    return None


async def _drain(arriving: AsyncGenerator[str], stack: AsyncExitStack) -> None:
    async with stack:
        with suppress(TimeoutError, TargetError):
            async with asyncio.timeout(_FAREWELL):
                async for _ in arriving:
                    pass


def _payload(body: bytes) -> object:
    """An error's body: JSON, or the beginning of whatever text it is."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body[:2000].decode("utf-8", "replace")
