"""How a stream ends when the events themselves are in trouble; without a network."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import anyio
import pytest

from orchestrator.errors import StoreError
from orchestrator.server import stream
from orchestrator.server.dialects.dashscope import Dashscope
from orchestrator.server.records import Delta, Event, Run
from orchestrator.server.stream import Told, tell

pytestmark = pytest.mark.anyio


def run(status: str) -> Run:
    return Run(
        id="run_1", workspace="w", thread_id="t", assistant_id="a", created_at=1, status=status, epoch=1, model="m"
    )


def told(status: str) -> Event:
    return Event(run_id="run_1", seq=1, name=f"thread.run.{status}", subject=run(status))


class Client:
    """The other end: remembers what it got; reads nothing more after `reads` frames."""

    def __init__(self, reads: float = float("inf")) -> None:
        self.sent: list[dict[str, Any]] = []
        self.gone = anyio.Event()
        self._reads = reads

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if len(self.sent) >= self._reads:
            await anyio.sleep_forever()
        self.sent.append(message)

    @property
    def text(self) -> str:
        return b"".join(message.get("body", b"") for message in self.sent).decode()

    async def hear(self, events: AsyncGenerator[list[Event]], keepalive: float = 10.0) -> str:
        answer = Told(run_id="run_1", events=events)
        with anyio.fail_after(5):
            await tell(answer, Dashscope().telling("r-1"), self.receive, self.send, keepalive=keepalive)
        return self.text


async def test_a_good_end() -> None:
    async def events() -> AsyncIterator[list[Event]]:
        yield [told("completed")]

    client = Client()
    assert (await client.hear(events())).endswith("event:done\ndata:[DONE]\n\n")
    assert client.sent[-1]["more_body"] is False


async def test_a_worker_that_is_lost_is_an_error_frame_and_nothing_after_it(caplog: pytest.LogCaptureFixture) -> None:
    async def events() -> AsyncIterator[list[Event]]:
        yield [told("in_progress")]
        raise StoreError("secret path")

    text = await Client().hear(events())
    assert text.split("\n\n")[-2].startswith('event:error\ndata:{"code":"InternalError","message":')
    assert '"request_id":"r-1"' in text
    assert "secret" not in text
    assert "DONE" not in text
    assert "secret" in caplog.text


async def test_events_that_stop_before_the_run_does_are_no_good_end() -> None:
    async def events() -> AsyncIterator[list[Event]]:
        yield [told("in_progress")]

    text = await Client().hear(events())
    assert "event:error" in text
    assert "DONE" not in text


async def test_waiting_for_the_client_is_a_good_end() -> None:
    async def events() -> AsyncIterator[list[Event]]:
        yield [told("requires_action")]

    assert (await Client().hear(events())).endswith("[DONE]\n\n")


async def test_incomplete_is_told_as_failed() -> None:
    async def events() -> AsyncIterator[list[Event]]:
        yield [told("incomplete")]

    text = await Client().hear(events())
    assert "event:thread.run.failed" in text
    assert "incomplete\n" not in text
    assert '"status":"failed"' in text


async def test_a_client_that_leaves_ends_the_telling_and_the_events_are_closed() -> None:
    closed = anyio.Event()
    client = Client()

    async def events() -> AsyncIterator[list[Event]]:
        try:
            yield [told("in_progress")]
            client.gone.set()
            await anyio.sleep_forever()
        finally:
            closed.set()

    await client.hear(events())
    assert closed.is_set()


async def test_a_client_that_does_not_read_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "READER_SECONDS", 0.1)

    async def events() -> AsyncIterator[list[Event]]:
        while True:
            yield [told("in_progress")]

    client = Client(reads=3)
    await client.hear(events())
    assert len(client.sent) == 3


async def test_silence_is_filled() -> None:
    async def events() -> AsyncIterator[list[Event]]:
        await anyio.sleep(0.25)
        yield [told("completed")]

    assert (await Client().hear(events(), keepalive=0.1)).count(": keepalive\n") == 2


async def test_what_happened_at_once_is_sent_at_once() -> None:
    async def events() -> AsyncIterator[list[Event]]:
        yield [told("queued"), told("in_progress")]
        yield [told("in_progress")] * 40
        yield [told("in_progress"), told("completed")]

    client = Client()
    text = await client.hear(events())
    assert text.count("event:thread.run.in_progress\n") == 42
    sent = [message.get("body", b"").count(b"event:thread.run") for message in client.sent]
    assert sent == [0, 2, 32, 8, 2, 0]
    assert client.sent[-2]["body"].endswith(b"[DONE]\n\n")


async def test_pieces_of_calls_stand_below_their_type() -> None:
    async def events() -> AsyncIterator[list[Event]]:
        pieces = [
            {"id": "call_1", "type": "function", "name": "f", "arguments": '{"a"'},
            {"type": "quark_search", "arguments": "{"},
        ]
        for piece in pieces:
            yield [Event(run_id="run_1", seq=1, name="thread.run.step.delta", subject=Delta(id="step_1", call=piece))]
        yield [told("completed")]

    text = await Client().hear(events())
    assert '[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":"{\\"a\\""}}]' in text
    assert '[{"index":0,"type":"quark_search","quark_search":{"arguments":"{"}}]' in text
