"""A model that is late, broken, limited or talks nonsense: what becomes of the run, over real sockets."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from live import live_server
from model_upstream import Canned, Upstream, refusal, upstream_thread
from wire_kit import BASES, client, made, place, start, until

from orchestrator.server.models.directory import Directory, Route

HEAD = {"content-type": "text/event-stream"}


def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    return b"data: " + orjson.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}) + b"\n\n"


def call(name: str, arguments: str) -> Canned:
    function = {"name": name, "arguments": arguments}
    pieces = {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]}
    return Canned(pieces=[chunk(pieces), chunk({}, "tool_calls"), b"data: [DONE]\n\n"])


HALF = [chunk({"content": "Half of "}), chunk({"content": "an answer"})]
GOOD = Canned(pieces=[chunk({"content": "Good."}), chunk({}, "stop"), b"data: [DONE]\n\n"])


@contextmanager
def served(folder: Path, *answers: Canned, base: str = BASES[0]) -> Iterator[tuple[httpx2.Client, Upstream]]:
    """A server whose model answers so; where it stalls, that is noticed after a second."""
    stalls = any(answer.then in ("mute", "stall") for answer in answers)
    with upstream_thread(*answers) as model:
        models = Directory([Route(match="*", model=model.model(timeout=1.0 if stalls else 30.0))])
        with live_server(folder / "data", models=models) as live, client(live, base) as http:
            yield http, model


def answers_of(http: httpx2.Client, run: dict[str, Any]) -> list[tuple[str, str]]:
    """Status and text of the run's messages."""
    found = made(http.get(f"/threads/{run['thread_id']}/messages", params={"order": "asc"}))["data"]
    return [(m["status"], m["content"][0]["text"]["value"]) for m in found if m["role"] == "assistant"]


REFUSED = b'{"error":{"message":"too many","code":"rate_limit_exceeded"}}'
LONG = b'{"error":{"message":"maximum context length is 10 tokens","code":"context_length_exceeded"}}'


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize(
    ("answer", "tries", "code"),
    [
        (refusal(429, REFUSED, retry_after="60"), 1, "rate_limit_exceeded"),
        (refusal(429, REFUSED), 3, "rate_limit_exceeded"),
        (refusal(503, b"{}"), 3, "server_error"),
        (refusal(401, b'{"error":{"message":"bad key"}}'), 1, "server_error"),
        (refusal(400, LONG), 1, "invalid_prompt"),
        (Canned(then="mute"), 1, "server_error"),
        (Canned(pieces=[b": ping\n\n"], then="stall"), 1, "server_error"),
        (Canned(pieces=[b": ping\n\n"], then="cut"), 3, "server_error"),
    ],
)
def test_a_run_that_got_no_word_fails_after_bounded_tries(
    tmp_path: Path, base: str, answer: Canned, tries: int, code: str
) -> None:
    with served(tmp_path, answer, base=base) as (http, model):
        run = until(http, start(http, "hello"), "failed")
        assert answers_of(http, run) == []
    known = ("server_error", "rate_limit_exceeded", *(["invalid_prompt"] if base == "/v1" else ()))
    assert run["last_error"]["code"] == (code if code in known else "server_error")
    assert len(model.asked) == tries


@pytest.mark.parametrize("first", [refusal(503, b"{}"), refusal(429, REFUSED), Canned(then="cut")], ids="521")
def test_trouble_before_the_first_word_passes_unseen(tmp_path: Path, first: Canned) -> None:
    with served(tmp_path, first, GOOD) as (http, model):
        run = until(http, start(http, "hello"), "completed")
        assert answers_of(http, run) == [("completed", "Good.")]
    assert len(model.asked) == 2


@pytest.mark.parametrize(
    "answer",
    [
        Canned(pieces=HALF, then="cut"),
        Canned(pieces=HALF, then="stall"),
        Canned(pieces=HALF),
        Canned(pieces=[*HALF, b'data: {"error":{"code":503,"message":"gone"}}\n\n']),
        Canned(pieces=[*HALF, b"data: {rubbish\n\n"]),
    ],
    ids=["cut", "stall", "no end", "error", "rubbish"],
)
def test_trouble_after_the_first_word_is_never_tried_again_and_leaves_one_half_message(
    tmp_path: Path, answer: Canned
) -> None:
    with served(tmp_path, answer, GOOD) as (http, model):
        run = until(http, start(http, "hello"), "failed")
        assert answers_of(http, run) == [("incomplete", "Half of an answer")]
        assert len(model.asked) == 1
        assert until(http, _next(http, run), "completed")["status"] == "completed"
    assert "Half of" not in str(model.asked[1].body["messages"])


def _next(http: httpx2.Client, run: dict[str, Any]) -> dict[str, Any]:
    """Another run of the same thread."""
    return made(http.post(f"/threads/{run['thread_id']}/runs", json={"assistant_id": run["assistant_id"]}))


def test_arguments_that_are_no_json_are_told_to_the_model_which_may_do_better(tmp_path: Path) -> None:
    with served(tmp_path, call("f", '{"city": "Hang'), GOOD) as (http, model):
        run = until(http, start(http, "hello", "f"), "completed")
        assert answers_of(http, run) == [("completed", "Good.")]
    *_, asked, output = model.asked[1].body["messages"]
    assert asked["tool_calls"][0]["function"]["name"] == "f"
    assert "not JSON" in output["content"]


def test_arguments_that_stay_wrong_end_the_run(tmp_path: Path) -> None:
    with served(tmp_path, call("f", "{")) as (http, model):
        run = until(http, start(http, "hello", "f"), "failed")
    assert "'f' wrongly 3 times" in run["last_error"]["message"]
    assert len(model.asked) == 3


@pytest.mark.parametrize("answer", [Canned(then="mute"), Canned(pieces=HALF, then="stall")], ids=["mute", "half"])
def test_a_cancelled_run_leaves_its_model_at_once(tmp_path: Path, answer: Canned) -> None:
    with upstream_thread(answer) as model:
        models = Directory([Route(match="*", model=model.model(timeout=60.0))])
        with live_server(tmp_path / "data", models=models) as live, client(live, BASES[0]) as http:
            run = start(http, "hello")
            _eventually(lambda: len(model.asked) == 1)
            made(http.post(f"{place(run)}/cancel"))
            until(http, run, "cancelled")
            _eventually(lambda: model.left == 1)


def _eventually(good: Any) -> None:
    deadline = time.monotonic() + 10
    while not good():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_turns_and_runs_share_connections(tmp_path: Path) -> None:
    """Thirty turns, one after the other: another connection only where the last came back a moment late."""
    with served(tmp_path, *([call("calculator", "{}"), GOOD] * 15)) as (http, model):
        assistant = made(http.post("/assistants", json={"model": "m", "tools": [{"type": "calculator"}]}))["id"]
        for _ in range(15):
            run = made(http.post("/threads/runs", json={"assistant_id": assistant, "thread": _HELLO}))
            until(http, run, "completed")
    assert len(model.asked) == 30
    assert model.connections < 10


_HELLO = {"messages": [{"role": "user", "content": "hello"}]}
