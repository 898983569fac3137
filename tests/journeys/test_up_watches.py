"""`up` as a real process: what is saved is applied, what is broken costs nobody else, drift is told or repaired."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from shell import Running, orchestrator, running

ASSISTANT = """apiVersion: orchestrator/v1
kind: Assistant
metadata: {name: NAME}
spec: {model: qwen-plus, instructions: One.}
"""
LOCAL = "apiVersion: orchestrator/v1\nkind: Environment\nmetadata: {name: local}\nspec: {policy: POLICY}\n"


class Project:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "assistants.d").mkdir()
        (folder / "plugins").mkdir()
        for name in ("a", "b"):
            self.write(f"assistants.d/{name}.yaml", ASSISTANT.replace("NAME", name))

    def write(self, name: str, text: str) -> None:
        """As editors do it: beside, then renamed."""
        path = self.folder / name
        beside = path.with_name(f".{path.name}.new")
        beside.write_text(text)
        beside.replace(path)

    def start(self, server: Running) -> None:
        self.http = httpx2.Client(base_url=f"{server.address}/api/v1", trust_env=False)

    def there(self) -> dict[str, dict]:
        return {one["name"]: one for one in self.http.get("/assistants", params={"limit": 100}).json()["data"]}

    def until(self, what: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not what():
            assert time.monotonic() < deadline, self.there()
            time.sleep(0.02)

    def settle(self) -> None:
        """Until the controller has looked at everything that was written before: a marker comes last."""
        name = f"m{time.monotonic_ns()}"
        self.write(f"assistants.d/{name}.yaml", ASSISTANT.replace("NAME", name))
        self.until(lambda: name in self.there())


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.fixture
def up(project: Project) -> Iterator[Callable[[], Running]]:
    contexts = []

    def start() -> Running:
        context = running("up", "--port", "0", cwd=project.folder)
        contexts.append(context)
        server = context.__enter__()
        project.start(server)
        return server

    yield start
    for context in contexts:
        context.__exit__(None, None, None)
    project.http.close()


def test_what_is_saved_is_applied_and_what_is_broken_costs_nobody_else(project: Project, up: Callable[[], Running]):
    server = up()
    assert set(project.there()) == {"a", "b"}
    project.write("assistants.d/a.yaml", ASSISTANT.replace("NAME", "a").replace("One.", "Two."))
    project.until(lambda: project.there()["a"]["instructions"] == "Two.")

    project.write("assistants.d/a.yaml", "spec: [\n")
    project.write("assistants.d/b.yaml", ASSISTANT.replace("NAME", "b").replace("One.", "Three."))
    project.until(lambda: project.there()["b"]["instructions"] == "Three.")
    assert project.there()["a"]["instructions"] == "Two."

    project.write("assistants.d/a.yaml", ASSISTANT.replace("NAME", "a").replace("One.", "Four."))
    project.until(lambda: project.there()["a"]["instructions"] == "Four.")

    text = ASSISTANT.replace("NAME", "b").replace("One.", '{% include "tone.j2" %}')
    project.write("assistants.d/tone.j2", "Kind.")
    project.write(
        "assistants.d/b.yaml",
        text.replace("instructions: ", "instructions: '").replace("}.}", "}'}").replace("%}}", "%}'}"),
    )
    project.until(lambda: project.there()["b"]["instructions"] == "Kind.")
    project.write("assistants.d/tone.j2", "Rude.")
    project.until(lambda: project.there()["b"]["instructions"] == "Rude.")
    assert server.stop() == 0
    lines = "".join(server.lines + server.rest())
    assert "assistants.d/a.yaml:2:" in lines
    assert "a: Failed: assistants.d/a.yaml:2:" in lines
    assert "Traceback" not in lines


def test_drift_is_told_and_repaired_only_where_the_policy_says_so(project: Project, up: Callable[[], Running]):
    server = up()
    project.http.post(f"/assistants/{project.there()['a']['id']}", json={"instructions": "By hand."})
    project.settle()
    assert project.there()["a"]["instructions"] == "By hand."
    project.write("assistants.d/env.yaml", LOCAL.replace("POLICY", "{selfHeal: true}"))
    project.until(lambda: project.there()["a"]["instructions"] == "One.")
    project.http.post(f"/assistants/{project.there()['a']['id']}", json={"instructions": "By hand again."})
    project.settle()
    assert project.there()["a"]["instructions"] == "By hand again."  # 10 s must pass first
    assert server.stop() == 0
    assert "a: Drifted: instructions" in "".join(server.lines + server.rest())


def test_an_emptied_folder_deletes_nothing_and_a_removed_file_does(project: Project, up: Callable[[], Running]):
    project.write("assistants.d/env.yaml", LOCAL.replace("POLICY", "{prune: auto, maxDeletePercent: 100}"))
    up()
    for name in ("a", "b"):
        (project.folder / f"assistants.d/{name}.yaml").rename(project.folder / f"{name}.away")
    time.sleep(1)
    assert set(project.there()) == {"a", "b"}
    (project.folder / "b.away").rename(project.folder / "assistants.d/b.yaml")
    project.until(lambda: set(project.there()) == {"b"})


def test_what_is_suspended_waits(project: Project, up: Callable[[], Running]):
    up()
    project.write("assistants.d/a.yaml", ASSISTANT.replace("NAME", "a").replace("One.", "Two., suspend: true"))
    project.settle()
    assert project.there()["a"]["instructions"] == "One."
    project.write("assistants.d/a.yaml", ASSISTANT.replace("NAME", "a").replace("One.", "Two."))
    project.until(lambda: project.there()["a"]["instructions"] == "Two.")


def test_a_function_that_is_saved_is_what_the_next_run_calls(project: Project, up: Callable[[], Running]):
    code = "from orchestrator import tool\n\n@tool\ndef now() -> str:\n    'Tell.'\n    return 'one'\n"
    project.write("plugins/clock.py", code)
    tool = "---\napiVersion: orchestrator/v1\nkind: Tool\nmetadata: {name: now}\nspec: {function: clock.now}\n"
    project.write(
        "assistants.d/a.yaml", ASSISTANT.replace("NAME", "a").replace("One.", "One., tools: [{ref: now}]") + tool
    )
    server = up()
    assert project.there()["a"]["tools"][0]["function"]["description"] == "Tell."
    project.write("plugins/clock.py", code.replace("'Tell.'", "'Tell the time.'"))
    project.until(lambda: project.there()["a"]["tools"][0]["function"]["description"] == "Tell the time.")
    project.write("plugins/clock.py", "def (")
    project.settle()
    assert project.there()["a"]["tools"][0]["function"]["description"] == "Tell the time."
    assert server.stop() == 0
    assert "the version loaded before stays in use" in "".join(server.lines + server.rest())


def test_the_status_tells_what_is_known_of_each(project: Project, up: Callable[[], Running]):
    nobody = orchestrator("status", cwd=project.folder)
    assert (nobody.returncode, "No controller was ever started" in nobody.stderr) == (64, True)
    server = up()

    def status(*arguments: str) -> tuple[int, dict[str, dict]]:
        done = orchestrator("status", *arguments, "--format", "json", cwd=project.folder)
        return done.returncode, {one["name"]: one for one in json.loads(done.stdout)["assistants"]}

    code, known = status()
    assert (code, {name: (one["state"], one["revision"]) for name, one in known.items()}) == (
        0,
        {"a": ("Synced", 1), "b": ("Synced", 1)},
    )
    project.write("assistants.d/a.yaml", "spec: [\n")
    project.until(lambda: status()[1]["a"]["state"] == "Failed")
    code, known = status()
    assert (code, known["b"]["state"], "assistants.d/a.yaml:2:" in known["a"]["cause"]) == (1, "Synced", True)
    table = orchestrator("status", "a", cwd=project.folder).stdout
    assert [line.split()[:2] for line in table.splitlines()] == [["ASSISTANT", "STATE"], ["a", "Failed"]]
    unknown = orchestrator("status", "c", cwd=project.folder)
    assert (unknown.returncode, "There is no assistant 'c'" in unknown.stderr) == (64, True)
    assert server.stop() == 0
    ended = orchestrator("status", cwd=project.folder)
    assert (ended.returncode, "The controller has ended" in ended.stderr) == (1, True)
