"""The bytes of a stream, read from the socket, and what becomes of it when somebody leaves."""

import json
import re
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from live import Live, live_server

from orchestrator.server.stream import COMMENT

BASE = "/api/v1"
KEEPALIVE = 0.3


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_server(tmp_path_factory.mktemp("stream"), keepalive=KEEPALIVE) as running:
        yield running


@pytest.fixture(scope="module")
def http(live: Live) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=live.url + BASE, trust_env=False, timeout=20) as client:
        yield client


def body_of_run(http: httpx2.Client, text: str) -> dict[str, Any]:
    assistant = http.post("/assistants", json={"model": "m"}).json()["id"]
    return {"assistant_id": assistant, "thread": {"messages": [{"role": "user", "content": text}]}, "stream": True}


class Wire:
    """A POST by hand; `chunks` are the frames and comments of the chunked answer, as they arrive."""

    def __init__(self, live: Live, path: str, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.socket = socket.create_connection((live.host, live.port), timeout=20)
        head = f"POST {BASE}{path} HTTP/1.1\r\nHost: {live.host}:{live.port}\r\nContent-Length: {len(data)}\r\n\r\n"
        self.socket.sendall(head.encode() + data)
        self.file = self.socket.makefile("rb")
        self.status = self.file.readline()
        lines = iter(self.file.readline, b"\r\n")
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}

    def chunks(self) -> Iterator[bytes]:
        while size := int(self.file.readline(), 16):
            yield from re.findall(rb":[^\n]*\n|.+?\n\n", self.file.read(size), re.DOTALL)
            assert self.file.readline() == b"\r\n"
        assert self.file.readline() == b"\r\n"

    def close(self) -> None:
        self.file.close()
        self.socket.close()


def read(live: Live, path: str, body: dict[str, Any]) -> tuple[Wire, list[bytes]]:
    """A whole stream, frame by frame."""
    wire = Wire(live, path, body)
    try:
        return wire, list(wire.chunks())
    finally:
        wire.close()


def test_frames_are_as_the_vendor_sends_them(live: Live, http: httpx2.Client) -> None:
    wire, chunks = read(live, "/threads/runs", body_of_run(http, "one two\nthree \u2028 \x85 four"))
    assert wire.status == b"HTTP/1.1 200 OK\r\n"
    assert wire.headers[b"content-type"] == b"text/event-stream"
    assert wire.headers[b"transfer-encoding"] == b"chunked"
    assert chunks[-1] == b"event:done\ndata:[DONE]\n\n"
    request_ids: set[str] = set()
    numbers: list[str] = []
    for chunk in chunks[:-1]:
        event, number, data, *rest = chunk.decode().split("\n")
        assert rest == ["", ""], "one frame per chunk, one line of data"
        assert event.startswith("event:thread.")
        assert number == f"id:{len(numbers) + 1}"
        numbers.append(number)
        assert data.startswith('data:{"id":')
        assert len(data.splitlines()) == 1
        request_ids.add(json.loads(data.removeprefix("data:"))["request_id"])
    assert len(request_ids) == 1


def test_a_delta_is_a_list_of_one_part_with_an_index(live: Live, http: httpx2.Client) -> None:
    _, chunks = read(live, "/threads/runs", body_of_run(http, "one two three"))
    deltas = [json.loads(c.split(b"\ndata:")[1]) for c in chunks if c.startswith(b"event:thread.message.delta")]
    assert deltas
    for delta in deltas:
        assert delta["object"] == "thread.message.delta"
        assert (delta["delta"]["role"], delta["delta"]["file_ids"]) == ("assistant", [])
        (part,) = delta["delta"]["content"]
        assert (part["index"], part["type"], part["text"]["annotations"]) == (0, "text", [])


NEVER_NULL = {"tools", "content", "step_details", "tool_calls", "function", "file_ids", "metadata", "delta", "status"}


