"""Edit, plan, apply, drift, prune, destroy, against a target that is another process; functions answered from here."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from shell import Running, environ, orchestrator, running

ENVIRONMENT = """
apiVersion: orchestrator/v1
kind: Environment
metadata: {name: far}
spec:
  target: {dialect: dashscope, baseUrl: "${env.FAR}/api/v1", apiKey: {fromEnv: FAR_KEY}, workspace: WORKSPACE}
  variables: {city: Shanghai}
  policy: {maxDeletePercent: 60}
"""
GUIDE = """
apiVersion: orchestrator/v1
kind: Assistant
metadata: {name: guide}
spec:
  model: {name: qwen-plus, temperature: 0.5}
  instructions: You know {{ city }}.
  tools: [{ref: greet}]
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
        self.write("assistants.d/env.yaml", ENVIRONMENT.replace("WORKSPACE", self.workspace))
        self.write("assistants.d/guide.yaml", GUIDE)
        self.write("plugins/people.py", PEOPLE)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def run(self, *arguments: str):
        done = orchestrator(*arguments, "-e", "far", cwd=self.folder, **self.env)
        assert "Traceback" not in done.stderr
        assert "canary-secret" not in done.stdout + done.stderr
        return done

    def run_here(self, *arguments: str):
        return orchestrator(*arguments, cwd=self.folder, **self.env)

    def http(self) -> httpx2.Client:
        headers = {"X-DashScope-WorkSpace": self.workspace}
        return httpx2.Client(base_url=f"{self.env['FAR']}/api/v1", headers=headers, trust_env=False)

    def there(self) -> list[dict]:
        with self.http() as http:
            return http.get("/assistants").json()["data"]


@pytest.fixture
def project(tmp_path: Path, far: Running) -> Project:
    return Project(tmp_path, far.address)


def test_the_whole_life_of_an_assistant(project: Project) -> None:
    assert project.run("plan", "--detailed-exitcode").returncode == 2
    assert project.run("apply", "--yes").stdout.endswith("Applied: 1 added, 0 changed, 0 deleted.\n")
    assert project.run("plan", "--detailed-exitcode").returncode == 0
    (one,) = project.there()
    assert (one["instructions"], one["temperature"]) == ("You know Shanghai.", 0.5)

    project.write("assistants.d/guide.yaml", GUIDE.replace("You know", "You love"))
    assert "edited" in project.run("plan").stdout
    assert project.run("drift").returncode == 0
    assert project.run("apply", "--yes").returncode == 0

    with project.http() as http:
        http.post(f"/assistants/{one['id']}", json={"instructions": "Changed by hand."})
    drift = project.run("drift")
    assert (drift.returncode, "instructions" in drift.stdout) == (3, True)
    assert project.run("apply", "--yes").returncode == 0
    assert project.there()[0]["instructions"] == "You love Shanghai."
    assert project.run("drift").returncode == 0


def test_prune_deletes_what_is_ours_and_nothing_else(project: Project) -> None:
    project.write("assistants.d/second.md", "---\nname: second\nmodel: m\n---\nYou are the second.\n")
    assert project.run("apply", "--yes").returncode == 0
    with project.http() as http:
        stranger = http.post("/assistants", json={"model": "m", "name": "theirs"}).json()["id"]
    (project.folder / "assistants.d/second.md").unlink()
    assert "--prune would delete it" in project.run("plan").stdout
    assert project.run("apply", "--yes").returncode == 0
    assert len(project.there()) == 3
    assert project.run("apply", "--yes", "--prune").returncode == 0
    assert {a["name"] for a in project.there()} == {"guide", "theirs"}
    assert project.run("destroy", "--yes").returncode == 0
    assert [a["id"] for a in project.there()] == [stranger]


def test_pruning_with_an_empty_or_a_broken_folder_deletes_nothing(project: Project) -> None:
    assert project.run("apply", "--yes").returncode == 0
    project.write("assistants.d/guide.yaml", GUIDE.replace("model:", "modle:"))
    assert project.run("apply", "--yes", "--prune").returncode == 1
    (project.folder / "assistants.d/guide.yaml").unlink()
    refused = project.run("apply", "--yes", "--prune")
    assert (refused.returncode, "None of our assistants is declared any more" in refused.stderr) == (4, True)
    assert len(project.there()) == 1


def test_functions_are_answered_from_here_when_the_target_is_far(project: Project) -> None:
    project.run("apply", "--yes")
    done = project.run("ask", "guide", '/call greet {"name": "Li"}')
    assert (done.returncode, done.stdout) == (0, "[offline model] Good day, Li!\n")


