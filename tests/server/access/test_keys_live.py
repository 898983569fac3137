"""Keys over a socket, in every dialect: refusals in its own words, revoking while the server runs, bounds."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from live import Live, live_server
from wire_kit import BASES, client, error, frames, made, place, run_body, stream, until

from orchestrator.server.access.issuing import Issuer
from orchestrator.server.access.secret import make

LOCAL = "orch_local_for_these_tests"
WORKSPACE = {"/api/v1": "X-DashScope-WorkSpace", "/v1": "OpenAI-Project"}
REFUSALS = {  # status and code
    ("/api/v1", "none"): (400, "InvalidParameter"),
    ("/api/v1", "wrong"): (401, "InvalidApiKey"),
    ("/api/v1", "other"): (401, "NOT AUTHORIZED"),
    ("/api/v1", "often"): (429, "Throttling.RateQuota"),
    ("/v1", "none"): (401, None),
    ("/v1", "wrong"): (401, "invalid_api_key"),
    ("/v1", "other"): (401, "mismatched_project"),
    ("/v1", "often"): (429, "rate_limit_exceeded"),
}


class Folder:
    """A server's data folder, and the keys in it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.issuer = Issuer(data)

    def key(self, workspace: str = "w", **bounds: Any) -> str:
        return self.issuer.create(workspace, bounds=bounds)[1].text

    def revoke(self, key: str) -> None:
        self.issuer.revoke(key)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return Folder(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def live(folder: Folder) -> Iterator[Live]:
    folder.key()
    with live_server(folder.data) as running:
        yield running


@pytest.fixture(scope="module", params=BASES)
def base(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def inside(live: Live, folder: Folder, base: str) -> Iterator[httpx2.Client]:
    with client(live, base, **bearer(folder.key())) as http:
        yield http


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def refused(answer: httpx2.Response, base: str, why: str) -> dict[str, Any]:
    told = error(answer)
    assert (answer.status_code, told["code"]) == REFUSALS[base, why]
    assert told["message"]
    return told


def test_refusals_come_in_the_words_of_the_dialect(live: Live, folder: Folder, base: str) -> None:
    key = folder.key("mine")
    with client(live, base) as http:
        refused(http.get("/assistants"), base, "none")
        refused(http.post("/threads", content=b"{" * 5000), base, "none")
        refused(http.get("/assistants", headers=bearer("sk-something")), base, "wrong")
        refused(http.get("/nothing/here", headers=bearer(make().text)), base, "wrong")
        refused(http.get("/assistants", headers={**bearer(key), WORKSPACE[base]: "other"}), base, "other")
        made(http.get("/assistants", headers={**bearer(key), WORKSPACE[base]: "mine"}))


def test_a_large_body_without_a_key_is_refused_and_the_next_one_taken(live: Live, folder: Folder, base: str) -> None:
    with client(live, base) as http:
        for _ in range(3):
            refused(http.post("/threads", content=b"x" * 3_000_000), base, "none")
        made(http.get("/assistants", headers=bearer(folder.key())))


def test_a_key_may_be_used_the_moment_it_was_made(live: Live, folder: Folder, base: str) -> None:
    with client(live, base) as http:
        for _ in range(5):
            made(http.get("/assistants", headers=bearer(folder.key())))


def test_what_a_key_makes_is_in_its_workspace_for_both_dialects(live: Live, folder: Folder) -> None:
    key, same, other = folder.key("one"), folder.key("one"), folder.key("two")
    with client(live, "/api/v1") as dashscope, client(live, "/v1") as openai:
        one = made(dashscope.post("/assistants", json={"model": "m"}, headers=bearer(key)))["id"]
        made(openai.get(f"/assistants/{one}", headers=bearer(same)))
        assert openai.get(f"/assistants/{one}", headers=bearer(other)).status_code == 404
        assert dashscope.get(f"/assistants/{one}", headers=bearer(other)).status_code == 400


def test_a_revoked_key_is_refused_within_five_seconds(live: Live, folder: Folder, base: str) -> None:
    key = folder.key()
    with client(live, base, **bearer(key)) as http:
        made(http.get("/assistants"))
        folder.revoke(key)
        begin = time.monotonic()
        while http.get("/assistants").status_code == 200:
            assert time.monotonic() - begin < 5
            time.sleep(0.05)
        refused(http.get("/assistants"), base, "wrong")


def test_an_open_stream_ends_when_its_key_is_revoked_and_the_run_goes_on(live: Live, folder: Folder, base: str) -> None:
    key, other = folder.key("s"), folder.key("s")
    with client(live, base, **bearer(key)) as http:
        body = run_body(http, "/slow 9 a b c d e f", stream=True)
        with http.stream("POST", "/threads/runs", json=body) as answer:
            heard: list[str] = []
            run: dict[str, Any] = {}
            for frame in frames(answer.iter_lines()):
                heard.append(frame.event)
                if not run and frame.event == "thread.run.created":
                    run = frame.told[2]
                    folder.revoke(key)
                    begin = time.monotonic()
    assert time.monotonic() - begin < 5
    assert heard[-1] == "error"
    assert "thread.run.completed" not in heard
    with client(live, base, **bearer(other)) as http:
        assert made(http.get(place(run)))["status"] in {"in_progress", "completed"}
        made(http.post(f"{place(run)}/cancel"))


def test_a_stream_ends_when_its_key_expires_as_if_the_client_had_left(live: Live, folder: Folder) -> None:
    with client(live, "/api/v1", **bearer(folder.key("s"))) as http:
        body = run_body(http, "/slow 9 a b c d e f", stream=True, cancel_on_disconnect=True)
        dying = folder.issuer.create("s", seconds=3)[1].text
        heard = stream(http, "POST", "/threads/runs", body, **bearer(dying))
        assert heard[-1].event == "error"
        until(http, heard[1].told[2], "cancelled")


def test_who_asks_too_often_is_told_when_to_come_again(live: Live, folder: Folder, base: str) -> None:
    key, other = folder.key("fast", per_second=0.5, burst=3), folder.key("fast")
    with client(live, base, **bearer(key)) as http:
        left = [http.get("/assistants").headers["x-ratelimit-remaining-requests"] for _ in range(3)]
        assert left == ["2", "1", "0"]
        answer = http.get("/assistants")
        refused(answer, base, "often")
        assert answer.headers["retry-after"] in {"1", "2"}
        assert http.get("/assistants", headers=bearer(other)).status_code == 200


def test_a_key_has_no_more_runs_under_way_than_it_may_have(live: Live, folder: Folder, base: str) -> None:
    key, other = folder.key("busy", runs=2), folder.key("busy")
    with client(live, base, **bearer(key)) as http:
        body = run_body(http, "/slow 9 a b c")
        runs = [made(http.post("/threads/runs", json=body)) for _ in range(2)]
        answer = http.post("/threads/runs", json=body)
        told = refused(answer, base, "often")
        assert "2 runs" in told["message"]
        assert answer.headers["retry-after"] == "1"
        assert made(http.get("/threads"))["data"][0]["id"] == runs[1]["thread_id"]  # and no thread was made
        free = http.post("/threads/runs", json=body, headers=bearer(other))
        for run in (*runs, made(free)):
            made(http.post(f"{place(run)}/cancel"))
        begin = time.monotonic()
        while http.post("/threads/runs", json=run_body(http, "hi")).status_code == 429:
            assert time.monotonic() - begin < 5
            time.sleep(0.05)


def test_a_key_has_no_more_streams_open_than_it_may_have_and_no_run_is_made_in_vain(
    live: Live, folder: Folder, base: str
) -> None:
    key = folder.key(f"streams{base.count('/')}", streams=1)
    with client(live, base, **bearer(key)) as http:
        body = run_body(http, "/slow 9 a b c", stream=True)
        with http.stream("POST", "/threads/runs", json=body) as first:
            heard = frames(first.iter_lines())
            run = next(frame.told[2] for frame in heard if frame.event == "thread.run.created")
            refused(http.post("/threads/runs", json=body), base, "often")
            refused(http.get(f"{place(run)}/stream"), base, "often")
            assert [one["id"] for one in made(http.get("/runs"))["data"]] == [run["id"]]
            made(http.post(f"{place(run)}/cancel"))
            assert "thread.run.cancelled" in [frame.event for frame in heard]
        begin = time.monotonic()
        while http.get(f"{place(run)}/stream").status_code == 429:
            assert time.monotonic() - begin < 5
            time.sleep(0.05)


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/threads", {"messages": [{"role": "user", "content": "x"}] * 101}, "at most 100 messages"),
        (
            "/threads/runs",
            {"assistant_id": "a", "thread": {"messages": [{"role": "user", "content": "x"}] * 101}},
            "at most 100 messages",
        ),
        ("/assistants", {"model": "m", "tools": [{"type": "code_interpreter"}] * 129}, "at most 128 tools"),
        ("/threads/t/runs", {"assistant_id": "a", "tools": [{"type": "code_interpreter"}] * 129}, "at most 128 tools"),
        (
            "/threads/t/runs",
            {"assistant_id": "a", "additional_messages": [{"role": "user", "content": "x"}] * 101},
            "at most 100 messages",
        ),
        ("/threads", {"metadata": {f"k{n}": "v" for n in range(17)}}, "at most 16 pairs"),
    ],
)
def test_what_is_too_much_for_one_request_is_told(inside: httpx2.Client, path: str, body: Any, words: str) -> None:
    answer = inside.post(path, json=body)
    assert answer.status_code == 400
    assert words in error(answer)["message"]


