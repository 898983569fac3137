"""The house itself: floors, style, public names, files that stay small. Machines check what people forget."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import orchestrator
from orchestrator import errors

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
SOURCES = sorted((ROOT / "orchestrator").rglob("*.py"))


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize(
    "command",
    [
        ("lint-imports",),
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("basedpyright",),
    ],
    ids=" ".join,
)
def test_the_checkers_have_nothing_to_say(command: tuple[str, ...]) -> None:
    done = _run(str(BIN / command[0]), *command[1:])
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_file_is_longer_than_500_lines() -> None:
    long = [str(file) for file in SOURCES if len(file.read_text().splitlines()) > 500]
    assert long == []


def test_every_file_says_what_it_is_for() -> None:
    silent = [str(file) for file in SOURCES if not ast.get_docstring(ast.parse(file.read_text()))]
    assert silent == []


def test_every_public_name_is_there() -> None:
    missing = [name for name in orchestrator.__all__ if not hasattr(orchestrator, name)]
    assert missing == []


def test_error_codes_are_unique_and_texts_tell_something() -> None:
    classes = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, errors.OrchestratorError)]
    codes = [c.code for c in classes if not c.__name__.startswith("_") and c is not errors.OrchestratorError]
    assert len(codes) == len(set(codes))
    assert all(c.__doc__ and c.__doc__.strip() for c in classes)


def test_every_command_has_a_file_and_says_so_in_help() -> None:
    from orchestrator.cli.commands import COMMANDS, help_text

    for name, (module, _) in COMMANDS.items():
        assert importlib.import_module(f"orchestrator.cli.{module}").command.name == name
        assert re.search(rf"^  {name} ", help_text(), re.MULTILINE)


def test_help_imports_neither_click_nor_pydantic() -> None:
    code = (
        "import sys; sys.argv = ['orchestrator', '--help']\n"
        "from orchestrator.cli.main import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print([m for m in ('click', 'pydantic', 'yaml', 'httpx2') if m in sys.modules], file=sys.stderr)"
    )
    assert _run(sys.executable, "-c", code).stderr.strip() == "[]"


def test_nothing_committed_names_an_index_or_this_machine() -> None:
    tracked = _run("git", "ls-files").stdout.split()
    if not tracked:
        pytest.skip("not a git checkout")
    host = "pypi" + "." + "org"
    hits = [f for f in tracked if (ROOT / f).is_file() and host in (ROOT / f).read_text(errors="ignore")]
    assert hits == []


def test_locked_requirements_carry_hashes_and_no_address() -> None:
    for name in ("requirements.txt", "requirements-test.txt"):
        text = (ROOT / name).read_text()
        assert "--hash=sha256:" in text
        assert "://" not in text
        assert "--index-url" not in text
