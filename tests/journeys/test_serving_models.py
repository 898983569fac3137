"""`serve` alone, with the models that it is told of."""

import json
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
from model_upstream import KEY, Canned, upstream_thread
from shell import orchestrator, running

HI = b'data: {"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def answered(address: str, model: str) -> Any:
    """A run of an assistant with that model, by the vendor's SDK."""
    import dashscope

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dashscope, "base_http_api_url", f"{address}/api/v1")
        patch.setattr(dashscope, "api_key", "any")
        assistant = dashscope.Assistants.create(model=model)
        thread = dashscope.Threads.create(messages=[{"role": "user", "content": "hello"}])
        run = dashscope.Runs.create(thread.id, assistant_id=assistant.id)
        return dashscope.Runs.wait(run.id, thread_id=thread.id)


def test_a_server_without_any_manifest_answers_with_the_models_of_its_options(tmp_path: Path) -> None:
    with (
        upstream_thread(Canned(pieces=[HI])) as model,
        running(
            "serve", "--port", "0", "--model", f"qwen-*=big@{model.url}", "--model-key-env", "K", cwd=tmp_path, K=KEY
        ) as server,
    ):
        assert answered(server.address, "qwen-plus").status == "completed"
        refused = answered(server.address, "gpt-4")
        assert server.stop() == 0
    assert (model.asked[0].body["model"], model.asked[0].headers["authorization"]) == ("big", f"Bearer {KEY}")
    assert refused.status == "failed"
    assert "No model is configured for the name 'gpt-4'" in refused.last_error["message"]
    said = "".join(server.lines + server.rest())
    assert f"Model: qwen-* → {model.url} as big." in said
    assert "offline" not in said
    assert KEY not in said


def test_the_models_of_the_chosen_environment_stand_behind_those_of_the_options(tmp_path: Path) -> None:
    (tmp_path / "assistants.d").mkdir()
    (tmp_path / "models.yaml").write_text("replies: [{when: hello, reply: scripted}]\n")
    (tmp_path / "assistants.d" / "e.yaml").write_text(
        "apiVersion: orchestrator/v1\nkind: Environment\nmetadata: {name: local}\n"
        "spec: {models: [{match: '*', script: models.yaml}]}\n"
    )
    with (
        upstream_thread(Canned(pieces=[HI])) as model,
        running("serve", "--port", "0", "-e", "local", cwd=tmp_path, ORCHESTRATOR_MODELS=f"a={model.url}") as server,
    ):
        assert answered(server.address, "a").status == "completed"
        assert answered(server.address, "b").status == "completed"
        assert server.stop() == 0
    assert len(model.asked) == 1
    assert "Model: * → the offline model, script models.yaml." in "".join(server.rest())


def test_nothing_configured_is_said_plainly(tmp_path: Path) -> None:
    with running("serve", "--port", "0", cwd=tmp_path) as server:
        assert answered(server.address, "m").status == "completed"
        assert server.stop() == 0
    said = "".join(server.rest())
    assert "Model: * → the offline model." in said
    assert "No real model is configured: name one with serve --model" in said


def test_options_that_make_no_sense_are_refused_before_anything_begins(tmp_path: Path) -> None:
    for wrong in (["--model", "qwen"], ["--model-key-env", "K"], ["--model", "http://h/v1", "--model-key-env", "K"]):
        done = orchestrator("serve", "--port", "0", *wrong, cwd=tmp_path)
        assert done.returncode == 64, done.stderr
        assert "error SET001" in done.stderr
    assert not (tmp_path / ".orchestrator").exists()


def test_what_was_used_is_shown_by_the_servers_folder_or_address(tmp_path: Path) -> None:
    spent = b'data: {"choices":[],"usage":{"prompt_tokens":30,"completion_tokens":4}}\n\ndata: [DONE]\n\n'
    answer = Canned(pieces=[HI.replace(b"data: [DONE]\n\n", spent)])
    with (
        upstream_thread(answer) as model,
        running("serve", "--port", "0", "--model", model.url, cwd=tmp_path) as server,
    ):
        assert answered(server.address, "m1").usage["total_tokens"] == 34
        assert answered(server.address, "m2").status == "completed"
        table = orchestrator("usage", "--by", "model", cwd=tmp_path)
        told = orchestrator("usage", "--by", "model", "--format", "json", "--url", server.address, cwd=tmp_path.parent)
        wrong = orchestrator("usage", "--from", "soon", cwd=tmp_path)
    lines = [line.split() for line in table.stdout.splitlines()[1:]]
    assert lines[0] == ["model", "runs", "turns", "prompt", "completion", "total", "cached", "reasoning"]
    assert [line[:6] for line in lines[1:]] == [
        ["m1", "1", "1", "30", "4", "34"],
        ["m2", "1", "1", "30", "4", "34"],
        ["total", "2", "2", "60", "8", "68"],
    ]
    assert json.loads(told.stdout)["total"]["total_tokens"] == 68
    assert (wrong.returncode, "'from' must be a day" in wrong.stderr) == (1, True)
    nobody = orchestrator("usage", cwd=tmp_path)
    assert (nobody.returncode, "No server runs on" in nobody.stderr) == (64, True)


def test_what_was_used_survives_a_kill_and_is_the_sum_of_the_runs(tmp_path: Path) -> None:
    """Six runs of two turns each are under way when the server dies; afterwards nothing is counted twice or not."""
    end = (
        b'data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":1}}\n\n'
    )
    text = Canned(pieces=[HI.replace(b"data: [DONE]\n\n", b""), end], pause=0.05)
    answers = [answer for nth in range(20) for answer in (Canned(pieces=[_call(nth), end]), text)]
    with upstream_thread(*answers) as model:
        command = ("serve", "--port", "0", "--model", model.url)
        with running(*command, cwd=tmp_path) as server, http(server.address) as api:
            tools = [{"type": "calculator"}]
            assistant = api.post("/assistants", json={"model": "m", "tools": tools}).json()["id"]
            thread = {"messages": [{"role": "user", "content": "go"}]}
            runs = [
                api.post("/threads/runs", json={"assistant_id": assistant, "thread": thread}).json() for _ in range(6)
            ]
            while len(model.asked) < 4:
                time.sleep(0.002)
            server.process.kill()
        with running(*command, cwd=tmp_path) as server, http(server.address) as api:
            ended = [until_over(api, run) for run in runs]
            (told,) = api.get("/usage", params={"group_by": "assistant"}).json()["data"]
            steps = [api.get(f"{place(run)}/steps").json()["data"] for run in runs]
    assert told["runs"] == 6
    assert told["total_tokens"] == sum(run["usage"]["total_tokens"] for run in ended) > 0
    assert told["turns"] == sum(step["usage"] is not None for run in steps for step in run)


def _call(nth: int) -> bytes:
    """A call that no other is like."""
    call = {"function": {"name": "calculator", "arguments": json.dumps({"nth": nth})}}
    return b"data: %b\n\n" % json.dumps({"choices": [{"delta": {"tool_calls": [call]}}]}).encode()


def http(address: str) -> httpx2.Client:
    return httpx2.Client(base_url=f"{address}/api/v1", trust_env=False, timeout=20)


def place(run: dict[str, Any]) -> str:
    return f"/threads/{run['thread_id']}/runs/{run['id']}"


def until_over(api: httpx2.Client, run: dict[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while (now := api.get(place(run)).json())["status"] not in ("completed", "failed", "cancelled", "expired"):
        assert time.monotonic() < deadline, now
        time.sleep(0.02)
    return now