def test_no_header_lets_other_sites_read_what_is_here(live: Live, folder: Folder, base: str) -> None:
    headers = {**bearer(folder.key()), "origin": "https://elsewhere.example"}
    preflight = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    with client(live, base) as http:
        for answer in (
            http.options("/assistants", headers={**headers, **preflight}),
            http.get("/assistants", headers=headers),
            http.get("/assistants", headers={**bearer(folder.key()), "cookie": "key=x"}),
        ):
            assert not [name for name in answer.headers if name.startswith(("access-control", "set-cookie"))]
        assert http.options("/assistants", headers={**headers, **preflight}).status_code >= 400


def test_a_key_is_found_nowhere_but_with_its_owner(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = Folder(tmp_path)
    key, dead = folder.key("w", per_second=0.01, burst=3), folder.key()
    caplog.set_level("DEBUG")
    with live_server(tmp_path) as live, client(live, "/api/v1") as http, client(live, "/v1") as openai:
        folder.revoke(dead)
        time.sleep(1.5)
        answers = [
            session.request(method, path, content=body, headers={**bearer(given), **more})
            for session in (http, openai)
            for given in (key, dead, key[:-1], key + "x")
            for method, path, body, more in (
                ("GET", "/assistants", None, {}),
                ("GET", f"/assistants/{given}", None, {}),
                ("POST", "/threads", b'{"metadata": 5}', {"x-dashscope-workspace": "other", "openai-project": "other"}),
                ("GET", "/assistants", None, {"last-event-id": given}),
            )
        ]
        answers += [http.get(f"{live.url}{path}", headers=bearer(key)) for path in ("/metrics", "/readyz", "/healthz")]
    told = "".join(f"{answer.headers}{answer.text}" for answer in answers)
    with closing(sqlite3.connect(tmp_path / "server.db")) as database:
        dump = "\n".join(database.iterdump())
    files = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    log = "".join(
        record.getMessage() for record in caplog.records if not record.name.startswith("http")
    )  # the client's
    out, err = capfd.readouterr()
    assert {answer.status_code for answer in answers} >= {200, 401, 429}
    for given in (key, dead):
        secret = given[18:]
        assert not [text for text in (told, dump, log, out, err) if secret in text]
        assert secret.encode() not in files
    assert dead[5:17] in dump
