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
def command(name: str, **given: Any) -> None:
    """Talk with the assistant NAME; an empty line is skipped, Ctrl-D ends."""
    from orchestrator.workspace import Workspace

    work = Workspace.read(options.settings(**given))
    work.raise_for_errors()
    asyncio.run(_chat(work, name))


async def _chat(work: Workspace, name: str) -> None:
    from orchestrator.cli.talking import converse, find, performing
    from orchestrator.errors import RunError

    async with work.target() as target:
        assistant = await find(work, target, name)
        thread = await target.create_thread()
        answer = performing(work, name)
        output.say(f"You talk with {name} in '{work.settings.environment}'. Ctrl-D ends.")
        while (text := await asyncio.to_thread(_line)) is not None:
            if not text.strip():
                continue
            try:
                await converse(target, thread=thread, assistant=assistant, text=text, answer=answer)
            except RunError as error:
                output.say(f"  {error.message}" + (f" ({error.hint})" if error.hint else ""))


def _line() -> str | None:
    """What the person types; None at the end."""
    if sys.stdin.isatty():
        sys.stderr.write("> ")
        sys.stderr.flush()
    line = sys.stdin.readline()
    return line.rstrip("\n") if line else None
