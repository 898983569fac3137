"""The only place that knows terminal or JSON: data on standard output, everything else on standard error."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

import click
import orjson

from orchestrator.diagnostics import Diagnostic
from orchestrator.errors import SettingsError

if TYPE_CHECKING:
    from orchestrator.server.announcing import Place
    from orchestrator.server.models.directory import Directory

_out: TextIO = sys.stdout  # where data goes, also after `keep_data_apart`
_COLOURS = {"+": "green", "-": "red", "~": "yellow", "!": "magenta"}


def say(text: str = "") -> None:
    """A word to the person at the terminal."""
    print(text, file=sys.stderr, flush=True)


def data(text: str) -> None:
    """The result of a command."""
    _out.write(text + "\n")
    _out.flush()


@contextmanager
def captured() -> Generator[io.StringIO]:
    """Keep data in memory while the block lasts, for a report that is put together of several."""
    global _out  # noqa: PLW0603 (where data goes is one place for the whole program)
    before, _out = _out, io.StringIO()
    try:
        yield _out
    finally:
        _out = before


def piece(text: str) -> None:
    """Some more of an answer, as it comes."""
    _out.write(text)
    _out.flush()


def json(value: object) -> None:
    """The result of a command, for programs."""
    data(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def changes(text: str) -> None:
    """A plan: coloured by its signs on a terminal, plain elsewhere or with NO_COLOR."""
    from orchestrator.reconcile.visible import visible

    text = visible(text)  # what a target says is no control code
    if not coloured():
        data(text)
        return
    for line in text.splitlines():
        colour = _COLOURS.get(line.lstrip()[:1]) if line.strip() else None
        data(click.style(line, fg=colour) if colour else line)


def coloured() -> bool:
    """Whether standard output takes colour."""
    return _out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def keep_data_apart() -> None:
    """From here on only our data goes to standard output; what a plug-in prints goes to standard error."""
    sys.stdout = sys.stderr


@contextmanager
def standard_output_given_back() -> Generator[None]:
    """For a protocol that speaks on standard output itself."""
    before, sys.stdout = sys.stdout, _out
    try:
        yield
    finally:
        sys.stdout = before


@contextmanager
def interruptible() -> Generator[None]:
    """Ctrl-C ends at once what waits for a person, also inside of an event loop."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def warnings(diagnostics: Iterable[Diagnostic]) -> None:
    """The complaints that did not stop the command."""
    for diagnostic in diagnostics:
        if diagnostic.severity == "warning":
            say(str(diagnostic))


def models(directory: Directory) -> None:
    """Which model serves which name."""
    from orchestrator.server.models.choosing import advice

    for line in directory.told:
        say(f"Model: {line}.")
    if advised := advice(directory):
        say(advised)


def confirm(question: str, *, flag: str) -> bool:
    """Ask a person.

    Raises:
        SettingsError: nobody is there to answer; the message names the flag to add.
    """
    if not sys.stdin.isatty():
        raise SettingsError(f"{question} Nobody is there to answer.", hint=f"add {flag}")
    with interruptible():
        return click.confirm(question, default=False, err=True)


def confirm_count(question: str, count: int, *, flag: str) -> bool:
    """Ask a person to type a count. Raises: SettingsError as `confirm`."""
    if not sys.stdin.isatty():
        raise SettingsError(f"{question}. Nobody is there to answer.", hint=f"add {flag}")
    with interruptible():
        return click.prompt(question, default="", show_default=False, err=True).strip() == str(count)


def table(rows: Sequence[Sequence[str]]) -> None:
    """The result of a command as columns; the first row is their heading."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        data("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def entry(place: Place) -> None:
    """Who may use a server that runs now."""
    if place.keys is None:
        say("Whoever works on this machine may use it, for there are no keys yet (development mode).")
    else:
        say(f"Every request needs a key; {place.keys or 'none'} live{'s' if place.keys == 1 else ''}.")
