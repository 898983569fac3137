"""Drift as a real process: told with all three sides, left out by path, taken back into the files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from shell import Running, orchestrator, running

FILES = """\
apiVersion: orchestrator/v1
kind: Environment
metadata: {name: far}
spec:
  target: {dialect: dashscope, baseUrl: "${env.FAR}/api/v1", workspace: WORKSPACE}
  patches:
    - {select: {names: [patched]}, merge: {spec: {description: by the environment}}}   # patch
---
# the guide
apiVersion: orchestrator/v1
kind: Assistant
metadata: {name: guide}
spec:
  model: qwen-plus   # cheap
  description: knows the city   # short
  instructions: |   # kind words
    Be kind.
  metadata: {owner: me, team: a}
---
apiVersion: orchestrator/v1
kind: Assistant
metadata: {name: patched}
spec: {model: qwen-plus, instructions: {template: own}}
---
apiVersion: orchestrator/v1
kind: Assistant
metadata: {name: one}
spec: {model: qwen-plus, instructions: {template: shared}, description: "${env.SAID:=said}"}
---
apiVersion: orchestrator/v1
kind: Assistant
metadata: {name: two}
spec:
  {model: qwen-plus, instructions: {template: shared}, description: first, metadata: {k: v},
   ignore: [description, metadata.seen]}
---
apiVersion: orchestrator/v1
kind: Template
metadata: {name: own}
spec:
  body: |
    Own words.
