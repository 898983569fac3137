"""What a dialect has no words for is told at its line, and neither written nor compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.manifests import load
from orchestrator.reconcile.desired import Desired
from orchestrator.reconcile.fitting import EVERYTHING, Fitted, fit
from orchestrator.reconcile.plans import plan
from orchestrator.reconcile.results import apply
from orchestrator.targets import MemoryTarget
from orchestrator.targets.openai import OpenAI
from orchestrator.tools import Function, FunctionDefinition, HostedPlugin
from orchestrator.tools.code_interpreter import CodeInterpreter
from orchestrator.tools.quark_search import QuarkSearch

MANIFEST = """apiVersion: orchestrator/v1
kind: Assistant
metadata: {name: guide}
spec:
  model:
    name: qwen-plus
    temperature: 0.5
    topK: 20
    maxTokens: 800
  fileIds: [file-1]
  tools:
    - type: code_interpreter
    - type: quark_search
"""
BODY: dict[str, Any] = {"model": "qwen-plus", "temperature": 0.5, "top_k": 20, "max_tokens": 800, "name": "guide"}


def _fit(folder: Path, **body: Any) -> Fitted:
    (folder / "guide.yaml").write_text(MANIFEST)
    places = load(folder, {}).assistants
    return fit([Desired(name="guide", body={**BODY, **body}, source=places["guide"])], places, OpenAI().abilities)


def test_lost_fields_are_warnings_at_their_lines_and_leave_the_body(tmp_path: Path) -> None:
    found = _fit(tmp_path)
    told = [(d.code, d.severity, d.span.line if d.span else 0, d.message) for d in found.diagnostics]
    assert told == [
        ("CAP002", "warning", 8, "the dialect 'openai' has no 'topK'; it is neither written nor compared"),
        ("CAP002", "warning", 9, "the dialect 'openai' has no 'maxTokens'; it is neither written nor compared"),
    ]
    assert found.desired[0].body == {"model": "qwen-plus", "temperature": 0.5, "name": "guide"}


@pytest.mark.parametrize("tool", [QuarkSearch(), HostedPlugin(id="plugin_1")], ids=lambda tool: tool.type)
def test_a_lost_tool_is_an_error_at_its_line_and_the_assistant_is_left_out(tmp_path: Path, tool: Any) -> None:
    found = _fit(tmp_path, tools=(CodeInterpreter(), tool))
    (error,) = [d for d in found.diagnostics if d.severity == "error"]
    assert (error.code, error.span.line if error.span else 0) == ("CAP001", 13)
    assert tool.type in error.message
    assert found.desired == ()


def test_settings_of_a_tool_that_has_none_there_are_a_warning(tmp_path: Path) -> None:
    found = _fit(tmp_path, tools=(CodeInterpreter(description="Runs it."),))
    assert [d.code for d in found.diagnostics] == ["CAP002", "CAP002", "CAP003"]
    assert found.desired[0].body["tools"] == (CodeInterpreter(),)


def test_more_files_than_fit_are_an_error(tmp_path: Path) -> None:
    found = _fit(tmp_path, file_ids=tuple(f"file-{n}" for n in range(21)))
    assert [(d.code, d.span.line if d.span else 0) for d in found.diagnostics if d.severity == "error"] == [
        ("CAP004", 10)
    ]


def test_nothing_is_lost_where_everything_can_be_said(tmp_path: Path) -> None:
    (tmp_path / "guide.yaml").write_text(MANIFEST)
    places = load(tmp_path, {}).assistants
    want = Desired(name="guide", body={**BODY, "tools": (QuarkSearch(),)}, source=places["guide"])
    assert fit([want], places, EVERYTHING) == Fitted(desired=(want,), diagnostics=())


async def test_a_plan_after_an_apply_of_what_fits_is_empty(tmp_path: Path) -> None:
    function = Function(function=FunctionDefinition(name="greet", parameters={"type": "object"}))
    wanted = _fit(tmp_path, tools=(CodeInterpreter(description="x"), function), file_ids=("file-1",)).desired
    target = MemoryTarget(dialect=OpenAI())
    results = await apply(
        plan(wanted, await target.observe(), owner="o", prune=False), target, new_attempt=lambda: "try"
    )
    assert [r.done for r in results] == [True]
    assert plan(wanted, await target.observe(), owner="o", prune=False).empty


def test_a_false_that_the_target_adds_to_a_function_is_no_difference() -> None:
    plain = Function(function=FunctionDefinition(name="greet"))
    filled = Function(function=FunctionDefinition(name="greet", strict=False))
    strict = Function(function=FunctionDefinition(name="greet", strict=True))
    assert plain.comparable() == filled.comparable() != strict.comparable()