def nulls(value: Any, path: str = "") -> Iterator[str]:
    """Where a client's parser would stumble."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if inner is None and key in NEVER_NULL:
                yield f"{path}.{key}"
            yield from nulls(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from nulls(inner, f"{path}[{index}]")


@pytest.mark.parametrize(
    "text", ["hi", "/fail x", '/call f {"a": 1}', '/call calculator {"expression": "1"}', "/call g"]
)
def test_nothing_is_null_that_makes_a_client_stumble(live: Live, http: httpx2.Client, text: str) -> None:
    tools = [{"type": "function", "function": {"name": "f"}}, {"type": "calculator"}]
    _, chunks = read(live, "/threads/runs", {**body_of_run(http, text), "tools": tools})
    frames = [json.loads(chunk.split(b"\ndata:")[1]) for chunk in chunks[:-1]]
    assert [place for frame in frames for place in nulls(frame)] == []
    run = frames[-1]
    path = f"/threads/{run['thread_id']}/runs/{run['id']}"
    for answer in (path, f"{path}/steps", f"/threads/{run['thread_id']}/messages", f"/threads/{run['thread_id']}/runs"):
        assert list(nulls(http.get(answer).json())) == []


def test_silence_is_filled_with_comments(live: Live, http: httpx2.Client) -> None:
    _, chunks = read(live, "/threads/runs", body_of_run(http, "/slow 1 late"))
    assert chunks.count(COMMENT) >= 2
    assert chunks[-1] == b"event:done\ndata:[DONE]\n\n"


def test_pieces_come_as_they_are_made(live: Live, http: httpx2.Client) -> None:
    wire = Wire(live, "/threads/runs", body_of_run(http, "/slow 1 a b c d e f g h"))
    times = [time.monotonic() for chunk in wire.chunks() if chunk.startswith(b"event:thread.message.delta")]
    wire.close()
    assert len(times) >= 8
    assert times[-1] - times[0] > 0.5


def test_a_run_is_not_made_when_the_request_is_refused(live: Live, http: httpx2.Client) -> None:
    thread = http.post("/threads").json()["id"]
    answer = http.post(f"/threads/{thread}/runs", json={"assistant_id": "asst_x", "stream": True})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/json")
    assert http.get(f"/threads/{thread}/runs").json()["data"] == []


def test_without_stream_the_answer_comes_before_the_run_is_over(http: httpx2.Client) -> None:
    body = {**body_of_run(http, "/slow 1 late"), "stream": False}
    began = time.monotonic()
    run = http.post("/threads/runs", json=body).json()
    assert time.monotonic() - began < 0.9
    assert run["status"] in ("queued", "in_progress")


def test_who_hangs_up_does_not_end_the_run(live: Live, http: httpx2.Client) -> None:
    wire = Wire(live, "/threads/runs", body_of_run(http, "/slow 1 a b c d"))
    chunks = wire.chunks()
    next(chunks)
    run = json.loads(next(chunks).split(b"\ndata:")[1])
    wire.socket.shutdown(socket.SHUT_RDWR)
    wire.close()
    path = f"/threads/{run['thread_id']}/runs/{run['id']}"
    deadline = time.monotonic() + 10
    while (status := http.get(path).json()["status"]) != "completed":
        assert time.monotonic() < deadline, status
        time.sleep(0.05)


def test_many_listen_at_once(live: Live, http: httpx2.Client) -> None:
    body = body_of_run(http, "/slow 0.5 a b c")
    wires = [Wire(live, "/threads/runs", body) for _ in range(20)]
    for wire in wires:
        chunks = [chunk for chunk in wire.chunks() if not chunk.startswith(b":")]
        assert chunks[-1] == b"event:done\ndata:[DONE]\n\n"
        assert chunks[-2].startswith(b"event:thread.run.completed\n")
        wire.close()


def test_a_server_that_stops_says_so_and_stops_soon(tmp_path_factory: pytest.TempPathFactory) -> None:
    began = 0.0
    with live_server(tmp_path_factory.mktemp("stopping")) as live:
        with httpx2.Client(base_url=live.url + BASE, trust_env=False) as client:
            wire = Wire(live, "/threads/runs", body_of_run(client, "/slow 10 a b c"))
        chunks = wire.chunks()
        assert any(chunk.startswith(b"event:thread.message.delta\n") for chunk in chunks)
        began = time.monotonic()
    assert time.monotonic() - began < 9
    last = list(chunks)[-1]
    wire.close()
    assert last.startswith(b'event:error\ndata:{"code":"InternalError","message":"')
