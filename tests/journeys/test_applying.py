"""Saved plans, history, locks and deletions as a person meets them, in real processes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from shell import Running, environ, running
from test_gitops import ENVIRONMENT, GUIDE, SLOW, Project


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running("serve", "--port", "0", cwd=tmp_path_factory.mktemp("far")) as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, far: Running) -> Project:
    made = Project(tmp_path, far.address)
    made.write("assistants.d/second.md", "---\nname: second\nmodel: m\n---\nYou are the second.\n")
    return made


def by_name(project: Project) -> dict[str, dict]:
    return {one["name"]: one for one in project.there()}


def test_an_approved_plan_is_applied_as_it_was_and_stale_objects_are_refused(project: Project) -> None:
    assert project.run("plan", "-o", "p.json").returncode == 0
    project.write("assistants.d/guide.yaml", GUIDE.replace("You know", "Unapproved,"))
    moved = project.run("apply", "p.json")
    assert moved.returncode == 7
    assert "stale: guide: since the plan was made, assistants.d/guide.yaml changed" in moved.stderr
    assert "guide" not in by_name(project)
    project.write("assistants.d/guide.yaml", GUIDE)
    done = project.run("apply", "p.json")
    assert (done.returncode, "2 added" in done.stdout) == (0, True)
    assert by_name(project)["guide"]["instructions"] == "You know Shanghai."
    again = project.run("apply", "p.json")
    assert (again.returncode, "Done already: guide, second" in again.stderr) == (0, True)

    project.write("assistants.d/guide.yaml", GUIDE.replace("You know", "Unapproved,"))
    project.write("assistants.d/second.md", "---\nname: second\nmodel: m\n---\nYou are the last.\n")
    assert project.run("plan", "-o", "p.json").returncode == 0
    with project.http() as http:
        http.post(f"/assistants/{by_name(project)['second']['id']}", json={"instructions": "By hand."})
    refused = project.run("apply", "p.json")
    assert (refused.returncode, "stale: second:" in refused.stderr, "--partial" in refused.stderr) == (7, True, True)
    assert by_name(project)["guide"]["instructions"] == "You know Shanghai."
    assert project.run("apply", "p.json", "--partial").returncode == 7
    there = by_name(project)
    assert (there["guide"]["instructions"], there["second"]["instructions"]) == ("Unapproved, Shanghai.", "By hand.")
    assert project.run("apply", "p.json", "--project", "other").returncode == 7


def test_a_rollback_holds_until_the_file_changes_and_the_log_tells_of_it(project: Project) -> None:
    assert project.run("apply", "--yes").returncode == 0
    project.write("assistants.d/guide.yaml", GUIDE.replace("You know", "You hate"))
    assert project.run("apply", "--yes").returncode == 0
    assert "You know Shanghai." in project.run("show", "guide@1").stdout
    rolled = project.run("rollback", "guide", "--yes")
    assert (rolled.returncode, "Held until" in rolled.stderr) == (0, True)
    assert by_name(project)["guide"]["instructions"] == "You know Shanghai."
    planned = project.run("plan", "--detailed-exitcode")
    assert (planned.returncode, "guide: held by a rollback" in planned.stdout) == (0, True)
    assert project.run("apply", "--yes").returncode == 0
    assert by_name(project)["guide"]["instructions"] == "You know Shanghai."
    assert [line.split()[0] for line in project.run("log", "guide").stdout.splitlines()] == ["REVISION", "3", "2", "1"]

    project.write("assistants.d/guide.yaml", GUIDE.replace("You know", "You love"))
    assert project.run("apply", "--yes").returncode == 0
    assert by_name(project)["guide"]["instructions"] == "You love Shanghai."
    assert project.run("rollback", "guide", "1", "--yes").returncode == 0
    assert project.run("resume", "guide").returncode == 0
    assert project.run("resume", "guide").returncode == 64
    assert project.run("plan", "--detailed-exitcode").returncode == 2
    log = json.loads(project.run("log", "--format", "json").stdout)
    assert [one["verb"] for one in log["applies"]] == ["rollback", "apply", "rollback", "apply", "apply"]
    assert {one["outcome"].split(":")[0] for one in log["applies"]} == {"done"}
    assert all("canary-secret" not in path.read_bytes().decode("latin-1") for path in _journal(project))
    for path in _journal(project):
        path.unlink()
    assert "stamp says revision 5" in project.run("log", "guide").stderr


def _journal(project: Project) -> list[Path]:
    return list((project.folder / ".orchestrator").glob("journal.db*"))


def test_deleting_much_needs_its_count_named_and_protection_outlives_the_manifest(project: Project) -> None:
    for number in range(4):
        protect = "protect: true\n" if number == 0 else ""
        project.write(f"assistants.d/n{number}.md", f"---\nname: n{number}\nmodel: m\n{protect}---\nHello\n")
    project.write("assistants.d/env.yaml", (project.folder / "assistants.d/env.yaml").read_text().replace("60", "20"))
    assert project.run("apply", "--yes").returncode == 0
    for number in range(4):
        (project.folder / f"assistants.d/n{number}.md").unlink()
    refused = project.run("apply", "--yes", "--prune")
    assert (refused.returncode, "--max-deletes 3" in refused.stderr) == (4, True)
    assert len(project.there()) == 6
    assert project.run("apply", "--yes", "--prune", "--max-deletes", "3").returncode == 0
    assert set(by_name(project)) == {"guide", "second", "n0"}


def test_two_applies_at_once_are_told_apart_and_create_nothing_twice(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", SLOW], stdout=subprocess.PIPE, text=True) as target:
        assert target.stdout is not None
        project = Project(tmp_path, f"http://127.0.0.1:{target.stdout.readline().strip()}")
        project.write("assistants.d/env.yaml", ENVIRONMENT.replace("WORKSPACE", project.workspace))
        command = [sys.executable, "-m", "orchestrator", "apply", "--yes", "-e", "far"]
        with subprocess.Popen(command, cwd=tmp_path, env=environ(**project.env), stdout=subprocess.PIPE) as first:
            assert target.stdout.readline() == "begun\n"
            second = project.run("apply", "--yes")
            listed = json.loads(project.run_here("lock", "list", "--format", "json").stdout)
            first.send_signal(signal.SIGTERM)
            first.communicate(timeout=20)
        target.kill()
    assert (second.returncode, "lock release" in second.stderr) == (6, True)
    assert listed["locks"][0]["id"] in second.stderr
    assert json.loads(project.run_here("lock", "list", "--format", "json").stdout)["locks"] == []
