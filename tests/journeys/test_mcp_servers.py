"""An MCP server as a plug-in, in real processes: looked at, accepted, called; and our functions offered to a client."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters
from shell import environ, orchestrator

PROGRAM = Path(__file__).parents[1] / "functions" / "mcp_server.py"
FILES = f"""
apiVersion: orchestrator/v1
kind: Plugin
metadata: {{name: sums}}
spec:
  mcp:
    command: [{sys.executable}, {PROGRAM}, stdio, WORD]
    allow: [add, sleep]
---
apiVersion: orchestrator/v1
kind: Assistant
metadata: {{name: guide}}
spec: {{model: qwen-plus, tools: [{{plugin: sums}}]}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "assistants.d").mkdir()
    (tmp_path / "assistants.d/all.yaml").write_text(FILES)
    return tmp_path


def test_a_server_is_accepted_called_and_disabled_when_it_tells_something_else(project: Path):
    def run(*arguments: str):
        done = orchestrator(*arguments, cwd=project)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    unseen = run("validate")
    assert (unseen.returncode, "orchestrator plugin accept sums" in unseen.stderr) == (1, True)
    asked = run("plugin", "accept", "sums")
    assert (asked.returncode, "add --yes" in asked.stderr) == (64, True)
    assert "+ add: Add WORD." in asked.stdout
    assert not (project / "plugins.lock").exists()
    assert run("plugin", "accept", "sums", "--yes").returncode == 0
    again = run("plugin", "accept", "sums")
    assert (again.returncode, "are what was accepted" in again.stderr) == (0, True)

    assert run("validate").returncode == 0
    assert "can now call `add`" in run("plan").stdout
    called = run("plugin", "call", "sums.add", "a=1", "b=2")
    assert (called.returncode, called.stdout) == (0, "3\n")

    manifest = project / "assistants.d/all.yaml"
    manifest.write_text(FILES.replace("WORD", "evil"))
    refused = run("plugin", "call", "sums.add", "a=1", "b=2")
    assert (refused.returncode, "tool_changed" in refused.stdout) == (1, True)
    changed = run("plugin", "accept", "sums", "--yes")
    assert (changed.returncode, changed.stdout) == (0, "~ add: description\n")
    assert run("plugin", "call", "sums.add", "a=1", "b=2").stdout == "3\n"

    manifest.write_text(FILES.replace("[add, sleep]", "[ad]"))
    unknown = run("validate")
    assert (unknown.returncode, "did you mean 'add'?" in unknown.stderr) == (1, True)
    (project / "plugins.lock").write_text("{")
    broken = run("validate")
    assert (broken.returncode, "plugins.lock cannot be read" in broken.stderr) == (1, True)


def test_a_server_that_is_not_there_is_told(project: Path):
    (project / "assistants.d/all.yaml").write_text(FILES.replace(sys.executable, "/no/such/program"))
    done = orchestrator("plugin", "accept", "sums", "--yes", cwd=project)
    assert (done.returncode, "cannot be reached" in done.stderr) == (64, True), done.stderr


def test_our_functions_are_offered_to_a_client(tmp_path: Path):
    assert orchestrator("plugin", "new", "greeter", cwd=tmp_path).returncode == 0
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "orchestrator", "plugin", "serve", "--mcp", "stdio"],
        cwd=tmp_path,
        env=environ(),
    )

    async def talk() -> None:
        async with Client(server) as client:
            (tool,) = (await client.list_tools()).tools
            assert (tool.name, tool.description) == ("greeter_hello", "Greet somebody.")
            assert tool.input_schema["required"] == ["name"]
            answer = await client.call_tool("greeter_hello", {"name": "Ada"})
            assert (answer.is_error, answer.content[0].text) == (False, "Hello, Ada!")
            wrong = await client.call_tool("greeter_hello", {"name": 3})
            assert wrong.is_error
            assert json.loads(wrong.content[0].text)["error"]["code"] == "bad_arguments"

    asyncio.run(talk())


CODE = """
import sys
from orchestrator.cli.group import run
run(ARGUMENTS)
print("mcp" in sys.modules, "griffe" in sys.modules, file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", [["validate"], ["plan", "--help"]], ids=str)
def test_help_and_validate_do_not_load_the_sdk(project: Path, arguments: list[str]):
    (project / "assistants.d/all.yaml").unlink()
    done = subprocess.run(
        [sys.executable, "-c", CODE.replace("ARGUMENTS", repr(arguments))],
        cwd=project,
        env=environ(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.strip().splitlines()[-1] == "False False"
