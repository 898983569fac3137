"""S13: bodies that are too large, too deep, too slow or none at all, in every dialect's own words."""

import json
import socket
from collections.abc import Iterator

import httpx2
import pytest
from live import Live, live_server

from orchestrator.server.bodies import BODY, SWALLOWED
from orchestrator.server.dialects import DIALECTS

BASES = [dialect.base for dialect in DIALECTS]
TOO_LARGE = {"/api/v1": 400, "/v1": 413}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_server(tmp_path_factory.mktemp("bodies")) as running:
        yield running


@pytest.fixture(scope="module")
def http(live: Live) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=live.url, trust_env=False, timeout=20) as client:
        yield client


def refusal(answer: httpx2.Response) -> tuple[int, str]:
    told = answer.json()
    return answer.status_code, told.get("message") or told["error"]["message"]


def sized(size: int) -> bytes:
    return b'{"metadata": {"a": "' + b"x" * (size - 23) + b'"}}'


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("size", [BODY + 1, 4 * BODY, SWALLOWED + BODY])
def test_a_body_that_is_too_large_is_refused(http: httpx2.Client, base: str, size: int) -> None:
    answer = http.post(f"{base}/threads", content=sized(size))
    assert refusal(answer) == (TOO_LARGE[base], f"The request body is larger than {BODY} bytes.")


@pytest.mark.parametrize("base", BASES)
def test_a_body_may_be_as_large_as_it_may_be(http: httpx2.Client, base: str) -> None:
    assert len(sized(BODY)) == BODY
    status, message = refusal(http.post(f"{base}/threads", content=sized(BODY)))
    assert (status, "at most 512 characters" in message) == (400, True)


@pytest.mark.parametrize("base", BASES)
def test_a_body_without_a_length_is_counted_as_it_comes(http: httpx2.Client, base: str) -> None:
    def chunks() -> Iterator[bytes]:
        yield from [b"x" * 65536] * 40

    assert refusal(http.post(f"{base}/threads", content=chunks()))[0] == TOO_LARGE[base]


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("levels", [66, 5_000, 500_000])
def test_json_that_is_too_deep_is_refused(http: httpx2.Client, base: str, levels: int) -> None:
    status, message = refusal(http.post(f"{base}/threads", content=b"[" * levels + b"]" * levels))
    assert status == 400
    assert "nested deeper" in message or "not valid JSON" in message


@pytest.mark.parametrize("base", BASES)
def test_an_upload_is_no_json_and_json_is_no_upload(http: httpx2.Client, base: str) -> None:
    assert "multipart/form-data" in refusal(http.post(f"{base}/files", json={"file": "x"}))[1]
    assert "not valid JSON" in refusal(http.post(f"{base}/threads", files={"file": b"x"}))[1]


@pytest.mark.parametrize("base", BASES)
def test_a_client_may_ask_before_it_sends(live: Live, base: str) -> None:
    body = b'{"metadata": {"a": "1"}}'
    head = f"POST {base}/threads HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((live.host, live.port), timeout=10) as wire:
        wire.sendall(head.encode())
        assert wire.recv(100).startswith(b"HTTP/1.1 100 Continue")
        wire.sendall(body)
        _, _, answer = wire.recv(65536).partition(b"\r\n\r\n")
    assert json.loads(answer)["metadata"] == {"a": "1"}
