"""Adopt and release as real processes, against a real server that is another process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from shell import Running, orchestrator, running

FILES = """
apiVersion: orchestrator/v1
kind: Environment
metadata: {name: far}
spec:
  target: {dialect: dashscope, baseUrl: "${env.FAR}/api/v1"}
---
apiVersion: orchestrator/v1
kind: Assistant
metadata: {name: guide}
spec: {model: qwen-plus, displayName: guide, instructions: You know the city.}
"""
WIRE = {"model": "qwen-plus", "name": "guide", "instructions": "You know the city.", "metadata": {"theirs": "1"}}


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Running]:
    (tmp_path / "far").mkdir()
    with running("serve", "--port", "0", cwd=tmp_path / "far") as server:
        yield server


def _folder(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "assistants.d").mkdir(parents=True)
    (folder / "assistants.d/all.yaml").write_text(FILES)
    return folder


def test_take_over_plan_nothing_let_go_keep_all(tmp_path: Path, far: Running) -> None:
    folder = _folder(tmp_path)

    def run(*arguments: str):
        done = orchestrator(*arguments, "-e", "far", cwd=folder, FAR=far.address)
        assert "Traceback" not in done.stderr
        return done

    with httpx2.Client(base_url=f"{far.address}/api/v1", trust_env=False) as http:
        made = http.post("/assistants", json=WIRE).json()
        unasked = run("adopt", f"guide={made['id']}")
        assert (unasked.returncode, "add --yes" in unasked.stderr) == (64, True)
        assert "orchestrator" not in http.get(f"/assistants/{made['id']}").json()["metadata"]

        taken = run("adopt", f"guide={made['id']}", "--yes", "--format", "json")
        assert taken.returncode == 0, taken.stderr
        (one,) = json.loads(taken.stdout)["assistants"]
        assert (one["id"], one["owner_before"], one["outcome"]) == (made["id"], None, "adopted")
        (entry,) = json.loads(run("log", "--format", "json").stdout)["applies"]
        assert (entry["verb"], entry["outcome"]) == ("adopt", "done: 1 done, 0 failed, 0 not tried")
        assert [(s["name"], s["action"], s["state"]) for s in entry["steps"]] == [("guide", "adopt", "done")]
        assert "You know the city." in run("show", "guide@1").stdout
        assert run("plan", "--detailed-exitcode").returncode == 0
        assert run("drift").returncode == 0

        other = run("adopt", f"guide={made['id']}", "--yes", "--project", "other")
        assert (other.returncode, "--from default/far" in other.stderr) == (4, True)
        assert run("release", "guide", "--yes", "--project", "other").returncode == 64

        let_go = run("release", "guide", "--yes")
        assert (let_go.returncode, "released" in let_go.stdout) == (0, True)
        assert "still declared" in let_go.stderr
        assert http.get(f"/assistants/{made['id']}").json()["metadata"] == {"theirs": "1"}
        assert json.loads(run("log", "--format", "json").stdout)["applies"][0]["verb"] == "release"


def test_bad_input_is_told_in_a_sentence(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    for arguments, words in (
        (["adopt"], "NAME=ID"),
        (["adopt", "guide"], "is no NAME=ID"),
        (["adopt", "guide=a", "guide=b"], "twice"),
        (["adopt", "gide=a"], "did you mean 'guide'?"),
        (["release"], "NAME|ID"),
    ):
        done = orchestrator(*arguments, "--yes", "-e", "far", cwd=folder, FAR="http://127.0.0.1:9")
        assert (done.returncode, words in done.stderr, "Traceback" in done.stderr) == (64, True, False), done.stderr
