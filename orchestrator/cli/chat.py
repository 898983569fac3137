"""`orchestrator chat NAME`: a conversation, streamed."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import options, output

if TYPE_CHECKING:
    from orchestrator.workspace import Workspace


@click.command(name="chat")
@click.argument("name")
@options.folder
@options.environment
@options.project
@options.data
def command(name: str, **given: Any) -> int:
    """Talk with the assistant NAME; an empty line is skipped, Ctrl-D ends."""
    from orchestrator.workspace import Workspace

    work = Workspace.read(options.settings(**given))
    work.raise_for_errors()
    failed = asyncio.run(_chat(work, name))
    return 1 if failed and not sys.stdin.isatty() else 0


async def _chat(work: Workspace, name: str) -> int:
    """How many questions got no answer."""
    from orchestrator.cli.talking import converse, find, performing
    from orchestrator.errors import RunError, TargetError

    failed = 0

    async with work.target() as target, performing(work, name) as answer:
        assistant = await find(work, target, name)
        thread = await target.create_thread()
        output.say(f"You talk with {name} in '{work.settings.environment}'. Ctrl-D ends.")
        while (text := _line()) is not None:
            if not text.strip():
                continue
            try:
                await converse(target, thread=thread, assistant=assistant, text=text, answer=answer)
            except (RunError, TargetError) as error:
                failed += 1
                output.say(f"  {error.message}" + (f" ({error.hint})" if error.hint else ""))
    return failed


def _line() -> str | None:
    """What the person types; None at the end. Blocks the loop: nothing else is to be done meanwhile."""
    if sys.stdin.isatty():
        sys.stderr.write("> ")
        sys.stderr.flush()
    with output.interruptible():
        line = sys.stdin.readline()
    return line.rstrip("\n") if line else None
