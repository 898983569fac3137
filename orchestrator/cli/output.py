"""The only place that knows terminal or JSON: data on standard output, everything else on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

import click
import orjson

from orchestrator.diagnostics import Diagnostic
from orchestrator.errors import SettingsError

_COLOURS = {"+": "green", "-": "red", "~": "yellow", "!": "magenta"}


def say(text: str = "") -> None:
    """A word to the person at the terminal."""
    print(text, file=sys.stderr, flush=True)


def data(text: str) -> None:
    """The result of a command."""
    print(text, flush=True)


def piece(text: str) -> None:
    """Some more of an answer, as it comes."""
    sys.stdout.write(text)
    sys.stdout.flush()


def json(value: object) -> None:
    """The result of a command, for programs."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")
    sys.stdout.flush()


def changes(text: str) -> None:
    """A plan: coloured by its signs on a terminal, plain elsewhere or with NO_COLOR."""
    if not coloured():
        data(text)
        return
    for line in text.splitlines():
        colour = _COLOURS.get(line.lstrip()[:1]) if line.strip() else None
        data(click.style(line, fg=colour) if colour else line)


def coloured() -> bool:
    """Whether standard output takes colour."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def warnings(diagnostics: Iterable[Diagnostic]) -> None:
    """The complaints that did not stop the command."""
    for diagnostic in diagnostics:
        if diagnostic.severity == "warning":
            say(str(diagnostic))


def confirm(question: str, *, flag: str) -> bool:
    """Ask a person.

    Raises:
        SettingsError: nobody is there to answer; the message names the flag to add.
    """
    if not sys.stdin.isatty():
        raise SettingsError(f"{question} Nobody is there to answer.", hint=f"add {flag}")
    return click.confirm(question, default=False, err=True)
