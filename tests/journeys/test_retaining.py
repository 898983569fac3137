"""`onDelete: retain` as a person meets it: released and kept by prune, by a saved plan and by destroy, and told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from shell import Running, running
from test_gitops import Project


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running("serve", "--port", "0", cwd=tmp_path_factory.mktemp("far")) as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, far: Running) -> Project:
    made = Project(tmp_path, far.address)
    made.write("assistants.d/kept.md", "---\nname: kept\nmodel: m\nonDelete: retain\n---\nYou stay.\n")
    made.write("assistants.d/other.md", "---\nname: other\nmodel: m\n---\nYou too.\n")
    return made


def _there(project: Project) -> dict[str, dict]:
    return {one["name"]: one for one in project.there()}


def test_what_is_retained_is_released_and_kept_when_its_manifest_goes(project: Project) -> None:
    assert project.run("apply", "--yes").returncode == 0
    before = _there(project)["kept"]
    (project.folder / "assistants.d/kept.md").unlink()
    assert "--prune would let go of it, and keep it" in project.run("plan").stdout
    for fmt, told in (
        ("text", "< kept"),
        ("text", "1 to release"),
        ("markdown", "released, kept"),
        ("github", "released, kept"),
        ("html", "released, kept"),
    ):
        assert told in project.run("plan", "--prune", "--format", fmt).stdout, fmt
    (change,) = json.loads(project.run("plan", "--prune", "--format", "json").stdout)["changes"]
    assert (change["action"], change["id"]) == ("release", before["id"])

    assert project.run("plan", "--prune", "-o", "p.json").returncode == 0
    done = project.run("apply", "p.json", "--max-deletes", "0")
    assert (done.returncode, "0 deleted, 1 released" in done.stdout) == (0, True)
    after = _there(project)["kept"]
    assert (after["id"], after["instructions"]) == (before["id"], before["instructions"])
    assert "orchestrator" in before["metadata"]
    assert "orchestrator" not in after["metadata"]
    again = project.run("plan", "--prune", "--detailed-exitcode")
    assert (again.returncode, "1 unmanaged, left alone" in again.stdout) == (0, True)


def test_a_saved_release_of_what_was_changed_since_is_stale(project: Project) -> None:
    assert project.run("apply", "--yes").returncode == 0
    (project.folder / "assistants.d/kept.md").unlink()
    assert project.run("plan", "--prune", "-o", "p.json").returncode == 0
    with project.http() as http:
        http.post(f"/assistants/{_there(project)['kept']['id']}", json={"instructions": "By hand."})
    refused = project.run("apply", "p.json")
    assert (refused.returncode, "stale: kept:" in refused.stderr) == (7, True)
    assert "orchestrator" in _there(project)["kept"]["metadata"]


def test_destroy_lets_go_of_what_is_retained_also_by_a_manifest_not_yet_applied(project: Project) -> None:
    assert project.run("apply", "--yes").returncode == 0
    project.write("assistants.d/other.md", "---\nname: other\nmodel: m\nonDelete: retain\n---\nYou too.\n")
    done = project.run("destroy", "--yes")
    assert (done.returncode, "1 deleted, 2 released" in done.stdout) == (0, True)
    assert {name: "orchestrator" in one["metadata"] for name, one in _there(project).items()} == {
        "kept": False,
        "other": False,
    }