def test_a_call_that_a_person_must_approve_is_refused_where_nobody_is(project: Project) -> None:
    project.write("assistants.d/guide.yaml", GUIDE.replace("{ref: greet}", "{ref: greet, approval: ask}"))
    project.run("apply", "--yes")
    done = project.run("ask", "guide", '/call greet {"name": "Li"}')
    assert (done.returncode, "not_approved" in done.stdout) == (0, True)


def test_a_failed_run_is_told_with_its_reason(project: Project) -> None:
    project.run("apply", "--yes")
    done = project.run("ask", "guide", "/fail the model is tired")
    assert done.returncode == 1
    assert "RUN001" in done.stderr
    assert "the model is tired" in done.stderr


def test_json_is_for_programs(project: Project) -> None:
    planned = json.loads(project.run("plan", "--format", "json").stdout)
    assert (planned["format_version"], planned["summary"]["add"]) == (1, 1)
    applied = json.loads(project.run("apply", "--yes", "--format", "json").stdout)
    assert [r["done"] for r in applied["results"]] == [True]
    rendered = json.loads(project.run("render", "guide", "--format", "json").stdout)
    assert rendered["assistant"]["instructions"] == "You know Shanghai."


def test_two_projects_on_one_account_do_not_touch_each_other(project: Project) -> None:
    assert project.run("apply", "--yes", "--project", "one").returncode == 0
    assert project.run("apply", "--yes", "--project", "two").returncode == 0
    assert len(project.there()) == 2
    assert project.run("destroy", "--yes", "--project", "two").returncode == 0
    assert len(project.there()) == 1


def test_apply_asks_and_where_nobody_answers_it_names_the_flag(project: Project) -> None:
    done = project.run("apply")
    assert (done.returncode, "--yes" in done.stderr) == (64, True)
    assert project.there() == []


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(project: Project) -> None:
    project.env |= {"HTTP_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9"}
    assert project.run("plan", "--detailed-exitcode").returncode == 2


def test_destroy_spares_what_the_manifest_protects_and_refuses_broken_files(project: Project) -> None:
    assert project.run("apply", "--yes").returncode == 0
    project.write("assistants.d/guide.yaml", GUIDE.replace("spec:\n  model: {", "spec:\n  protect: true\n  model: {"))
    assert project.run("destroy", "--yes").returncode == 0
    assert len(project.there()) == 1
    project.write("assistants.d/broken.yaml", "broken: [")
    assert project.run("destroy", "--yes").returncode == 1


SLOW = """
import asyncio, itertools, json, socket
made = itertools.count(1)
async def handle(reader, writer):
    while True:
        head = await reader.readuntil(b"\\r\\n\\r\\n")
        length = [int(l.split(b":")[1]) for l in head.split(b"\\r\\n") if l.lower().startswith(b"content-length")]
        body = await reader.readexactly(length[0]) if length else b""
        answer = {"object": "list", "data": [], "has_more": False}
        if head.startswith(b"POST"):
            print("begun", flush=True)
            await asyncio.sleep(2)
            answer = {**json.loads(body), "id": f"asst_{next(made)}", "created_at": 1}
        data = json.dumps(answer).encode()
        head = b"HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\ncontent-length: %d\\r\\n\\r\\n"
        writer.write(head % len(data) + data)
async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.sleep(40)
asyncio.run(main())
"""


def test_ctrl_c_lets_what_is_in_flight_end_and_tells_the_rest(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", SLOW], stdout=subprocess.PIPE, text=True) as target:
        assert target.stdout is not None
        project = Project(tmp_path, f"http://127.0.0.1:{target.stdout.readline().strip()}")
        env = ENVIRONMENT.replace("WORKSPACE", project.workspace) + "  requests: {concurrency: 1}\n"
        project.write("assistants.d/env.yaml", env)
        for name in ("b", "c", "d"):
            project.write(f"assistants.d/{name}.md", f"---\nname: {name}\nmodel: m\n---\nHello\n")
        command = [sys.executable, "-m", "orchestrator", "apply", "--yes", "-e", "far"]
        with subprocess.Popen(
            command, cwd=tmp_path, env=environ(**project.env), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as apply:
            assert target.stdout.readline() == "begun\n"
            apply.send_signal(signal.SIGINT)
            out, err = apply.communicate(timeout=20)
        target.kill()
    assert (apply.returncode, err) == (130, "")
    assert "Applied: 1 added, 0 changed, 0 deleted, 3 not tried." in out
    assert "not tried: " in out
