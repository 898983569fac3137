"""Comparing without a target: revisions of a folder, two environments; and choosing what a plan is about."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from shell import copy_examples, orchestrator


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The examples in a repository with one commit."""
    copy_examples(tmp_path)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-m", "first")
    return tmp_path


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_a_change_of_the_folder_is_told_without_any_target(project: Path) -> None:
    assert orchestrator("diff", cwd=project).returncode == 0
    edit(project / "assistants.d" / "weather.yaml", "qwen-plus", "qwen-max")
    done = orchestrator("diff", "--base", "HEAD", cwd=project)
    assert done.returncode == 2
    assert '"qwen-plus" → "qwen-max"' in done.stdout
    assert not (project / ".orchestrator").exists()


def test_a_shared_template_changes_all_who_use_it(project: Path) -> None:
    found = [file for file in project.glob("assistants.d/**/*.j2") if file.read_text().strip()]
    found[0].write_text("Be kind.\n")
    done = orchestrator("diff", "--format", "json", cwd=project)
    changed = [change["name"] for change in json.loads(done.stdout)["changes"]]
    assert changed
    assert json.loads(orchestrator("diff", "--format", "json", "--exclude", changed[0], cwd=project).stdout)[
        "not_selected"
    ]


def test_a_revision_with_an_error_is_named(project: Path) -> None:
    edit(project / "assistants.d" / "weather.yaml", "model:", "modle:")
    git(project, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-a", "-m", "broken")
    edit(project / "assistants.d" / "weather.yaml", "modle:", "model:")
    done = orchestrator("diff", cwd=project)
    assert done.returncode == 1
    assert "In revision HEAD:" in done.stderr
    assert "modle" in done.stderr


@pytest.mark.parametrize("revision", ["nope", "--help", "HEAD:README.md", ""])
def test_what_is_no_revision_is_refused(project: Path, revision: str) -> None:
    done = orchestrator("diff", f"--base={revision}", cwd=project)
    assert done.returncode == 64
    assert "Traceback" not in done.stderr


def test_a_folder_without_a_repository_is_told_so(tmp_path: Path) -> None:
    copy_examples(tmp_path)
    done = orchestrator("diff", cwd=tmp_path, GIT_CEILING_DIRECTORIES=str(tmp_path.parent))
    assert done.returncode == 64
    assert "not a git repository" in done.stderr


def test_environments_are_compared(project: Path) -> None:
    done = orchestrator("compare", "local", "staging", cwd=project)
    assert done.returncode == 2
    assert "support" in done.stdout
    assert orchestrator("compare", "staging", "staging", cwd=project).returncode == 0
    assert orchestrator("compare", "local", "stagin", cwd=project).returncode == 1


def test_only_what_is_selected_is_applied(project: Path) -> None:
    done = orchestrator("apply", "--yes", "--select", "tool:get_forecast", cwd=project)
    assert done.returncode == 0, done.stderr
    assert "Applied: 1 added" in done.stdout
    left = json.loads(orchestrator("plan", "--format", "json", "--exclude", "weather", cwd=project).stdout)
    assert left["summary"]["add"] == 2
    assert left["not_selected"] == 1
