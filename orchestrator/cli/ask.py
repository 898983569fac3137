"""`orchestrator ask NAME TEXT`: one question, the answer on standard output."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import options

if TYPE_CHECKING:
    from orchestrator.workspace import Workspace


@click.command(name="ask")
@click.argument("name")
@click.argument("text")
@options.folder
@options.environment
@options.project
@options.data
def command(name: str, text: str, **given: Any) -> None:
    """Ask the assistant NAME one question; TEXT `-` is read from standard input."""
    from orchestrator.errors import SettingsError
    from orchestrator.workspace import Workspace

    question = sys.stdin.read() if text == "-" else text
    if not question.strip():
        raise SettingsError("The question is empty.")
    work = Workspace.read(options.settings(**given))
    work.raise_for_errors()
    asyncio.run(_ask(work, name, question))


async def _ask(work: Workspace, name: str, text: str) -> None:
    from orchestrator.cli.talking import converse, find, performing

    async with work.target() as target:
        assistant = await find(work, target, name)
        thread = await target.create_thread()
        async with performing(work, name) as answer:
            await converse(target, thread=thread, assistant=assistant, text=text, answer=answer)
