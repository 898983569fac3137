"""A signal ends the server well: turns end, streams hear of it, nothing is lost; a second one ends it at once."""

import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from process import Served, assistant, begin, ended, served


def stopping(server: Served) -> dict[str, Any]:
    """Wait until the server says that it stops."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        found = httpx2.get(f"{server.url}/readyz", trust_env=False)
        if found.status_code == 503:
            return dict(found.json())
        time.sleep(0.02)
    raise AssertionError("it does not stop")


def told(http: httpx2.Client, run: dict[str, Any]) -> list[str]:
    """The texts of a thread, oldest first."""
    data = http.get(f"/threads/{run['thread_id']}/messages", params={"order": "asc"}).json()["data"]
    return [message["content"][0]["text"]["value"] for message in data]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda n: n.name)
def test_a_turn_under_way_may_end_and_nothing_new_begins(tmp_path: Path, number: signal.Signals) -> None:
    with served(tmp_path, "--grace", "20") as server, server.client() as http, server.client("/v1") as other:
        assert httpx2.get(f"{server.url}/readyz", trust_env=False).json() == {"status": "ready"}
        guide = assistant(http)
        run = begin(http, guide, "/slow 1 all of it")
        ended(http, run, "in_progress")
        server.process.send_signal(number)
        assert stopping(server) == {"status": "unready", "reasons": ["stopping"]}
        refused = http.post("/threads", json={})
        assert (refused.status_code, refused.json()["code"]) == (503, "ServiceUnavailable")
        assert int(refused.headers["retry-after"]) > 0
        refused = other.post("/threads", json={})
        assert (refused.status_code, refused.json()["error"]["type"]) == (503, "server_error")
        assert http.get(f"/assistants/{guide}").status_code == 200
        assert httpx2.get(f"{server.url}/healthz", trust_env=False).status_code == 200
        assert server.process.wait(timeout=30) == 0
    with served(tmp_path) as server, server.client() as http:
        assert ended(http, run)["status"] == "completed"
        assert told(http, run) == ["/slow 1 all of it", "[offline model] all of it"]


def frames(lines: Iterator[str]) -> list[tuple[str, str]]:
    """The events of a stream and their data, to its end."""
    found: list[tuple[str, str]] = []
    name = ""
    for line in lines:
        if line.startswith("event:"):
            name = line.removeprefix("event:").strip()
        if line.startswith("data:"):
            found.append((name, line.removeprefix("data:").strip()))
    return found


def test_a_stream_is_told_and_its_run_goes_on_another_time(tmp_path: Path) -> None:
    with served(tmp_path, "--grace", "0.2") as server, server.client() as http:
        thread = {"messages": [{"role": "user", "content": "/slow 1 x"}]}
        body = {"assistant_id": assistant(http), "stream": True, "thread": thread}
        with http.stream("POST", "/threads/runs", json=body) as stream:
            lines = stream.iter_lines()
            next(line for line in lines if "thread.run.in_progress" in line)
            server.process.send_signal(signal.SIGTERM)
            seen = frames(lines)
        assert seen[-1][0] == "error"
        assert "the run goes on when it is back" in seen[-1][1]
        assert server.process.wait(timeout=30) == 0
    with served(tmp_path) as server, server.client() as http:
        run = http.get("/runs").json()["data"][0]
        assert ended(http, run)["status"] == "completed"
        assert told(http, run) == ["/slow 1 x", "[offline model] x"]


def test_an_upload_under_way_may_end(tmp_path: Path) -> None:
    form = (
        b'--x\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nassistants\r\n'
        b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhello\r\n--x--\r\n'
    )
    head = (
        f"POST /v1/files HTTP/1.1\r\nhost: x\r\ncontent-length: {len(form)}\r\nconnection: close\r\n"
        "content-type: multipart/form-data; boundary=x\r\n\r\n"
    )
    with served(tmp_path, "--grace", "5") as server:
        port = int(server.url.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
            client.sendall(head.encode() + form[:90])
            with server.client() as http:  # the server has read the head by the time it answers another
                slow = begin(http, assistant(http), "/slow 1 so that it does not stop at once")
                ended(http, slow, "in_progress")
            server.process.send_signal(signal.SIGTERM)
            stopping(server)
            client.sendall(form[90:])
            answer = b"".join(iter(lambda: client.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200"), answer
        assert server.process.wait(timeout=30) == 0
    with served(tmp_path) as server, server.client("/v1") as http:
        files = http.get("/files").json()["data"]
        assert [(file["filename"], file["bytes"]) for file in files] == [("a.txt", 5)]
        assert http.get(f"/files/{files[0]['id']}/content").content == b"hello"


def test_a_second_signal_ends_it_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    with served(tmp_path, "--grace", "600") as server, server.client() as http:
        run = begin(http, assistant(http), "/slow 1.5 x")
        ended(http, run, "in_progress")
        server.process.send_signal(signal.SIGTERM)
        stopping(server)
        assert server.stop(signal.SIGTERM) == -signal.SIGTERM
    with served(tmp_path) as server, server.client() as http:
        assert ended(http, run)["status"] == "completed"
        assert told(http, run) == ["/slow 1.5 x", "[offline model] x"]