---
apiVersion: orchestrator/v1
kind: Template
metadata: {name: shared}
spec: {body: Shared words.}
"""
MARKDOWN = "---\nname: painter  # who\nmodel: qwen-plus\n---\n\nPaint.\n"


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running("serve", "--port", "0", cwd=tmp_path_factory.mktemp("far")) as server:
        yield server


class Project:
    def __init__(self, folder: Path, far: Running) -> None:
        self.folder, self.far = folder, far
        self.workspace = re.sub(r"[^a-z0-9-]", "-", folder.name)[:60]
        (folder / "assistants.d").mkdir()
        self.yaml, self.markdown = folder / "assistants.d/all.yaml", folder / "assistants.d/painter.md"
        self.yaml.write_text(FILES.replace("WORKSPACE", self.workspace))
        self.markdown.write_text(MARKDOWN)
        assert self.run("apply", "--yes").returncode == 0

    def run(self, *arguments: str):
        done = orchestrator(*arguments, "-e", "far", cwd=self.folder, FAR=self.far.address)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def http(self, method: str, path: str, **more) -> dict:
        url = f"{self.far.address}/api/v1{path}"
        headers = {"X-DashScope-WorkSpace": self.workspace}
        with httpx2.Client(trust_env=False, headers=headers) as client:
            return client.request(method, url, **more).json()

    def change(self, name: str, **fields) -> None:
        found = {one["name"]: one for one in self.http("GET", "/assistants", params={"limit": 100})["data"]}[name]
        if "metadata" in fields:
            fields["metadata"] = {**found["metadata"], **fields["metadata"]}
        self.http("POST", f"/assistants/{found['id']}", json=fields)

    def writes(self) -> float:
        with httpx2.Client(trust_env=False) as client:
            text = client.get(f"{self.far.address}/metrics").text
        return sum(
            float(line.rpartition(" ")[2])
            for line in text.splitlines()
            if re.match(r"orchestrator_\w*requests_total\{", line) and 'method="GET"' not in line
        )


@pytest.fixture
def project(tmp_path: Path, far: Running) -> Project:
    return Project(tmp_path, far)


def test_drift_tells_all_three_sides_and_never_writes(project: Project):
    project.change("guide", description="by hand", metadata={"team": "b"})
    project.change("painter", description="unmanaged")
    before, files = project.writes(), project.yaml.read_text()
    assert before > 0
    told = project.run("drift")
    assert told.returncode == 3
    assert "description:" in told.stdout
    assert "changed at the target; the manifest still says what was applied" in told.stdout
    assert "painter" not in told.stdout

    project.yaml.write_text(files.replace("knows the city ", "knows the town "))
    both = project.run("drift", "guide", "--format", "json")
    sides = {one["field"]: one for one in json.loads(both.stdout)["drift"]}
    assert (sides["description"]["live"], sides["description"]["manifest"], sides["description"]["applied"]) == (
        "by hand",
        "knows the town",
        "knows the city",
    )
    assert (sides["description"]["moved"], sides["metadata"]["moved"]) == ("both", "target")
    assert "applied last: " in project.run("drift").stdout
    assert project.writes() == before

    assert project.run("drift", "--ignore", "description", "--ignore", "metadata.team").returncode == 0
    unknown = project.run("drift", "--ignore", "descripton")
    assert (unknown.returncode, "did you mean 'description'?" in unknown.stderr) == (64, True)


def test_what_is_ignored_is_written_once_and_then_left_to_others(project: Project):
    (two,) = [one for one in project.http("GET", "/assistants")["data"] if one["name"] == "two"]
    assert two["description"] == "first"
    project.change("two", description="theirs", metadata={"seen": "today"})
    assert project.run("drift").returncode == 0
    assert project.run("plan", "--detailed-exitcode").returncode == 0
    project.yaml.write_text(
        project.yaml.read_text().replace("{k: v}", "{k: w}").replace("description: first", "description: mine")
    )
    assert project.run("apply", "--yes").returncode == 0
    (two,) = [one for one in project.http("GET", "/assistants")["data"] if one["name"] == "two"]
    assert (two["description"], two["metadata"]["seen"], two["metadata"]["k"]) == ("theirs", "today", "w")
    assert project.run("plan", "--detailed-exitcode").returncode == 0


def test_what_drifted_is_written_back_where_it_is_said(project: Project):
    project.change(
        "guide",
        description="by hand",
        instructions="Be kind.\n{{ Really }}.\n",
        temperature=0.5,
        metadata={"team": "b"},
    )
    project.change("guide", model="qwen-max")
    project.change("patched", description="by hand, too", instructions="Better words.\n")
    project.change("painter", instructions="Paint blue.\n")
    files = project.yaml.read_text()
    done = project.run("drift", "--accept")
    assert done.returncode == 0, done.stderr
    kind = "|+ # kind words\n    Be kind.\n    {{ '{{' }} Really }}.\n\n"
    assert project.yaml.read_text() == (
        files.replace("qwen-plus   # cheap", "qwen-max   # cheap")
        .replace("knows the city   # short", "by hand   # short")
        .replace("|   # kind words\n    Be kind.\n", kind)
        .replace("team: a", "team: b")
        .replace("by the environment", '"by hand, too"')
        .replace("Own words.", "Better words.")
    )
    assert project.markdown.read_text() == MARKDOWN.replace("Paint.", "Paint blue.")
    assert project.run("drift").returncode == 0
    assert "0 drifted" in project.run("plan").stdout
    assert project.run("apply", "--yes").returncode == 0
    assert project.run("plan", "--detailed-exitcode").returncode == 0
    assert project.run("drift", "--accept").stdout == "No drift.\n"


def test_what_a_file_cannot_say_is_refused_with_its_place(project: Project):
    project.change("one", description="by hand", instructions="Other words.")
    project.change("guide", description="by hand")
    files = project.yaml.read_text()
    done = project.run("drift", "--accept", "one")
    assert done.returncode == 1
    assert "the Template 'shared' is also the text of two; give this assistant a text of its own first" in done.stderr
    assert "assistants.d/all.yaml:28:" in done.stderr
    assert "its value comes from the environment" in done.stderr
    assert project.yaml.read_text() == files
    mixed = project.run("drift", "--accept", "--format", "json")
    assert mixed.returncode == 5
    told = json.loads(mixed.stdout)
    assert [(one["name"], one["field"]) for one in told["accepted"]] == [("guide", "description")]
    assert len(told["refused"]) == 2
