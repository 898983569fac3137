"""The log says which request and which run, in text or JSON, and nothing that anybody said."""

import json
import logging
import re
import sys
from pathlib import Path

import httpx2
import pytest
from process import ECHO, Served, assistant, begin, ended, served

from orchestrator.server.telemetry import logs, trail
from orchestrator.server.telemetry.json_lines import JsonLines
from orchestrator.server.telemetry.text_lines import Text

CANARY = "canary-7f3a"  # whatever it stands in must not be in the log
KEY = f"sk-{CANARY}"

PLUGIN = f"""
from orchestrator import tool

@tool
def lookup(what: str) -> str:
    if what == "break":
        raise ValueError("{CANARY} " + what)
    return "{CANARY} " + what
"""
MANIFEST = f"""
apiVersion: orchestrator/v1
kind: Assistant
metadata: {{name: guide}}
spec: {{model: m, instructions: "{CANARY}", description: "{CANARY}", tools: [{{ref: lookup}}]}}
---
apiVersion: orchestrator/v1
kind: Tool
metadata: {{name: lookup}}
spec: {{function: shop.lookup}}
"""


def project(place: Path) -> None:
    (place / "assistants.d").mkdir(parents=True)
    (place / "plugins").mkdir()
    (place / "plugins" / "shop.py").write_text(PLUGIN)
    (place / "assistants.d" / "guide.yaml").write_text(MANIFEST)


def converse(server: Served) -> None:
    """Everything that people say, and everything that can go wrong with it."""
    with speaking(server) as client:
        guide = client.get("/assistants").json()["data"][0]["id"]
        for text in (
            f"{CANARY}",
            f'/call lookup {{"what": "{CANARY}"}}',
            '/call lookup {"what": "break"}',
            f'/call lookup {{"other": "{CANARY}"}}',
            f"/call lookup {CANARY}",
            f"/call {CANARY} {{}}",
            f"/fail {CANARY}",
        ):
            ended(client, begin(client, guide, text, metadata={"note": CANARY}))


def speaking(server: Served, base: str = "/api/v1") -> httpx2.Client:
    return server.client(base, headers={"authorization": f"Bearer {KEY}", "user-agent": CANARY})


@pytest.mark.parametrize("form", ["text", "json"])
def test_nothing_that_anybody_said_is_in_the_log(tmp_path: Path, form: str) -> None:
    project(tmp_path)
    with served(tmp_path, "--log-level", "debug", "--log-format", form, command="up") as server:
        converse(server)
        with speaking(server) as client:
            own = assistant(client, [ECHO], name=CANARY, metadata={"a": CANARY})
            waiting = ended(client, begin(client, own, f'/call lookup {{"x": "{CANARY}"}}'), "requires_action")
            outputs = [{"tool_call_id": c["id"], "output": CANARY} for c in calls(waiting)]
            path = f"/threads/{waiting['thread_id']}/runs/{waiting['id']}/submit_tool_outputs"
            assert client.post(path, json={"tool_outputs": outputs}).status_code == 200
            ended(client, waiting)
            client.get(f"/threads/{CANARY}", params={"q": CANARY}, headers={"x-dashscope-workspace": CANARY})
            client.post("/threads", content=f'{{"{CANARY}'.encode())
            client.get(f"/{CANARY}")
        with speaking(server, "/v1") as client:
            upload = {"file": (f"{CANARY}.txt", CANARY.encode())}
            file = client.post("/files", files=upload, data={"purpose": "assistants"}).json()["id"]
            client.post("/files", files=upload, data={"purpose": CANARY})
            message = {"role": "user", "content": CANARY, "metadata": {"a": CANARY}}
            body = {"assistant_id": own, "stream": True, "thread": {"messages": [message]}, "instructions": CANARY}
            assert CANARY in client.post("/threads/runs", json=body, headers={"idempotency-key": CANARY}).text
            run = client.get("/runs").json()["data"][0]
            path = f"/threads/{run['thread_id']}/runs/{run['id']}/stream"
            client.get(path, params={"after": CANARY}, headers={"last-event-id": CANARY})
            client.post("/threads/import", content=f'{{"object": "thread", "id": "{CANARY}"'.encode())
            assert CANARY in client.get("/threads/export").text
            client.get(f"/files/{file}/content")
            client.post("/chat/completions", json={"messages": [message]})
        server.stop()
        assert CANARY not in server.log
        assert "ValueError (its words are withheld: --log-content)" in server.log.replace("builtins.", "")
        assert "answered" in server.log


