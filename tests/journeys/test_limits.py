"""Limits from manifests and options reach the runs; idempotent functions are known as such after a crash."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from shell import running

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

PROJECT = """
apiVersion: orchestrator/v1
kind: Assistant
metadata: {name: few}
spec: {model: m, tools: [{ref: shout}], limits: {toolCalls: 0, outputBytes: 2048}}
---
apiVersion: orchestrator/v1
kind: Assistant
metadata: {name: short}
spec: {model: m, tools: [{ref: shout}], limits: {outputBytes: 2048, runTimeout: 2m}}
---
apiVersion: orchestrator/v1
kind: Assistant
metadata: {name: plain}
spec: {model: m, tools: [{ref: shout}, {ref: once}, {ref: again}]}
---
apiVersion: orchestrator/v1
kind: Tool
metadata: {name: shout}
spec: {function: things.shout}
---
apiVersion: orchestrator/v1
kind: Tool
metadata: {name: once}
spec: {function: things.once}
---
apiVersion: orchestrator/v1
kind: Tool
metadata: {name: again}
spec: {function: things.again}
"""

THINGS = """
import os
import signal
from pathlib import Path

from orchestrator import tool


@tool
def shout(times: int) -> str:
    "Shout."
    return "A" * times


def _die(name: str) -> str:
    told = Path("told")
    with told.open("a") as file:
        print(name, file=file)
    if len(told.read_text().split()) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return name


@tool
def once() -> str:
    "Must not be called twice."
    return _die("once")


@tool(idempotent=True)
def again() -> str:
    "May be called twice."
    return _die("again")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "assistants.d").mkdir()
    (tmp_path / "assistants.d" / "all.yaml").write_text(PROJECT)
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "things.py").write_text(THINGS)
    return tmp_path


class Client:
    """The vendor's SDK, and the assistants of the project by name."""

    def __init__(self, address: str, patch: pytest.MonkeyPatch) -> None:
        import dashscope

        self.sdk = dashscope
        patch.setattr(dashscope, "base_http_api_url", f"{address}/api/v1")
        patch.setattr(dashscope, "api_key", "any")
        self.assistants = {one.name: one.id for one in dashscope.Assistants.list().data}

    def start(self, assistant: str, text: str) -> Any:
        thread = self.sdk.Threads.create(messages=[{"role": "user", "content": text}])
        return self.sdk.Runs.create(thread.id, assistant_id=self.assistants[assistant])

    def wait(self, run: Any) -> Any:
        return self.sdk.Runs.wait(run.id, thread_id=run.thread_id)

    def output(self, run: Any) -> str:
        steps = self.sdk.Steps.list(run.id, thread_id=run.thread_id, order="asc").data
        return steps[0].step_details.tool_calls[0].function.output


def test_limits_of_manifests_and_options_hold_for_runs(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running("up", "--port", "0", "--run-timeout", "1", cwd=project) as server:
        client = Client(server.address, monkeypatch)
        slow = client.start("plain", "/slow 9 too late")
        refused = client.wait(client.start("few", '/call shout {"times": 1}'))
        cut = client.wait(client.start("short", '/call shout {"times": 9000}'))
        in_time = client.wait(client.start("short", "/slow 2 in time"))
        assert refused.status == "failed"
        assert "may make 0 tool calls in all" in refused.last_error["message"]
        assert len(client.output(cut)) == 2048
        assert client.output(cut).endswith(" of 9000 bytes left out]")
        assert client.wait(slow).status == "expired"
        assert in_time.status == "completed"
        assert server.stop() == 0


@pytest.mark.parametrize(("function", "calls"), [("once", 1), ("again", 2)])
def test_after_a_crash_only_an_idempotent_function_is_called_again(
    project: Path, monkeypatch: pytest.MonkeyPatch, function: str, calls: int
) -> None:
    with running("up", "--port", "0", cwd=project) as server:
        client = Client(server.address, monkeypatch)
        run = client.start("plain", f"/call {function} {{}}")
        assert server.process.wait(timeout=20) == -signal.SIGKILL
    with running("up", "--port", "0", cwd=project) as server:
        client = Client(server.address, monkeypatch)
        assert client.wait(run).status == "completed"
        output = client.output(run)
        assert server.stop() == 0
    assert (project / "told").read_text().split() == [function] * calls
    if function == "again":
        assert output == "again"
    else:
        assert json.loads(output)["error"]["code"] == "outcome_unknown"
