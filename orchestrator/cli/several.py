"""One command for several environments: each for itself, one after the other, in one report.

`-e a -e b`, or `--all-envs`. What goes wrong in one does not stop the others, unless `--fail-fast` is given or a person
interrupts. The exit code is that of the environment that needs a person most, by `WORST`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import orjson

from orchestrator.cli import output

COMMANDS = frozenset({"plan", "apply", "drift", "validate", "diff"})
WORST = (130, 1, 64, 6, 4, 7, 5, 3, 2, 0)  # interrupted, error, usage, locked, refused, stale, in part, drift, changes
FINE = frozenset({0, 2, 3})
_MAX_BYTES = 60_000
_SINGLE = ("-o", "--out")


def asked(arguments: Sequence[str]) -> list[str]:
    """The environments that a command line names, each once, if it is one for several; else nothing.

    Raises:
        click.UsageError: it cannot be done for several.
    """
    if not arguments or arguments[0] not in COMMANDS:
        return []
    if "--all-envs" in arguments:
        return _all(arguments)
    found = list(dict.fromkeys(_values(arguments, "-e", "--env")))
    return found if len(found) > 1 else []


def each(arguments: Sequence[str], environments: Sequence[str], run: Callable[[list[str]], int]) -> int:
    """Run the command for each environment; the exit code.

    Raises:
        click.UsageError: it writes a file, or a page, of which there can be one only.
    """
    fmt = next(iter(_values(arguments, "--format")), "text")
    if fmt == "html" or any(word in arguments or any(a.startswith(f"{word}=") for a in arguments) for word in _SINGLE):
        raise click.UsageError("files and pages are for one environment at a time; give one -e")
    rest = _without(arguments)
    if fmt == "markdown" and not list(_values(arguments, "--max-bytes")):
        rest += ["--max-bytes", str(max(2_000, _MAX_BYTES // len(environments)))]
    codes: dict[str, int] = {}
    reports: list[dict[str, object]] = []
    for name in environments:
        line = [rest[0], "-e", name, *rest[1:]]
        if fmt == "json":
            with output.captured() as text:
                codes[name] = run(line)
            reports.append({"environment": name, "exit_code": codes[name], "report": _read(text.getvalue())})
        else:
            _head(name, fmt)
            codes[name] = run(line)
        if codes[name] == WORST[0] or ("--fail-fast" in arguments and codes[name] not in FINE):
            break
    if fmt == "json":
        output.json({"format_version": 1, "environments": reports})
    left = [name for name in environments if name not in codes]
    if left:
        output.say(f"Not tried: {', '.join(left)}.")
    return min(codes.values(), key=lambda code: WORST.index(code) if code in WORST else 1)


def _head(name: str, fmt: str) -> None:
    if fmt == "markdown":
        output.data(f"## {name}\n")
    elif fmt == "text":
        output.data(f"=== {name}")
        sys.stderr.flush()


def _read(text: str) -> object:
    """What a command printed as JSON; None if it ended before it had something to say."""
    return orjson.loads(text) if text.strip() else None


def _all(arguments: Sequence[str]) -> list[str]:
    from orchestrator.manifests import load

    folder = next(iter(_values(arguments, "-C", "--dir")), os.environ.get("ORCHESTRATOR_DIR") or ".")
    found = sorted(load(Path(folder) / "assistants.d", os.environ).environments)
    if not found:
        raise click.UsageError("--all-envs: there is no Environment in assistants.d")
    return found


def _values(arguments: Sequence[str], *names: str) -> list[str]:
    """The values of an option, however it is written."""
    found: list[str] = []
    for nth, word in enumerate(arguments):
        if word in names and nth + 1 < len(arguments):
            found.append(arguments[nth + 1])
        for name in names:
            if name.startswith("--") and word.startswith(f"{name}="):
                found.append(word.partition("=")[2])
            elif not name.startswith("--") and word.startswith(name) and len(word) > len(name):
                found.append(word[len(name) :])
    return found


def _without(arguments: Sequence[str]) -> list[str]:
    """The command line without its environments."""
    kept: list[str] = []
    skip = False
    for word in arguments:
        if skip:
            skip = False
        elif word in ("-e", "--env"):
            skip = True
        elif word != "--all-envs" and not word.startswith("--env=") and not (word.startswith("-e") and len(word) > 2):
            kept.append(word)
    return kept
