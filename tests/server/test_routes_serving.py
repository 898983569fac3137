"""Ports, signals, and an application that fails."""

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
from live import live_server

from orchestrator.errors import SettingsError, StoreError
from orchestrator.server.access.gate import Gate
from orchestrator.server.access.keyring import Keyring
from orchestrator.server.app import create_app
from orchestrator.server.exchange import Services
from orchestrator.server.ids import system_clock
from orchestrator.server.serving import Address, bind

PROGRAM = """
import sys
from pathlib import Path
from orchestrator.server.app import open_server
from orchestrator.server.models.directory import Directory, Route
from orchestrator.server.models.scripted import ScriptedModel
from orchestrator.server.serving import listening, run, signals

async def main():
    models = Directory([Route(match="*", model=ScriptedModel(None))])
    with signals() as called:
        async with (
            open_server(Path(sys.argv[1]), models=models) as server,
            listening(server.app, host="127.0.0.1", port=0, closing=server.drain) as address,
        ):
            print(address, flush=True)
            await called.wait()

run(main)
print("stopped", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_server_with_grace(tmp_path: Path, number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert httpx2.get(f"{url}/healthz", trust_env=False).json() == {"status": "ok"}
        began = time.monotonic()
        os.kill(process.pid, number)
        assert process.stdout.read().strip() == "stopped"
        assert process.wait(timeout=10) == 0
        assert time.monotonic() - began < 10


def test_a_port_in_use_is_a_clear_error() -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"127.0.0.1:{port}") as caught:
            bind("127.0.0.1", port)
    assert "another program" in str(caught.value.hint)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.7"])
def test_an_address_that_is_not_ours_is_a_clear_error(host: str) -> None:
    with pytest.raises(SettingsError, match=host):
        bind(host, 0)


def test_two_servers_do_not_share_a_folder(tmp_path: Path) -> None:
    with live_server(tmp_path), pytest.raises(StoreError), live_server(tmp_path):
        pass


def test_what_was_accepted_is_there_after_a_restart(tmp_path: Path) -> None:
    with live_server(tmp_path) as live:
        made = httpx2.post(f"{live.url}/api/v1/assistants", json={"model": "m"}, trust_env=False).json()
    with live_server(tmp_path) as live:
        found = httpx2.get(f"{live.url}/api/v1/assistants/{made['id']}", trust_env=False).json()
    assert {**found, "request_id": ""} == {**made, "request_id": ""}


def test_an_address_of_version_six_has_brackets() -> None:
    assert str(Address(host="::1", port=8)) == "http://[::1]:8"
    assert str(Address(host="127.0.0.1", port=8)) == "http://127.0.0.1:8"


class Broken:
    """A service each of whose verbs fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        async def fail(*args: object, **named: object) -> None:
            raise self._error

        return fail


async def ask(error: Exception) -> httpx2.Response:
    broken: Any = Broken(error)
    app = create_app(
        Services(
            assistants=broken,
            threads=broken,
            runs=broken,
            files=broken,
            histories=broken,
            usage=broken,
            gate=Gate(Keyring(broken, Path(), system_clock)),
        )
    )
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://server") as client:
        return await client.get("/api/v1/assistants")


@pytest.mark.anyio
async def test_a_bug_is_500_and_tells_nothing_of_the_inside(caplog: pytest.LogCaptureFixture) -> None:
    answer = await ask(ZeroDivisionError("secret"))
    assert (answer.status_code, answer.json()["code"]) == (500, "InternalError")
    assert "secret" not in answer.text
    record = next(r for r in caplog.records if r.levelno == logging.ERROR)
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    assert record.exc_info is not None


@pytest.mark.anyio
async def test_a_database_that_fails_is_503() -> None:
    answer = await ask(StoreError("disk /secret is full"))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "secret" not in answer.text
    assert len(answer.json()["request_id"]) == 36


def test_a_client_that_sends_half_a_request_harms_nobody(tmp_path: Path) -> None:
    with live_server(tmp_path) as live:
        half = b"POST /api/v1/threads HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
        with socket.create_connection((live.host, live.port)) as client:
            client.sendall(half)
        assert httpx2.get(f"{live.url}/healthz", trust_env=False).status_code == 200
