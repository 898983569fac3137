"""What must never be written here, whoever reviews it: code made of data, data that is code, shells, open doors."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "orchestrator").rglob("*.py"))
MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "jsonpickle", "joblib", "starlette.middleware.cors"}
CALLS = {"eval", "exec", "__import__"}
METHODS = {("os", "system"), ("os", "popen"), ("yaml", "load"), ("yaml", "unsafe_load"), ("yaml", "full_load")}


def dangers(code: str) -> Iterator[str]:
    """What is dangerous in a file, with its line."""
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Import(names=names):
                found = {name.name for name in names} & MODULES
            case ast.ImportFrom(module=str(module), level=0, names=names):
                found = {module, *(f"{module}.{name.name}" for name in names)} & MODULES
            case ast.Call(func=ast.Name(id=called)):
                found = {called} & CALLS
            case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=called)):
                found = {f"{owner}.{called}"} if (owner, called) in METHODS else set[str]()
            case ast.keyword(arg="shell", value=ast.Constant(value=True)):
                found = {"shell=True"}
            case ast.Constant(value=str(text)) if text.lower().startswith("access-control-"):
                found = {text}
            case _:
                continue
        yield from (f"{getattr(node, 'lineno', 0)}: {one}" for one in sorted(found))


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_nothing_dangerous_is_written_here(file: Path) -> None:
    assert list(dangers(file.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "import os, marshal",
        "from pickle import loads",
        "from starlette.middleware.cors import CORSMiddleware",
        "from starlette.middleware import cors",
        "def f(text):\n    return eval(text)",
        "exec('1')",
        "import os\nos.system('ls')",
        "import yaml\nyaml.load('a')",
        "run('ls', shell=True)",
        "headers = {'Access-Control-Allow-Origin': '*'}",
    ],
)
def test_what_is_dangerous_is_found(code: str) -> None:
    assert len(list(dangers(code))) == 1
