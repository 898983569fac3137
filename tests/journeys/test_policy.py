"""A policy in real processes: told by validate and plan, refusing apply, waived; no secret in any output or file."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from shell import Running, orchestrator, running

SECRET = "AKIA" + "CANARY1234567890"
ENVIRONMENT = """apiVersion: orchestrator/v1
kind: Environment
metadata: {name: far}
spec:
  target: {dialect: dashscope, baseUrl: "${env.FAR}/api/v1", workspace: WORKSPACE}
  policy:
    rules:
      - {rule: model-allowed, allow: [qwen-*]}
      - {rule: token-growth, percent: 50, tokens: 20}
    waivers: WAIVERS
"""
GUIDE = """apiVersion: orchestrator/v1
kind: Assistant
metadata: {name: NAME}
spec:
  model: MODEL
  instructions: |
    TEXT
"""


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running("serve", "--port", "0", cwd=tmp_path_factory.mktemp("far")) as server:
        yield server


class Project:
    def __init__(self, folder: Path, address: str) -> None:
        self.folder, self.address, self.workspace = folder, address, folder.name.replace("_", "-")[:60]
        (folder / "assistants.d").mkdir()
        self.waive("[]")
        self.guide()

    def waive(self, waivers: str) -> None:
        text = ENVIRONMENT.replace("WORKSPACE", self.workspace).replace("WAIVERS", waivers)
        (self.folder / "assistants.d/env.yaml").write_text(text)

    def guide(self, text: str = "Be brief.", *, model: str = "qwen-plus", name: str = "guide") -> None:
        made = GUIDE.replace("NAME", name).replace("MODEL", model).replace("TEXT", text)
        (self.folder / f"assistants.d/{name}.yaml").write_text(made)

    def run(self, *arguments: str):
        done = orchestrator(*arguments, "-e", "far", cwd=self.folder, FAR=self.address)
        assert "Traceback" not in done.stderr
        assert SECRET not in done.stdout + done.stderr
        return done

    def there(self) -> int:
        headers = {"X-DashScope-WorkSpace": self.workspace}
        with httpx2.Client(base_url=f"{self.address}/api/v1", headers=headers, trust_env=False) as http:
            return len(http.get("/assistants").json()["data"])


@pytest.fixture
def project(far: Running, tmp_path: Path) -> Project:
    return Project(tmp_path, far.address)


def _day(days: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=days)).isoformat()


def test_a_model_that_is_not_allowed_is_told_and_refuses_apply(project: Project) -> None:
    project.guide(model="gpt-4o")
    validated = project.run("validate")
    assert validated.returncode == 1
    assert (
        "assistants.d/guide.yaml:5:10: error POL001: guide: the model 'gpt-4o' is not allowed here" in validated.stderr
    )
    planned = project.run("plan", "--format", "json", "-o", "plan.bin")
    assert planned.returncode == 4
    assert [(d["code"], d["line"]) for d in json.loads(planned.stdout)["diagnostics"]] == [("POL001", 5)]
    assert not (project.folder / "plan.bin").exists()
    applied = project.run("apply", "--yes")
    assert (applied.returncode, project.there()) == (4, 0)
    assert "error PLN003" in applied.stderr
    assert "policy.waivers" in applied.stderr


def test_a_secret_is_neither_applied_nor_shown_nor_kept(project: Project) -> None:
    project.guide(f"Use the key {SECRET} always.")
    for command in (("validate",), ("plan",), ("plan", "--format", "html", "--full"), ("apply", "--yes")):
        done = project.run(*command)
        assert done.returncode == (1 if command == ("validate",) else 4), done.stderr
        assert "error POL004: guide: something like an AWS access key (20 characters)" in done.stderr
        assert "Use the key" not in done.stdout
    assert project.there() == 0
    kept = [file for file in project.folder.rglob("*") if file.is_file() and file.suffix != ".yaml"]
    assert [str(file) for file in kept if SECRET.encode() in file.read_bytes()] == []


def test_one_bad_assistant_stops_the_others_unless_they_are_chosen_alone(project: Project) -> None:
    project.guide(model="gpt-4o", name="bad")
    assert project.run("apply", "--yes").returncode == 4
    assert project.run("apply", "--yes", "--select", "guide").returncode == 0
    assert project.there() == 1


def test_a_waiver_lets_it_pass_with_its_reason_until_it_ends(project: Project) -> None:
    project.guide(model="gpt-4o")
    waiver = "[{rule: model-allowed, assistant: guide, reason: a trial, until: DAY}]"
    project.waive(waiver.replace("DAY", _day(-3)))
    refused = project.run("apply", "--yes")
    assert refused.returncode == 4
    assert "warning POL011: the waiver of 'model-allowed' for 'guide' ended 3 days ago" in refused.stderr
    project.waive(waiver.replace("DAY", _day(30)))
    applied = project.run("apply", "--yes")
    assert (applied.returncode, project.there()) == (0, 1)
    assert (
        f"info POL001: guide: the model 'gpt-4o' is not allowed here [model-allowed]; waived until {_day(30)}: a trial"
        in (applied.stderr)
    )
    project.guide(model="qwen-plus")
    assert "POL012: the waiver of 'model-allowed' for 'guide' waives nothing" in project.run("validate").stderr


def test_growth_is_told_by_plan_and_a_plan_that_was_saved_is_judged_by_the_policy_of_today(project: Project) -> None:
    project.guide("A short text of some words that says what is to be done here.")
    assert project.run("apply", "--yes").returncode == 0
    project.guide("A long text of many words that says again what is to be done here. " * 6)
    assert "POL006" not in project.run("validate").stderr
    planned = project.run("plan", "-o", "plan.bin", "--format", "github")
    assert planned.returncode == 0
    assert "::warning file=assistants.d/guide.yaml,line=6,title=POL006::guide: grows from" in planned.stdout
    env = project.folder / "assistants.d/env.yaml"
    env.write_text(env.read_text().replace("allow: [qwen-*]", "allow: [qwen-max]"))
    assert project.run("apply", "plan.bin").returncode == 4
    env.write_text(env.read_text().replace("allow: [qwen-max]", "allow: [qwen-*]"))
    assert project.run("apply", "plan.bin").returncode == 0
    env.write_text(env.read_text().replace("allow: [qwen-*]", "allow: [qwen-max]"))
    assert project.run("rollback", "guide", "--yes").returncode == 4


def test_no_command_that_shows_assistants_shows_a_secret(project: Project) -> None:
    assert project.run("apply", "--yes").returncode == 0
    for arguments in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *arguments], cwd=project.folder, check=True, capture_output=True)
    project.guide(f"Use the key {SECRET} always.")
    for command in (("render", "guide"), ("diff",), ("drift",)):
        done = project.run(*command)
        if command == ("drift",):  # the manifest moved, not the target: there is nothing to show
            assert done.returncode == 0
            continue
        assert done.returncode == 4, (command, done.stderr)
        assert "error POL004: guide: something like an AWS access key" in done.stderr
    compared = orchestrator("compare", "local", "far", cwd=project.folder, FAR=project.address)
    assert SECRET not in compared.stdout + compared.stderr

    project.guide()
    headers = {"X-DashScope-WorkSpace": project.workspace}
    with httpx2.Client(base_url=f"{project.address}/api/v1", headers=headers, trust_env=False) as http:
        known = http.get("/assistants").json()["data"][0]["id"]
        http.post(f"/assistants/{known}", json={"instructions": f"By hand: {SECRET}"})
    for command in (("drift",), ("drift", "--accept"), ("drift", "--format", "json")):
        assert project.run(*command).returncode == 4, command
    assert SECRET not in (project.folder / "assistants.d/guide.yaml").read_text()
