"""An author's day, as real processes: make a plug-in, see it, call it, test it, be told what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from shell import orchestrator


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "assistants.d").mkdir()
    made = orchestrator("plugin", "new", "greeter", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert made.stdout.splitlines() == [
        "+ plugins/greeter.py",
        "+ tests/test_greeter.py",
        "+ assistants.d/greeter.yaml",
    ]
    return tmp_path


def test_a_new_plug_in_works_at_once_and_its_test_passes(project: Path):
    assert orchestrator("validate", cwd=project).returncode == 0
    assert orchestrator("plugin", "lint", "--strict", cwd=project).returncode == 0
    listed = orchestrator("plugin", "list", cwd=project).stdout
    assert "greeter.hello" in listed
    assert "plugins/greeter.py:9:5" in listed
    called = orchestrator("plugin", "call", "greeter.hello", "name=Ada", "times=2", cwd=project)
    assert (called.returncode, called.stdout) == (0, "Hello, Ada! Hello, Ada!\n")
    tested = orchestrator("plugin", "test", cwd=project)
    assert (tested.returncode, "2 passed" in tested.stdout) == (0, True), tested.stdout
    chosen = orchestrator("plugin", "test", "-q", "-k", "wrong", "tests", cwd=project)
    assert (chosen.returncode, "1 passed, 1 deselected" in chosen.stdout) == (0, True), chosen.stdout
    plugin = project / "plugins/greeter.py"
    plugin.write_text(plugin.read_text().replace("Hello, {name}", "Bye, {name}"))
    assert orchestrator("plugin", "test", cwd=project).returncode == 8
    again = orchestrator("plugin", "new", "greeter", cwd=project)
    assert (again.returncode, "is there already" in again.stderr) == (64, True)


def test_what_a_model_is_told_is_shown_in_every_form(project: Path):
    told = json.loads(orchestrator("plugin", "show", "hello", "--as", "openai", cwd=project).stdout)
    assert (told["type"], told["function"]["name"], told["function"]["description"]) == (
        "function",
        "hello",
        "Greet somebody.",
    )
    schema = json.loads(orchestrator("plugin", "show", "greeter.hello", "--as", "schema", cwd=project).stdout)
    assert schema == told["function"]["parameters"]
    docs = orchestrator("plugin", "docs", cwd=project).stdout
    assert "## `greeter.hello`" in docs
    assert "| `times` | integer | no | How often, 1 to 3. |" in docs
    listed = json.loads(orchestrator("plugin", "list", "--format", "json", cwd=project).stdout)
    assert [one["name"] for one in listed["functions"]] == ["greeter.hello"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["call", "greeter.hello", "name=Ada", "times=9"], 1, '"retry": true'),
        (["call", "greeter.hello"], 1, "name: is required"),
        (["call", "greeter.hello", "--json", "{"], 1, '"bad_json"'),
        (["call", "greeter.hello", "name"], 64, "is no KEY=VALUE"),
        (["call", "greter.hello"], 64, "did you mean 'greeter.hello'?"),
        (["show", "nothing.here"], 64, "There is no function 'nothing.here'"),
        (["new", "no name"], 64, "is not a Python name"),
        (["nwe"], 64, "No such command"),
    ],
)
def test_mistakes_are_told(project: Path, arguments: list[str], code: int, told: str):
    done = orchestrator("plugin", *arguments, cwd=project)
    assert (done.returncode, told in done.stdout + done.stderr) == (code, True), done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_what_serves_a_model_badly_is_told_with_its_place(project: Path):
    (project / "plugins/bad.py").write_text(
        "import time\nfrom orchestrator import tool\n\n@tool\nasync def wait(a, **rest):\n    time.sleep(1)\n"
    )
    found = orchestrator("plugin", "lint", cwd=project)
    assert found.returncode == 0
    for told in (
        "has no description",
        "does not say what 'a' is",
        "takes anything as 'a'",
        "(**kwargs)",
        "calls time.sleep in a coroutine",
    ):
        assert told in found.stdout
    assert "plugins/bad.py:5:" in found.stdout
    assert orchestrator("plugin", "lint", "--strict", cwd=project).returncode == 1
    (project / "plugins/worse.py").write_text("def (")
    broken = orchestrator("plugin", "list", cwd=project)
    assert (broken.returncode, "plugins/worse.py:1:5: error PLG001" in broken.stderr) == (1, True)
    assert "greeter.hello" in broken.stdout
