"""Carrying out a plan before a person's eyes: the question, progress, Ctrl-C, what became of it, the exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from orchestrator.cli import output

if TYPE_CHECKING:
    from orchestrator.applying import Session
    from orchestrator.reconcile.observed import Target
    from orchestrator.reconcile.plans import Plan
    from orchestrator.reconcile.results import Result

F = TypeVar("F", bound=Callable[..., Any])

IN_PART = 5
STALE = 7
INTERRUPTED = 130
_MANY = 40  # from so many changes on, each tenth part is told where there is no terminal
_OPTIONS = (
    click.option("--max-failures", type=click.IntRange(0), metavar="N", help="Stop after so many failures."),
    click.option("--fail-fast", is_flag=True, help="Stop after the first failure."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How it is carried out and told."""

    fmt: str
    verb: str
    failures: int | None = None


def options(command: F) -> F:
    """The options of commands that write."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def take(given: dict[str, Any], *, fmt: str, verb: str) -> Manner:
    """The options out of all that were given, which are left without them."""
    most, fast = given.pop("max_failures"), given.pop("fail_fast")
    return Manner(fmt=fmt, verb=verb, failures=0 if fast else None if most is None else max(most - 1, 0))


def agreed(planned: Plan, question: str) -> bool:
    """Ask a person; where something is deleted, the count is to be typed. Raises: SettingsError where nobody is."""
    from orchestrator.reconcile.changes import Delete

    deletes = len(planned.of(Delete))
    if not deletes:
        return output.confirm(question, flag="--yes")
    return output.confirm_count(f"{question} {deletes} of them {'is a deletion' if deletes == 1 else 'are deletions'}; "
                                "type that number", deletes, flag="--yes")  # fmt: skip


async def carry_out(session: Session, planned: Plan, target: Target, manner: Manner) -> int:
    """Apply a plan and tell what became of it; the exit code. Ctrl-C lets what is in flight end."""
    from orchestrator.reconcile import reports
    from orchestrator.reconcile.results import Pace
    from orchestrator.server.serving import signals

    with signals() as called:
        pace = Pace(failures=manner.failures, stopping=called.is_set, progress=_progress())
        results = await session.carry_out(planned, target, verb=manner.verb, pace=pace)
    if manner.fmt == "json":
        output.json(reports.results_json(planned, results))
    elif results:
        output.data(reports.results_text(results))
    if session.lost():
        output.say("The lock was lost to somebody else; nothing more was begun.")
    done = sum(result.done for result in results)
    if called.is_set() and done < len(results):
        return INTERRUPTED
    return exit_code(results)


def exit_code(results: Sequence[Result]) -> int:
    """0: all done; 5: in part; 1: nothing."""
    done = sum(result.done for result in results)
    if done == len(results):
        return 1 if any(result.unrecorded for result in results) else 0
    return IN_PART if done else 1


def _progress() -> Callable[[Result, int, int], None]:
    """A line that moves on a terminal; elsewhere a line for each tenth part of many changes."""
    terminal = sys.stderr.isatty()

    def tell(_result: Result, over: int, whole: int) -> None:
        if terminal:
            print(f"\r{over} of {whole} …\x1b[K" if over < whole else "\r\x1b[K", end="", file=sys.stderr, flush=True)
        elif whole >= _MANY and over * 10 // whole > (over - 1) * 10 // whole:
            output.say(f"{over} of {whole} …")

    return tell
