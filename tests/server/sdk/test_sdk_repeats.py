"""Requests that the SDKs send again, and streams that are taken up again, with the SDKs' own means."""

from typing import Any

import httpx2
import pytest
from live import Live
from openai import OpenAI, Stream
from openai.types.beta.assistant_stream_event import AssistantStreamEvent
from openai_scene import assistant, thread
from scene import assistant as dashscope_assistant
from scene import ended
from vendor import Runs, Threads

KEY = "Idempotency-Key"


class Lossy(httpx2.BaseTransport):
    """Carries every POST to the server and loses its first answer."""

    def __init__(self) -> None:
        self._inner = httpx2.HTTPTransport()
        self.lost: set[str] = set()
        self.keys: list[str | None] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = self._inner.handle_request(request)
        if request.method == "POST":
            self.keys.append(request.headers.get(KEY))
            if str(request.url) not in self.lost:
                self.lost.add(str(request.url))
                answer.read()
                raise httpx2.ReadError("the answer was lost", request=request)
        return answer

    def close(self) -> None:
        self._inner.close()


@pytest.fixture
def lossy(live: Live) -> Any:
    with OpenAI(
        base_url=f"{live.url}/v1", api_key="any", max_retries=2, http_client=httpx2.Client(transport=Lossy())
    ) as opened:
        yield opened


def runs_of(client: OpenAI, assistant_id: str) -> list[str]:
    found = client.get("/runs", cast_to=object, options={"params": {"assistant_id": assistant_id}})
    return [run["id"] for run in found["data"]]  # type: ignore[index]


def test_a_run_whose_answer_was_lost_is_not_started_twice_by_openais_retries(client: OpenAI, lossy: OpenAI) -> None:
    helper, home = assistant(client), thread(client, "hi")
    key = {KEY: f"order {home.id}"}
    run = lossy.beta.threads.runs.create(home.id, assistant_id=helper.id, extra_headers=key)
    assert runs_of(client, helper.id) == [run.id]
    assert client.beta.threads.runs.poll(run.id, thread_id=home.id, poll_interval_ms=10).status == "completed"


def test_without_a_key_the_retry_meets_the_run_that_the_lost_answer_was_about(client: OpenAI, lossy: OpenAI) -> None:
    helper, home = assistant(client), thread(client, "/slow 5 a b")
    with pytest.raises(Exception, match="already has an active run"):
        lossy.beta.threads.runs.create(home.id, assistant_id=helper.id)
    (run,) = runs_of(client, helper.id)
    client.beta.threads.runs.cancel(run, thread_id=home.id)


def test_the_sdk_can_be_told_to_send_a_key_of_its_own_with_every_request(client: OpenAI, lossy: OpenAI) -> None:
    lossy._idempotency_header = KEY  # made for each request, kept for its retries
    made = [thread(lossy, "one"), thread(lossy, "two")]
    transport: Any = lossy._client._transport
    first, again, other = transport.keys
    assert first == again != other
    assert made[0].id != made[1].id


def test_a_streamed_run_that_is_started_again_is_the_same_run(client: OpenAI) -> None:
    helper, home = assistant(client), thread(client, "one two three")

    def told() -> list[Any]:
        stream = client.beta.threads.runs.create(
            home.id, assistant_id=helper.id, stream=True, extra_headers={KEY: f"again {home.id}"}
        )
        return [(event.event, event.data.to_dict()) for event in stream]

    first = told()
    assert told() == first
    assert len(runs_of(client, helper.id)) == 1


def test_openais_client_takes_a_stream_up_again(client: OpenAI) -> None:
    helper, home = assistant(client), thread(client, "one two three four")
    whole = list(client.beta.threads.runs.create(home.id, assistant_id=helper.id, stream=True))
    run: Any = whole[0].data

    def after(number: int) -> list[AssistantStreamEvent]:
        with client.get(
            f"/threads/{home.id}/runs/{run.id}/stream",
            cast_to=AssistantStreamEvent,  # type: ignore[type-var]
            stream=True,
            stream_cls=Stream[AssistantStreamEvent],
            options={"headers": {"Last-Event-ID": str(number)}},
        ) as stream:
            return list(stream)

    assert after(0) == whole
    assert after(7) == whole[7:]
    assert after(len(whole)) == []


def test_model_studios_sdk_sends_a_key_when_it_is_given_as_a_header() -> None:
    helper = dashscope_assistant()

    def start(stream: bool = False) -> Any:
        home = {"messages": [{"role": "user", "content": "hi"}]}
        key = {KEY: f"{helper.id} {stream}"}
        return Runs.create_thread_and_run(assistant_id=helper.id, thread=home, stream=stream, headers=key)

    run = start()
    assert (start().id, ended(run).status) == (run.id, "completed")
    first, again = list(start(stream=True)), list(start(stream=True))
    assert [(name, item.id) for name, item in again] == [(name, item.id) for name, item in first]
    other = Threads.create(headers={KEY: f"{helper.id} False"})
    assert (other.status_code, other.code) == (422, "InvalidParameter")
