"""How a plan is shown: the options, and the way to standard output or a file, that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from orchestrator.cli import output
from orchestrator.errors import SettingsError

if TYPE_CHECKING:
    from orchestrator.diagnostics import Diagnostic
    from orchestrator.reconcile.plans import Plan
    from orchestrator.reconcile.review import Recorded

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = ("text", "json", "markdown", "github", "html")
_MAX_BYTES = 60_000  # as `reports.shape`, which is not imported for a list of options
_OPTIONS = (
    click.option("--format", "fmt", type=click.Choice(FORMATS), default="text", show_default=True),
    click.option("--full/--brief", default=False, help="Whole texts, or the sentences that change (default: brief)."),
    click.option("--context", type=click.IntRange(0, 1000), metavar="N", help="With --full: passages around changes."),
    click.option(
        "--max-bytes",
        type=click.IntRange(2_000),
        metavar="N",
        help=f"Size of markdown (default: {_MAX_BYTES}); the riskiest changes come first.",
    ),
    click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write it there."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for. `out` None: standard output."""

    fmt: str = "text"
    full: bool = False
    context: int | None = None
    max_bytes: int | None = None
    out: Path | None = None


def options(command: F) -> F:
    """The options of commands that show a plan; `take` makes them a `Wanted`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def take(given: dict[str, Any]) -> Wanted:
    """The options of reports out of all that were given, which are left without them."""
    return Wanted(**{name: given.pop(name) for name in ("fmt", "full", "context", "max_bytes", "out")})


def show(planned: Plan, wanted: Wanted, recorded: Recorded | None = None, told: Sequence[Diagnostic] = ()) -> None:
    """A plan in the format asked for; `told` is what the policy says of it.

    Raises:
        SettingsError: the file cannot be written.
    """
    from orchestrator.reconcile.reports import FORMATS as FILES
    from orchestrator.reconcile.reports import Shape
    from orchestrator.reconcile.review import review

    found = replace(review(planned, recorded) if recorded else review(planned), told=tuple(told))
    shape = Shape(full=wanted.full, context=wanted.context, max_bytes=wanted.max_bytes or _MAX_BYTES)
    text = FILES[wanted.fmt](found, shape).removesuffix("\n")
    if wanted.out is not None:
        _write(wanted.out, text + "\n")
        output.say(f"Written to {wanted.out}.")
    elif wanted.fmt == "text":
        output.changes(text)
    else:
        output.data(text)


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise SettingsError(f"{file} cannot be written: {error.strerror}.", hint="choose another --out") from error
