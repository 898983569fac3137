"""The same manifests against an API of OpenAI's dialect: plan, apply, ask, drift, clear, and what it cannot say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from shell import Running, orchestrator, running

ENVIRONMENTS = """
apiVersion: orchestrator/v1
kind: Environment
metadata: {name: far}
spec:
  target: {dialect: openai, baseUrl: "${env.FAR}/v1", apiKey: {fromEnv: FAR_KEY}, workspace: WORKSPACE}
  variables: {city: Shanghai}
---
apiVersion: orchestrator/v1
kind: Environment
metadata: {name: home}
spec:
  target: {dialect: dashscope, baseUrl: "${env.FAR}/api/v1", apiKey: {fromEnv: FAR_KEY}, workspace: WORKSPACE}
  variables: {city: Shanghai}
"""
GUIDE = """apiVersion: orchestrator/v1
kind: Assistant
metadata: {name: guide}
spec:
  model: {name: qwen-plus, temperature: 0.5, topK: 20}
  instructions: You know {{ city }}.
  fileIds: [file-1]
  tools: [{ref: greet}, {type: code_interpreter}]
---
apiVersion: orchestrator/v1
kind: Tool
metadata: {name: greet}
spec: {function: people.greet}
"""
PEOPLE = '''
from orchestrator import tool

@tool
def greet(name: str) -> str:
    """Greet somebody."""
    return f"Good day, {name}!"
'''


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running("serve", "--port", "0", cwd=tmp_path_factory.mktemp("far")) as server:
        yield server


class Project:
    def __init__(self, folder: Path, address: str) -> None:
        self.folder, self.workspace = folder, folder.name.replace("_", "-")[:60]
        self.env = {"FAR": address, "FAR_KEY": "canary-secret"}
        self.write("assistants.d/env.yaml", ENVIRONMENTS.replace("WORKSPACE", self.workspace))
        self.write("assistants.d/guide.yaml", GUIDE)
        self.write("plugins/people.py", PEOPLE)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def run(self, *arguments: str, env: str = "far"):
        done = orchestrator(*arguments, "-e", env, cwd=self.folder, **self.env)
        assert "Traceback" not in done.stderr
        assert "canary-secret" not in done.stdout + done.stderr
        return done

    def http(self) -> httpx2.Client:
        headers = {"OpenAI-Project": self.workspace, "OpenAI-Beta": "assistants=v2"}
        return httpx2.Client(base_url=f"{self.env['FAR']}/v1", headers=headers, trust_env=False)

    def only(self) -> dict[str, object]:
        with self.http() as http:
            (one,) = http.get("/assistants").json()["data"]
        return one


@pytest.fixture
def project(far: Running, tmp_path: Path) -> Project:
    return Project(tmp_path, far.address)


def test_what_is_lost_is_told_with_its_line_and_the_rest_is_applied(project: Project) -> None:
    checked = project.run("validate")
    assert checked.returncode == 0
    assert "assistants.d/guide.yaml:5:52: warning CAP002: the dialect 'openai' has no 'topK'" in checked.stderr
    applied = project.run("apply", "--yes")
    assert (applied.returncode, "CAP002" in applied.stderr) == (0, True)
    one = project.only()
    assert (one["temperature"], one["tool_resources"]) == (0.5, {"code_interpreter": {"file_ids": ["file-1"]}})
    assert one["instructions"] == "You know Shanghai."
    again = project.run("plan", "--detailed-exitcode")
    assert (again.returncode, "1 unchanged" in again.stdout) == (0, True)


def test_it_answers_questions_with_functions_from_here(project: Project) -> None:
    project.run("apply", "--yes")
    asked = project.run("ask", "guide", '/call greet {"name": "Ada"}')
    assert (asked.returncode, "Good day, Ada!" in asked.stdout) == (0, True), asked.stderr
    plain = project.run("ask", "guide", "Hello there")
    assert (plain.returncode, "Hello there" in plain.stdout) == (0, True), plain.stderr


def test_what_somebody_changed_by_hand_is_drift_and_a_null_clears(project: Project) -> None:
    project.run("apply", "--yes")
    with project.http() as http:
        http.post(f"/assistants/{project.only()['id']}", json={"temperature": 1.5}).raise_for_status()
    assert project.run("drift").returncode == 3
    assert project.run("apply", "--yes").returncode == 0
    assert project.only()["temperature"] == 0.5
    project.write("assistants.d/guide.yaml", GUIDE.replace("temperature: 0.5", "temperature: null"))
    assert project.run("apply", "--yes").returncode == 0
    assert project.only()["temperature"] is None
    assert project.run("plan", "--detailed-exitcode").returncode == 0


def test_a_tool_that_would_be_lost_stops_everything_until_a_patch_takes_it_out(project: Project) -> None:
    searching = GUIDE.replace("{type: code_interpreter}", "{type: quark_search}")
    project.write("assistants.d/guide.yaml", searching)
    refused = project.run("plan")
    assert refused.returncode == 1
    assert (
        "assistants.d/guide.yaml:8:25: error CAP001: the dialect 'openai' has no tool 'quark_search'" in refused.stderr
    )
    told = json.loads(project.run("validate", "--format", "json").stdout)
    assert [d["code"] for d in told["diagnostics"] if d["severity"] == "error"] == ["CAP001"]
    assert project.run("validate", env="home").returncode == 0
    patch = "  patches: [{merge: {spec: {tools: [{ref: greet}]}}}]\n---"
    project.write(
        "assistants.d/env.yaml", ENVIRONMENTS.replace("WORKSPACE", project.workspace).replace("---", patch, 1)
    )
    assert project.run("apply", "--yes").returncode == 0
    assert [tool["type"] for tool in project.only()["tools"]] == ["function"]  # type: ignore[attr-defined]


def test_the_other_dialect_finds_the_same_assistant_of_another_owner(project: Project) -> None:
    project.run("apply", "--yes")
    seen = json.loads(project.run("plan", "--format", "json", env="home").stdout)
    assert (seen["unmanaged"], seen["summary"]["add"]) == (1, 1)
