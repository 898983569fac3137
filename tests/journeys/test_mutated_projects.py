"""500 mutated projects, read as every command reads them: complaints, never a trace."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from time import process_time

from shell import copy_examples

from orchestrator.errors import OrchestratorError
from orchestrator.settings import Settings
from orchestrator.workspace import Workspace

SEED, NUMBER, SLOWEST = 20_261_123, 500, 5.0
JUNK = [
    "",
    "\t",
    ": ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    "'",
    '"',
    "|",
    "&a ",
    "*a",
    "!!str ",
    "null",
    "1e400",
    "\x00",
    "é",
    "{{",
    "%}",
]
WORDS = [
    "get_forecast",
    "house-style",
    "weather.forecast",
    "model",
    "spec",
    "Assistant",
    "staging",
    "tone.md.j2",
    "role",
]


def _mutated(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    kind, at = chance.randrange(6), chance.randrange(len(lines))
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(at, lines[chance.randrange(len(lines))])
    elif kind == 2:
        lines[at] = chance.choice(["  ", " ", "\t"]) + lines[at]
    elif kind == 3:
        word = chance.choice(WORDS)
        return text.replace(word, word[:-1] + chance.choice("xyz"), 1)
    elif kind == 4:
        cut = chance.randrange(len(text))
        return text[:cut] + chance.choice(JUNK) + text[cut + chance.randrange(3) :]
    else:
        return text[: chance.randrange(len(text))]
    return "".join(lines)


def test_no_mutation_of_a_project_gives_a_trace(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    good = copy_examples(tmp_path / "good")
    files = sorted(f.relative_to(good) for f in good.rglob("*") if f.suffix in (".yaml", ".md", ".j2"))
    complained = 0
    for number in range(NUMBER):
        folder = tmp_path / "project"
        shutil.copytree(good, folder)
        for _ in range(chance.randint(1, 3)):
            path = folder / chance.choice(files)
            path.write_text(_mutated(path.read_text() or "\n", chance))
        environ = {"DASHSCOPE_API_KEY": "k"}
        name = chance.choice(["local", "staging", "production"])
        start = process_time()
        try:
            work = Workspace.read(Settings.read(environ, folder=folder, environment=name))
            told = [str(diagnostic) for diagnostic in work.diagnostics]
        except OrchestratorError as error:
            told = [error.message]
        assert all(told), number
        complained += bool(told)
        assert process_time() - start < SLOWEST, number
        shutil.rmtree(folder)
    assert complained > NUMBER / 3
