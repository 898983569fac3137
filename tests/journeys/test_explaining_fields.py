"""`explain` in real processes."""

from __future__ import annotations

import json
from pathlib import Path

from shell import orchestrator


def test_a_field_is_explained_as_text_and_as_json(tmp_path: Path) -> None:
    told = orchestrator("explain", "Assistant.spec.tools.approval", cwd=tmp_path)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.splitlines() == [
        "Assistant.spec.tools.approval: text or null",
        "  Whether its calls need a person, for this assistant. Default: what the Tool says.",
        "  Whether calls of its functions need a person; the code may ask for more. Default: what the code says.",
        "  values: auto, ask, deny",
        "  default: none",
    ]
    found = json.loads(orchestrator("explain", "Tool.spec", "--format", "json", cwd=tmp_path).stdout)
    assert (found["format_version"], found["path"], found["required"]) == (1, "Tool.spec", True)
    assert [child["name"] for child in found["children"] if child["required"]] == ["function"]


def test_without_a_path_the_kinds_are_listed_and_what_is_below_is_named(tmp_path: Path) -> None:
    listed = orchestrator("explain", cwd=tmp_path)
    assert [line.split()[0] for line in listed.stdout.splitlines()][1:] == [
        "Assistant",
        "Template",
        "Tool",
        "Plugin",
        "Environment",
    ]
    below = orchestrator("explain", "Template.spec", cwd=tmp_path).stdout
    assert "    body *  (text)" in below
    assert "  * must be given" in below


def test_a_path_that_leads_nowhere_is_a_wrong_usage_with_a_hint(tmp_path: Path) -> None:
    done = orchestrator("explain", "Assistant.spec.tool", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (64, "")
    assert "error SET001: Assistant.spec has no 'tool'.\n  hint: did you mean 'tools'?" in done.stderr