def calls(run: dict) -> list:  # type: ignore[type-arg]
    return run["required_action"]["submit_tool_outputs"]["tool_calls"]


def test_with_log_content_errors_may_speak(tmp_path: Path) -> None:
    project(tmp_path)
    with served(tmp_path, "--log-content", command="up") as server:
        converse(server)
        server.stop()
        assert f"ValueError: {CANARY} break" in server.log
        assert re.search(f"did not answer.* content=.*{CANARY}", server.log)


def test_lines_are_json_with_the_request_and_the_run(tmp_path: Path) -> None:
    env = {"ORCHESTRATOR_LOG_FORMAT": "json", "ORCHESTRATOR_LOG_LEVEL": "info"}
    with served(tmp_path, env=env) as server, server.client(headers={"x-request-id": "mine-1"}) as http:
        run = begin(http, assistant(http), "hello")
        ended(http, run)
        http.get("/nowhere")
        server.stop()
        lines = server.lines
    access = [line for line in lines if line["logger"] == "orchestrator.access"]
    begun = next(line for line in access if line["route"] == "/api/v1/threads/runs")
    assert {key: begun[key] for key in ("level", "method", "status", "request_id", "run_id")} == {
        "level": "info",
        "method": "POST",
        "status": 200,
        "request_id": "mine-1",
        "run_id": run["id"],
    }
    assert begun["bytes"] > 100
    assert {line["run_id"] for line in access if line["route"].endswith("{run}")} == {run["id"]}
    assert [line["status"] for line in access if line["route"] == "/api/v1/…"] == [400]
    carried = next(line for line in lines if line["message"] == "carried on")
    assert (carried["run_id"], carried["request_id"], carried["status"]) == (run["id"], "mine-1", "completed")


def test_without_options_only_warnings_are_logged(tmp_path: Path) -> None:
    with served(tmp_path) as server, server.client() as http:
        ended(http, begin(http, assistant(http), "hello"))
        assert ended(http, begin(http, assistant(http), "/fail")).get("status") == "failed"
        server.stop()
        said = [line for line in server.log.splitlines() if " orchestrator." in line]
    assert len(said) == 1
    assert "warning orchestrator.server.worker: the model did not answer: server_error" in said[0]


@pytest.mark.parametrize("base", ["/api/v1", "/v1"])
def test_a_sane_request_id_is_taken_over_and_another_replaced(tmp_path: Path, base: str) -> None:
    with served(tmp_path) as server, server.client(base) as http:
        for given, taken in (("a:b.c-1", True), ("x" * 128, True), ("x" * 129, False), ("two words", False)):
            answered = http.get("/assistants/asst_none", headers={"x-request-id": given}).headers["x-request-id"]
            assert (answered == given) is taken
            assert taken or len(answered) == 36


def formatted(formatter: logging.Formatter, message: str, error: BaseException | None = None) -> str:
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("orchestrator.x", logging.ERROR, "x.py", 1, message, (), info)
    assert logs.mark(record)
    return formatter.format(record)


def test_nobody_breaks_out_of_his_line() -> None:
    assert "\n" not in formatted(Text(False), "a\nb\x1b[31m\u2028c")
    assert json.loads(formatted(JsonLines(False), "a\nb"))["message"] == "a\nb"


@pytest.mark.parametrize("formatter", [Text, JsonLines])
def test_what_caused_an_error_is_told_by_place_and_type(formatter: type[Text] | type[JsonLines]) -> None:
    def inner() -> None:
        raise KeyError(CANARY)

    try:
        try:
            inner()
        except KeyError as error:
            raise ExceptionGroup(CANARY, [ValueError(CANARY)]) from error
    except ExceptionGroup as group:
        told = formatted(formatter(False), "it failed", group)
        whole = formatted(formatter(True), "it failed", group)
    assert CANARY not in told
    assert all(name in told for name in ("KeyError", "ExceptionGroup", "ValueError", "in inner", __file__))
    assert CANARY in whole


def test_text_that_is_no_text_can_be_logged(capsys: pytest.CaptureFixture[str]) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(False))
    handler.addFilter(logs.mark)
    handler.handle(logging.LogRecord("orchestrator.x", logging.ERROR, "x.py", 1, "\ud800", (), None))
    assert json.loads(capsys.readouterr().err)["message"] == "\ud800"


def test_a_workspace_is_blurred() -> None:
    assert trail.blurred("team") == trail.blurred("team") != trail.blurred("other")
    assert len(trail.blurred("team")) == 8
