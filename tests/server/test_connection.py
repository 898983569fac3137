"""Clients that are slow, deaf, or send heads without end: each is refused or cut off, and the others notice nothing."""

import json
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import httpx2
import pytest
from live import Live, live_server

from orchestrator.server import bodies, connection, serving
from orchestrator.server.service.files import Rules
from orchestrator.server.serving import bind as serving_bind

BASE = "/api/v1"
UPLOAD = "Content-Type: multipart/form-data; boundary=b\r\n"
FIRST = b'--b\r\nContent-Disposition: form-data; name="files"; filename="slow.txt"\r\n\r\n'


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    def small(host: str, port: int) -> socket.socket:
        """As a socket is bound, but the system keeps little for readers who do not read."""
        bound = serving_bind(host, port)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        return bound

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(serving, "bind", small)
        with live_server(tmp_path_factory.mktemp("connection"), files=Rules(file=32 * 2**20)) as running:
            yield running


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short patience, so that tests are."""
    for name in ("HEAD_SECONDS", "DEAF_SECONDS", "WATCH_SECONDS"):
        monkeypatch.setattr(connection, name, 0.5)
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.5)


def dial(live: Live) -> socket.socket:
    return socket.create_connection((live.host, live.port), timeout=20)


def rest(wire: socket.socket) -> bytes:
    """All that still comes, to the end of the connection."""
    heard = b""
    while part := wire.recv(65536):
        heard += part
    return heard


def refusal(heard: bytes) -> tuple[int, str]:
    head, _, body = heard.partition(b"\r\n\r\n")
    told: dict[str, Any] = json.loads(body)
    assert told["message"] == told["error"]["message"] if "error" in told else True
    assert {"code", "message", "request_id"} <= told.keys()
    return int(head.split()[1]), told["message"]


def well(live: Live) -> bool:
    return httpx2.get(f"{live.url}/healthz", trust_env=False).status_code == 200


@pytest.mark.parametrize("head", [b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: h\r\nX-Long: "])
def test_headers_that_do_not_come_to_their_end(live: Live, head: bytes) -> None:
    with dial(live) as wire:
        wire.sendall(head)
        assert refusal(rest(wire)) == (408, "The headers did not arrive within 0.5 seconds.")
    assert well(live)


def test_a_client_that_says_nothing_is_hung_up_on(live: Live) -> None:
    with dial(live) as wire:
        assert rest(wire) == b""


def test_headers_may_come_in_small_pieces(live: Live) -> None:
    with dial(live) as wire:
        for byte in b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n":
            wire.sendall(bytes([byte]))
        assert b'{"status":"ok"}' in rest(wire)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 70_000, 431),
        (b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"X-Many: x\r\n" * 9_000 + b"\r\n", 431),
        (b"GET /" + b"x" * 17_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET /?" + b"x" * 70_000, 431),
        (b"\x16\x03\x01\x02\x00\x01", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    ],
)
def test_heads_that_are_too_large_or_no_http_are_refused(live: Live, head: bytes, status: int) -> None:
    with dial(live) as wire:
        wire.sendall(head)
        assert refusal(rest(wire))[0] == status
    assert well(live)


def test_headers_of_a_bearable_size_are_taken(live: Live) -> None:
    headers = {f"X-{number}": "x" * 1000 for number in range(50)}
    assert httpx2.get(f"{live.url}/healthz?{'q' * 15_000}", headers=headers, trust_env=False).status_code == 200


@pytest.mark.parametrize("sent", [b"", b"{", b'{"metadata": '])
def test_a_body_that_does_not_come_to_its_end(live: Live, sent: bytes) -> None:
    with dial(live) as wire:
        wire.sendall(f"POST {BASE}/threads HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n".encode() + sent)
        status, message = refusal(wire.recv(65536))
    assert (status, message) == (400, "The request body did not arrive within 0.5 seconds.")


def test_an_upload_that_drips_is_refused(live: Live) -> None:
    with dial(live) as wire:
        wire.sendall(f"POST {BASE}/files HTTP/1.1\r\nHost: h\r\nContent-Length: 10000\r\n{UPLOAD}\r\n".encode() + FIRST)
        answered: list[socket.socket] = []
        for _ in range(200):
            answered, _, _ = select.select([wire], [], [], 0.05)
            if answered:
                break
            wire.sendall(b"x")
        assert answered
        assert refusal(wire.recv(65536)) == (400, "The request body came too slowly.")


def test_what_drips_in_after_a_refusal_ends_the_connection(live: Live) -> None:
    head = f"POST {BASE}/files HTTP/1.1\r\nHost: h\r\nContent-Length: {2**40}\r\nExpect: 100-continue\r\n{UPLOAD}\r\n"
    with dial(live) as wire:
        wire.sendall(head.encode())
        assert refusal(wire.recv(65536))[0] == 400
        assert any(_is_broken(wire) for _ in range(200))


def _is_broken(wire: socket.socket) -> bool:
    time.sleep(0.05)
    try:
        wire.sendall(b"x")
    except OSError:
        return True
    return False


def test_a_client_that_sends_its_whole_refused_upload_hears_why(live: Live) -> None:
    body = b"x" * (40 * 2**20)
    answer = httpx2.post(f"{live.url}{BASE}/files", files={"files": ("big", body)}, trust_env=False, timeout=60)
    assert (answer.status_code, answer.json()["message"]) == (400, f"The file 'big' is larger than {32 * 2**20} bytes.")


def deaf(live: Live, request: str) -> socket.socket:
    """A client that asks and does not read."""
    wire = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    wire.connect((live.host, live.port))
    wire.sendall(f"GET {request} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
    return wire


def hung_up(wires: list[socket.socket], seconds: float) -> int:
    """How many of the connections the server has ended; looks without reading."""
    poll, gone, end = select.poll(), set[int](), time.monotonic() + seconds
    for wire in wires:
        poll.register(wire, 0)
    while len(gone) < len(wires) and time.monotonic() < end:
        for descriptor, _ in poll.poll(200):
            gone.add(descriptor)
            poll.unregister(descriptor)
    return len(gone)


def test_s14_readers_that_never_read_are_let_go_and_the_run_notices_nothing(live: Live) -> None:
    with httpx2.Client(base_url=live.url + BASE, trust_env=False, timeout=60) as http, ExitStack() as stack:
        assistant = http.post("/assistants", json={"model": "m"}).json()["id"]
        thread = {"messages": [{"role": "user", "content": "/slow 2 " + "word " * 16_000}]}
        run = http.post("/threads/runs", json={"assistant_id": assistant, "thread": thread}).json()
        path = f"/threads/{run['thread_id']}/runs/{run['id']}"
        wires = [stack.enter_context(closing(deaf(live, f"{BASE}{path}/stream"))) for _ in range(200)]
        heard = http.get(f"{path}/stream").text
        assert heard.endswith("event:done\ndata:[DONE]\n\n")
        assert http.get(path).json()["status"] == "completed"
        assert hung_up(wires, 60) == 200
        assert _until(lambda: "\norchestrator_streams_open 0.0\n" in http.get(f"{live.url}/metrics").text)


def test_a_slow_reader_who_reads_is_not_cut_off(live: Live) -> None:
    with httpx2.Client(base_url=live.url + BASE, trust_env=False, timeout=60) as http:
        words = "x" * 200_000
        made = http.post("/threads", json={"messages": [{"role": "user", "content": words}]}).json()["id"]
        with closing(deaf(live, f"{BASE}/threads/{made}/messages")) as wire:
            heard = b""
            while not heard.endswith(b"}"):
                time.sleep(0.05)
                part = wire.recv(20_000)
                assert part, "cut off"
                heard += part
    assert heard.count(words.encode()) == 1


def _until(good: Callable[[], bool]) -> bool:
    end = time.monotonic() + 20
    while not good() and time.monotonic() < end:
        time.sleep(0.05)
    return good()


def test_a_file_is_not_read_on_for_a_client_that_does_not_read(live: Live) -> None:
    with httpx2.Client(base_url=live.url + BASE, trust_env=False, timeout=60) as http:
        made = http.post("/files", files={"files": ("large", b"x" * (2**20))}).json()["data"]["uploaded_files"][0]
        with closing(deaf(live, f"{BASE}/files/{made['file_id']}/content")) as wire:
            assert hung_up([wire], 30) == 1
        assert len(http.get(f"/files/{made['file_id']}/content").content) == 2**20
