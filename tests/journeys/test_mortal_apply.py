"""Applies that are killed, interrupted, or run twice: a few of each; `tests/batteries/applies.py` runs many."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx2
import pytest
from mortal_apply import Fleet, interrupt_once, kill_once, race_once
from shell import Running, orchestrator, running


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running("serve", "--port", "0", cwd=tmp_path_factory.mktemp("far")) as server:
        yield server


def test_a_killed_apply_is_brought_to_its_end_by_the_next(tmp_path: Path, far: Running):  # A3
    fleet = Fleet(tmp_path / "k", far, 100)
    fleet.check()
    for seed in range(3):
        kill_once(fleet, seed)


def test_an_interrupted_apply_ends_soon_with_nothing_unknown(tmp_path: Path, far: Running):  # A24
    fleet = Fleet(tmp_path / "i", far, 100)
    fleet.check()
    for seed in range(3):
        interrupt_once(fleet, seed)


def test_two_applies_at_once_make_nothing_twice(tmp_path: Path, far: Running):  # A18
    fleet = Fleet(tmp_path / "r", far, 10)
    for seed in range(2):
        race_once(fleet, seed)


@contextmanager
def refusing(far: Running, word: str) -> Iterator[tuple[str, list[str]]]:
    """An address that passes everything on, but for requests with a word in them; and the paths of all requests."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._pass(self.rfile.read(int(self.headers["content-length"])))

        def do_GET(self) -> None:
            self._pass(b"")

        def _pass(self, body: bytes) -> None:
            paths.append(f"{self.command} {self.path}" + (" refused" if word.encode() in body else ""))
            if word.encode() in body:
                status, answer = 400, b'{"code": "InvalidParameter", "message": "no such word", "request_id": "r-1"}'
            else:
                headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "content-length")}
                with httpx2.Client(trust_env=False) as http:
                    got = http.request(self.command, far.address + self.path, content=body, headers=headers)
                status, answer = got.status_code, got.content
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as proxy:
        thread = Thread(target=proxy.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{proxy.server_address[1]}", paths
        proxy.shutdown()
        thread.join()


def test_one_of_200_that_is_rejected_is_told_with_its_place(tmp_path: Path, far: Running):  # A10
    fleet = Fleet(tmp_path / "x", far, 200)
    with refusing(far, "Text 1 of 77.") as (address, paths):
        done = orchestrator("apply", "--yes", "-e", "far", cwd=fleet.folder, FAR=address)
    assert (done.returncode, len(fleet.there())) == (5, 199), done.stderr[-500:]
    told = done.stdout + done.stderr
    assert "199 added" in told
    assert "no such word" in told
    assert "assistants.d/all.yaml:" in told
    assert sum(path.endswith("refused") for path in paths) == 1
