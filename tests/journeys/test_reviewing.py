"""A plan is reviewed in every format, its causes are named, and no secret is in any of them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from shell import copy_examples, orchestrator, running

SECOND = """apiVersion: orchestrator/v1
kind: Assistant
metadata: {name: sales}
spec:
  model: qwen-plus
  instructions:
    template: house-style
    variables: {role: sales agent}
  tools: [{plugin: crm}]
---
apiVersion: orchestrator/v1
kind: Plugin
metadata: {name: crm}
spec:
  hosted: {id: plugin_7, auth: {userToken: {fromEnv: CRM_TOKEN}}}
"""
SECRET = {"CRM_TOKEN": "canary-secret"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The examples and one assistant more, in a repository with one commit."""
    copy_examples(tmp_path)
    (tmp_path / "assistants.d" / "sales.yaml").write_text(SECOND)
    for arguments in (["init", "-q"], ["add", "-A"], [*AUTHOR, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


AUTHOR = ["-c", "user.name=a", "-c", "user.email=a@example.org"]


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def causes(project: Path) -> list[tuple[str, str, list[str]]]:
    found = json.loads(orchestrator("diff", "--format", "json", cwd=project, **SECRET).stdout)["causes"]
    return [(cause["kind"], cause["name"], cause["assistants"]) for cause in found]


def test_an_included_file_is_the_one_cause_of_two_changes(project: Path) -> None:
    tone = project / "assistants.d" / "templates" / "tone.md.j2"
    tone.write_text(tone.read_text() + "\nNever promise a refund.\n")
    done = orchestrator("diff", cwd=project, **SECRET)
    assert "Cause: 2 assistants change because template templates/tone.md.j2 changed: sales, support" in done.stdout
    assert "+ Never promise a refund." in done.stdout
    assert re.search(r"tokens: [\d,]+ → [\d,]+ \(\+\d+, estimated\)", done.stdout)
    assert causes(project) == [("template", "templates/tone.md.j2", ["sales", "support"])]


def test_causes_are_told_apart(project: Path) -> None:
    edit(project / "assistants.d" / "support.yaml", "role: support agent", "role: helper")
    edit(project / "assistants.d" / "environments.yaml", "  models:", "  variables: {hours: on Mondays}\n  models:")
    edit(project / "assistants.d" / "weather.yaml", "qwen-plus", "qwen-max")
    found = causes(project)
    assert ("variable", "hours (environment local)", ["sales", "support"]) in found
    assert ("variable", "role (support)", ["support"]) in found
    assert ("file", "assistants.d/weather.yaml", ["weather"]) in found
    assert not [cause for cause in found if cause[0] == "edited"]


def test_a_function_with_another_signature_is_the_cause(project: Path) -> None:
    code = project / "plugins" / "weather.py"
    before, _, after = code.read_text().partition("@tool\n")
    code.write_text(f"{before}@tool\n{after.replace(chr(34) * 3, chr(34) * 3 + 'Newly said: ', 1)}")
    assert causes(project) == [("code", "weather.forecast", ["weather"])]


def test_a_plan_tells_causes_by_a_revision(project: Path) -> None:
    assert orchestrator("apply", "--yes", cwd=project, **SECRET).returncode == 0
    edit(project / "assistants.d" / "weather.yaml", "qwen-plus", "qwen-max")
    done = orchestrator("plan", "--base", "HEAD", cwd=project, **SECRET)
    assert (done.returncode, done.stderr) == (0, "")
    assert "because assistants.d/weather.yaml changed" in done.stdout
    assert "model changed: qwen-plus → qwen-max" in done.stdout


@pytest.mark.parametrize(
    ("fmt", "begin"),
    [("markdown", "## Plan for"), ("github", "::"), ("html", "<!doctype html>"), ("json", "{"), ("text", "+ ")],
)
def test_each_format_goes_to_a_file_without_secrets(project: Path, fmt: str, begin: str) -> None:
    done = orchestrator("plan", "--format", fmt, "--full", "--out", "plan.out", cwd=project, **SECRET)
    assert (done.returncode, done.stdout) == (0, "")
    written = (project / "plan.out").read_text()
    assert written.startswith(begin)
    assert "canary-secret" not in written + done.stderr


def test_markdown_keeps_within_its_bytes(project: Path) -> None:
    text = "\n\n".join(f"Rule {i}: say it kindly, whatever happens." for i in range(2000))
    (project / "assistants.d" / "long.md").write_text(f"---\nname: long\nmodel: m\n---\n{text}\n")
    done = orchestrator("plan", "--format", "markdown", "--full", "--max-bytes", "5000", cwd=project, **SECRET)
    assert len(done.stdout.encode()) <= 5000
    assert "_Cut to fit:" in done.stdout


def test_a_file_that_cannot_be_written_is_told(project: Path) -> None:
    done = orchestrator("diff", "--out", "nowhere/plan.md", cwd=project, **SECRET)
    assert done.returncode == 64
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_plain_plan_names_causes_since_what_was_made_of_it_is_in_the_journal(project: Path) -> None:
    with running("serve", "--port", "0", "--data", str(project / "far"), cwd=project) as server:
        environment = f"""
apiVersion: orchestrator/v1
kind: Environment
metadata: {{name: far}}
spec: {{target: {{dialect: dashscope, baseUrl: "{server.address}/api/v1"}}}}
"""
        (project / "assistants.d" / "far.yaml").write_text(environment)

        def run(*arguments: str):
            return orchestrator(*arguments, "-e", "far", cwd=project, **SECRET)

        assert run("apply", "--yes").returncode == 0
        tone = project / "assistants.d" / "templates" / "tone.md.j2"
        tone.write_text(tone.read_text() + "\nNever promise a refund.\n")
        planned = run("plan", "-o", "p.json")
        cause = "Cause: 2 assistants change because template templates/tone.md.j2 changed: sales, support"
        assert cause in planned.stdout
        for fmt in ("json", "markdown", "github", "html"):
            assert "tone.md.j2" in run("plan", "--format", fmt).stdout

        tone.write_text(tone.read_text() + "\nNor a discount.\n")
        stale = run("apply", "p.json")
        assert stale.returncode == 7
        assert "stale: sales: since the plan was made, template templates/tone.md.j2 changed" in stale.stderr
        applied = run("apply", "--yes")
        assert (applied.returncode, cause in applied.stdout) == (0, True)

        edit(project / "assistants.d" / "support.yaml", "role: support agent", "role: helper")
        assert "variable role (support) changed" in run("plan").stdout
        for file in (project / ".orchestrator").glob("journal.db*"):
            assert b"canary-secret" not in file.read_bytes()
            file.unlink()
        lost = run("plan")
        assert (lost.returncode, "variable role" in lost.stdout, "1 to change" in lost.stdout) == (0, False, True)
