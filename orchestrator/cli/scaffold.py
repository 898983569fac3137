"""What `plugin new` writes: a plug-in, its test, and the manifest that binds it."""

from __future__ import annotations

_CODE = '''"""NAME: say here what it is for."""

from typing import Annotated

from orchestrator import ToolError, tool


@tool(timeout=5)
def hello(name: str, times: Annotated[int, "How often, 1 to 3."] = 1) -> str:
    """Greet somebody.

    Args:
        name: Who is greeted.
    """
    if not 1 <= times <= 3:
        raise ToolError("times must be from 1 to 3", retry=True)  # the model reads this, and may correct itself
    return " ".join([f"Hello, {name}!"] * times)
'''
_TEST = '''"""Tests of plugins/NAME.py."""

from pathlib import Path

PLUGIN = Path(__file__).parents[1] / "plugins" / "NAME.py"


def test_hello(tool_tester):
    tester = tool_tester(PLUGIN)
    answer = tester.run("hello", name="Ada", times=2)  # through JSON, as a model calls it
    assert answer.text == "Hello, Ada! Hello, Ada!"


def test_what_the_model_is_told_when_it_is_wrong(tool_tester):
    tester = tool_tester(PLUGIN)
    answer = tester.run("hello", name="Ada", times=9)
    assert (answer.error["code"], answer.error["retry"]) == ("tool_error", True)
    assert tester.run("hello").code == "bad_arguments"
'''
_MANIFEST = """# An assistant offers it with `tools: [{ref: TOOL}]`, the whole plug-in with `tools: [{plugin: LABEL}]`.
apiVersion: orchestrator/v1
kind: Tool
metadata: {name: TOOL}
spec:
  function: NAME.hello
---
apiVersion: orchestrator/v1
kind: Plugin
metadata: {name: LABEL}
spec:
  code: NAME
"""


def files_of(name: str) -> dict[str, str]:
    """Text by path, for a plug-in of that Python name."""
    label = name.lower().replace("_", "-").strip("-") or "plugin"
    manifest = _MANIFEST.replace("TOOL", f"{label}-hello").replace("LABEL", label).replace("NAME", name)
    return {
        f"plugins/{name}.py": _CODE.replace("NAME", name),
        f"tests/test_{name}.py": _TEST.replace("NAME", name),
        f"assistants.d/{label}.yaml": manifest,
    }
