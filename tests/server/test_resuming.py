"""Streams that are left and taken up again: by the id of the last event, also after the server was killed."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from live import Live, live_server
from mortal import mortal_server
from virtual import run_virtually
from wire_kit import BASES, Frame, client, error, frames, made, place, run_body, start, stream, until

from orchestrator.server.dialects.dashscope import Dashscope
from orchestrator.server.records import Event, Run
from orchestrator.server.stream import KEEPALIVE_SECONDS, Told, tell


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_server(tmp_path_factory.mktemp("resuming")) as running:
        yield running


@pytest.fixture(params=BASES)
def http(live: Live, request: pytest.FixtureRequest) -> Iterator[httpx2.Client]:
    with client(live, request.param) as opened:
        yield opened


def told(found: list[Frame]) -> list[Any]:
    return [frame.told for frame in found[:-1]]


def good_end(found: list[Frame]) -> bool:
    return found[-1] == Frame("done", 0, "[DONE]")


# --- from anywhere


def test_a_run_that_nobody_streamed_is_told_from_its_beginning(http: httpx2.Client) -> None:
    run = until(http, start(http, "one two three"))
    found = stream(http, "GET", f"{place(run)}/stream")
    assert good_end(found)
    assert [frame.id for frame in found[:-1]] == list(range(1, len(found)))
    assert (found[0].event, found[-2].event) == ("thread.created", "thread.run.completed")


def test_it_is_told_live_while_the_run_goes_on(http: httpx2.Client) -> None:
    run = start(http, "/slow 0.5 a b c d")
    assert until(http, run, "queued", "in_progress")
    found = stream(http, "GET", f"{place(run)}/stream")
    assert good_end(found)
    assert found[-2].event == "thread.run.completed"


def test_from_every_event_on_the_rest_is_the_same(http: httpx2.Client) -> None:
    body = run_body(http, "one two three four", stream=True)
    whole = stream(http, "POST", "/threads/runs", body)
    run = json.loads(whole[1].data)
    for frame in whole[:-1]:
        rest = stream(http, "GET", f"{place(run)}/stream", **{"Last-Event-ID": str(frame.id)})
        assert told(rest) == told(whole)[frame.id :]
        assert good_end(rest)
    assert told(stream(http, "GET", f"{place(run)}/stream?after=3")) == told(whole)[3:]


def test_a_wait_that_is_over_does_not_end_the_stream_and_one_that_lasts_does(http: httpx2.Client) -> None:
    run = until(http, start(http, "/call f", "f"))
    waiting = stream(http, "GET", f"{place(run)}/stream")
    assert good_end(waiting)
    assert waiting[-2].event == "thread.run.requires_action"
    call = run["required_action"]["submit_tool_outputs"]["tool_calls"][0]["id"]
    body = {"tool_outputs": [{"tool_call_id": call, "output": "fine"}], "stream": True}
    rest = stream(http, "POST", f"{place(run)}/submit_tool_outputs", body)
    assert rest[0].id == waiting[-2].id + 1
    whole = stream(http, "GET", f"{place(run)}/stream")
    assert told(whole) == told(waiting) + told(rest)
    resumed = stream(http, "GET", f"{place(run)}/stream", **{"Last-Event-ID": str(rest[2].id)})
    assert told(resumed) == told(rest)[3:]


def test_nothing_new_of_a_run_that_is_over_is_just_the_end(http: httpx2.Client) -> None:
    run = until(http, start(http, "hi"))
    last = stream(http, "GET", f"{place(run)}/stream")[-2].id
    assert stream(http, "GET", f"{place(run)}/stream", **{"Last-Event-ID": str(last)}) == [Frame("done", 0, "[DONE]")]


@pytest.mark.parametrize("number", ["x", "-1", "1.5", "٣", "9" * 30, "999999"])
def test_an_id_of_no_event_is_refused(http: httpx2.Client, number: str) -> None:
    run = until(http, start(http, "hi"))
    refused = http.get(f"{place(run)}/stream", params={"after": number})
    assert refused.status_code == 400
    assert error(refused)["message"]


@pytest.mark.parametrize("base", BASES)
def test_a_run_of_another_workspace_is_no_run(live: Live, base: str) -> None:
    with client(live, "/api/v1", **{"x-dashscope-workspace": "other"}) as theirs, client(live, base) as mine:
        run = until(theirs, start(theirs, "hi"))
        assert "does not exist" in error(mine.get(f"{place(run)}/stream"))["message"]


# --- many


def test_a_hundred_streams_lose_nothing_and_tell_nothing_twice(live: Live) -> None:
    words = " ".join(f"w{n}" for n in range(20))
    with client(live, "/api/v1") as http:
        assistant = run_body(http, "")["assistant_id"]

        def one(_: int) -> list[Frame]:
            thread = {"messages": [{"role": "user", "content": f"/slow 0.5 {words}"}]}
            return stream(http, "POST", "/threads/runs", {"assistant_id": assistant, "thread": thread, "stream": True})

        with ThreadPoolExecutor(100) as pool:
            streams = list(pool.map(one, range(100)))
        for found in streams:
            assert good_end(found)
            assert [frame.id for frame in found[:-1]] == list(range(1, len(found)))
            deltas = [json.loads(f.data)["delta"] for f in found if f.event == "thread.message.delta"]
            text = "".join(part["text"]["value"] for delta in deltas for part in delta["content"])
            assert [word for word in text.split() if word.startswith("w")] == words.split()


# --- a server that dies


def test_after_a_kill_in_mid_stream_the_client_takes_up_the_stream_without_a_gap(tmp_path: Path) -> None:
    heard: list[Frame] = []
    with mortal_server(tmp_path) as (live, kill), client(live, "/api/v1") as http:
        body = run_body(http, "/slow 1 a b c d e f", stream=True)
        with http.stream("POST", "/threads/runs", json=body) as answer:
            for frame in frames(answer.iter_lines()):
                heard.append(frame)
                if frame.event == "thread.message.delta":
                    kill()
                    break
    run = json.loads(heard[1].data)
    with mortal_server(tmp_path) as (live, _), client(live, "/api/v1") as http:
        rest = stream(http, "GET", f"{place(run)}/stream", **{"Last-Event-ID": str(heard[-1].id)})
        whole = stream(http, "GET", f"{place(run)}/stream")
    assert rest[-2].event == "thread.run.completed"
    assert [frame.told for frame in heard] + told(rest) == told(whole)
    assert [frame.id for frame in whole[:-1]] == list(range(1, len(whole)))


# --- a client that leaves


def leave(http: httpx2.Client, **fields: Any) -> dict[str, Any]:
    """Start a stream, hear the first piece of text, leave; the run."""
    body = run_body(http, "/slow 1 a b c d", stream=True, **fields)
    with http.stream("POST", "/threads/runs", json=body) as answer:
        found = frames(answer.iter_lines())
        next(found)
        run = json.loads(next(found).data)
        next(frame for frame in found if frame.event == "thread.message.delta")
    return run


def test_when_the_client_leaves_the_run_goes_on(http: httpx2.Client) -> None:
    run = leave(http)
    assert until(http, run)["status"] == "completed"
    assert stream(http, "GET", f"{place(run)}/stream")[-2].event == "thread.run.completed"


def test_when_it_asked_for_that_the_run_is_cancelled_and_never_left_half(http: httpx2.Client) -> None:
    run = leave(http, cancel_on_disconnect=True)
    assert until(http, run)["status"] == "cancelled"
    ended = [frame.event for frame in stream(http, "GET", f"{place(run)}/stream")]
    assert ended[-4:] == ["thread.run.step.cancelled", "thread.message.incomplete", "thread.run.cancelled", "done"]


def test_who_stays_to_the_end_is_told_the_end(http: httpx2.Client) -> None:
    body = run_body(http, "hi", stream=True, cancel_on_disconnect=True)
    assert stream(http, "POST", "/threads/runs", body)[-2].event == "thread.run.completed"


def test_a_flag_that_is_no_flag_is_refused_before_anything_is_made(http: httpx2.Client) -> None:
    body = run_body(http, "hi", stream=True, cancel_on_disconnect="yes")
    assert "cancel_on_disconnect" in error(http.post("/threads/runs", json=body))["message"]
    assert made(http.get("/runs", params={"assistant_id": body["assistant_id"]}))["data"] == []


# --- silence


def test_five_minutes_of_silence_are_never_longer_than_a_proxy_bears() -> None:
    sent: list[tuple[float, bytes]] = []
    end = Run(
        id="run_1", workspace="w", thread_id="t", assistant_id="a", created_at=1, status="completed", epoch=1, model="m"
    )

    async def events() -> AsyncIterator[list[Event]]:
        await anyio.sleep(300)
        yield [Event(run_id="run_1", seq=1, name="thread.run.completed", subject=end)]

    async def receive() -> Any:
        await anyio.sleep_forever()

    async def send(message: Any) -> None:
        sent.append((asyncio.get_running_loop().time(), message.get("body", b"")))

    async def main() -> None:
        answer = Told(run_id="run_1", events=events())
        await tell(answer, Dashscope().telling("r"), receive, send, keepalive=KEEPALIVE_SECONDS)

    run_virtually(main())
    times = [time for time, _ in sent]
    assert max(later - earlier for earlier, later in pairwise(times)) <= KEEPALIVE_SECONDS + 0.01
    assert (times[-1], sent[-1][1]) == (pytest.approx(300), b"")
    assert sent[-2][1].endswith(b"event:done\ndata:[DONE]\n\n")
