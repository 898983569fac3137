"""One command for several environments: each for itself, one report, the exit code of the one that is worst off."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from shell import Running, orchestrator, running

FILES = """
apiVersion: orchestrator/v1
kind: Environment
metadata: {name: staging}
spec: {target: {dialect: dashscope, baseUrl: "${env.FAR}/api/v1", workspace: staging}}
---
apiVersion: orchestrator/v1
kind: Environment
metadata: {name: production}
spec: {target: {dialect: dashscope, baseUrl: "${env.FAR}/api/v1", workspace: production}}
---
apiVersion: orchestrator/v1
kind: Environment
metadata: {name: gone}
spec: {target: {dialect: dashscope, baseUrl: "http://127.0.0.1:9/api/v1"}}
---
apiVersion: orchestrator/v1
kind: Assistant
metadata: {name: guide}
spec: {model: qwen-plus, instructions: You know the city.}
"""


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running("serve", "--port", "0", cwd=tmp_path_factory.mktemp("far")) as server:
        yield server


@pytest.fixture
def run(tmp_path: Path, far: Running) -> Callable:
    (tmp_path / "assistants.d").mkdir()
    (tmp_path / "assistants.d/all.yaml").write_text(FILES)
    return lambda *arguments: orchestrator(*arguments, cwd=tmp_path, FAR=far.address)


def test_each_environment_has_its_part_of_the_report(run: Callable):
    planned = run("plan", "-e", "staging", "--env=production", "--detailed-exitcode")
    assert planned.returncode == 2
    assert [line for line in planned.stdout.splitlines() if line.startswith("===")] == ["=== staging", "=== production"]
    assert planned.stdout.count("1 to add") == 2

    applied = run("apply", "-e", "staging", "-e", "production", "--yes", "--format", "json")
    assert applied.returncode == 0, applied.stderr
    told = json.loads(applied.stdout)
    assert [(one["environment"], one["exit_code"]) for one in told["environments"]] == [
        ("staging", 0),
        ("production", 0),
    ]
    assert all(one["report"] for one in told["environments"])

    markdown = run("plan", "-e", "staging", "-e", "production", "--format", "markdown").stdout
    assert [line for line in markdown.splitlines() if line.startswith("## ")][:1] == ["## staging"]
    assert "## production" in markdown
    assert run("validate", "-e", "staging", "-e", "production").returncode == 0


def test_one_that_fails_does_not_stop_the_others_unless_that_is_asked(run: Callable):
    every = run("plan", "--all-envs", "--format", "json")
    assert every.returncode == 1
    told = {one["environment"]: one for one in json.loads(every.stdout)["environments"]}
    assert {name: one["exit_code"] for name, one in told.items()} == {"gone": 1, "production": 0, "staging": 0}
    assert (told["gone"]["report"], "API001" in every.stderr) == (None, True)

    stopped = run("apply", "-e", "gone", "-e", "staging", "--yes", "--fail-fast")
    assert (stopped.returncode, "Not tried: staging." in stopped.stderr) == (1, True)
    assert "=== staging" not in stopped.stdout


def test_what_cannot_be_several_is_refused(run: Callable):
    for arguments in (["-o", "p.json"], ["--out", "x.md"], ["--out=x.md"], ["--format", "html"]):
        refused = run("plan", "-e", "staging", "-e", "production", *arguments)
        assert (refused.returncode, "one environment at a time" in refused.stderr) == (64, True)
    unknown = run("plan", "-e", "staging", "-e", "stagng")
    assert (unknown.returncode, "did you mean 'staging'?" in unknown.stderr) == (1, True)
