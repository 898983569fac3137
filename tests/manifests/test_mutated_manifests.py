"""Five hundred good manifests gone wrong: each loads or is complained of, quickly, and nothing is ever raised."""

from __future__ import annotations

import random
import time
from contextlib import suppress

import pytest

from orchestrator.errors import ManifestsInvalid
from orchestrator.manifests import Loaded, load_text, select

MUTANTS = 500
_BITS = [
    *(
        "[",
        "]",
        "{",
        "}",
        ":",
        "-",
        "&a ",
        "*a",
        "<<: *a",
        "!x ",
        "|",
        ">",
        "'",
        '"',
        "#",
        "\t",
        "\n",
        "\0",
        "null",
        "é",
    ),
    *("---\n", "...\n", "? ", "${env.X}", "${", "9" * 400, ".inf", "\ufeff", "\ud83d", "%YAML 1.3\n", "@", "`"),
]


def mutated(text: str, dice: random.Random) -> bytes:
    data = text
    for _ in range(dice.randint(1, 4)):
        data = dice.choice([_insert, _cut, _swap_lines, _double_line, _indent, _replace_value, _flip])(data, dice)
    raw = data.encode("utf-8", "surrogatepass")
    return raw[: dice.randint(0, len(raw))] + b"\xff" if dice.random() < 0.03 else raw


def _insert(text: str, dice: random.Random) -> str:
    at = dice.randint(0, len(text))
    return text[:at] + dice.choice(_BITS) * dice.choice([1, 1, 1, 2, 70]) + text[at:]


def _cut(text: str, dice: random.Random) -> str:
    at = dice.randint(0, len(text))
    return text[:at] + text[at + dice.randint(1, 30) :]


def _flip(text: str, dice: random.Random) -> str:
    at = dice.randrange(max(1, len(text)))
    return text[:at] + chr(dice.randint(0, 0x2FF)) + text[at + 1 :]


def _lines(text: str, dice: random.Random) -> tuple[list[str], int]:
    lines = text.splitlines(keepends=True) or [""]
    return lines, dice.randrange(len(lines))


def _swap_lines(text: str, dice: random.Random) -> str:
    lines, at = _lines(text, dice)
    other = dice.randrange(len(lines))
    lines[at], lines[other] = lines[other], lines[at]
    return "".join(lines)


def _double_line(text: str, dice: random.Random) -> str:
    lines, at = _lines(text, dice)
    return "".join([*lines[:at], lines[at], *lines[at:]])


def _indent(text: str, dice: random.Random) -> str:
    lines, at = _lines(text, dice)
    lines[at] = dice.choice([" ", "  ", "\t"]) + lines[at] if dice.random() < 0.5 else lines[at].lstrip()
    return "".join(lines)


def _replace_value(text: str, dice: random.Random) -> str:
    lines, at = _lines(text, dice)
    key, colon, _ = lines[at].partition(": ")
    values = ["null", "[]", "{}", "3", "x", "true", "[[x]]", "{a: b}", "''", "-1", "{fromEnv: X}", "[null, {}, 3]"]
    lines[at] = f"{key}{colon}{dice.choice(values)}\n"
    return "".join(lines)


def outcome(loaded: Loaded) -> int:
    for one in loaded.diagnostics:
        assert str(one)
        assert one.span is not None
        assert one.span.line >= 1
        assert one.span.column >= 1
    for name in ("local", "production"):
        with suppress(ManifestsInvalid):
            select(loaded, name, {})
    return len(loaded.diagnostics)


@pytest.mark.parametrize("ending", ["yaml", "md"])
def test_mutants_load_or_are_complained_of(folder, example: str, ending: str) -> None:
    markdown = (
        "---\n"
        + example.split("spec:\n")[1].split("---", maxsplit=1)[0].replace("\n  ", "\n")[2:]
        + "name: a\n---\n# Hello\n"
    )
    good = example if ending == "yaml" else markdown
    slowest, complained = 0.0, 0
    for seed in range(MUTANTS // 2):
        start = time.process_time()
        loaded = folder({f"a.{ending}": mutated(good, random.Random(seed))})
        complained += outcome(loaded) > 0
        slowest = max(slowest, time.process_time() - start)
    assert complained > MUTANTS // 4 * 0.5
    assert slowest < 1


@pytest.mark.parametrize(
    "lines",
    [
        "  metadata: {" + ", ".join(f"k{n}: 1" for n in range(60_000)) + "}",
        "\n".join(f"  k{n}: 1" for n in range(45_000)),
        "  description: '" + "${env.X}" * 20_000 + "'",
        "  description: '" + "${env." * 150_000 + "'",
        "  limits: {toolTimeout: " + "1" * 100_000 + "}",
        "  tools: [" + "x, " * 100 + "{type: " + "y" * 100_000 + "}]",
    ],
    ids=["pairs", "keys", "variables", "openers", "digits", "tools"],
)
def test_thousands_of_faults_are_told_quickly_and_in_part(assistant, lines: str) -> None:
    start = time.process_time()
    _, found = load_text(assistant() + lines, {})
    assert 1 <= len(found) <= 101
    assert sum(len(str(one)) for one in found) < 100_000
    assert time.process_time() - start < 5
