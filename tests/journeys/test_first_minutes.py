"""The first minutes of a new user: init, up, ask, edit, test."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from shell import orchestrator, running


def test_what_init_makes_works_at_once(tmp_path: Path):
    made = orchestrator("init", "shop", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    folder = tmp_path / "shop"
    assert "+ assistants.d/guide.yaml" in made.stdout
    assert os.access(folder / ".githooks/pre-commit", os.X_OK)
    for command in (("validate",), ("fmt", "--check"), ("plugin", "lint", "--strict"), ("plugin", "test")):
        done = orchestrator(*command, cwd=folder)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    with running("up", "--port", "0", cwd=folder) as server:
        asked = orchestrator("ask", "guide", "Are you open on sunday?", cwd=folder)
        assert (asked.returncode, asked.stdout) == (0, "[offline model] The shop is closed.\n"), asked.stderr
        plugin = folder / "plugins/shop.py"
        plugin.write_text(plugin.read_text().replace('"closed"', '"open all day"'))
        deadline = time.monotonic() + 20
        while (
            "open all day" not in (asked := orchestrator("ask", "guide", "Are you open on sunday?", cwd=folder)).stdout
        ):
            assert time.monotonic() < deadline, asked.stdout
        assert server.stop() == 0


def test_what_is_there_stays(tmp_path: Path):
    (tmp_path / ".gitignore").write_text("mine\n")
    first = orchestrator("init", cwd=tmp_path)
    assert (first.returncode, ".gitignore is there already, and stays." in first.stderr) == (0, True)
    assert (tmp_path / ".gitignore").read_text() == "mine\n"
    again = orchestrator("init", cwd=tmp_path)
    assert (again.returncode, "assistants.d is there already" in again.stderr) == (64, True)
    (tmp_path / "file").write_text("")
    wrong = orchestrator("init", "file/x", cwd=tmp_path)
    assert (wrong.returncode, "Traceback" in wrong.stderr) == (64, False)


def test_the_workflow_and_the_hook_are_sound(tmp_path: Path):
    import yaml

    assert orchestrator("init", cwd=tmp_path).returncode == 0
    workflow = yaml.safe_load((tmp_path / ".github/workflows/assistants.yaml").read_text())
    assert [step["run"].split()[1] for step in workflow["jobs"]["assistants"]["steps"] if "run" in step][1:] == [
        "fmt", "validate", "plugin", "plan", "apply"]  # fmt: skip
    assert subprocess.run(["sh", "-n", ".githooks/pre-commit"], cwd=tmp_path, check=False).returncode == 0
