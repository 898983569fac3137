"""What `ask` and `chat` share: finding the assistant, one question and its answer, approvals."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, assert_never

from orchestrator.cli import output
from orchestrator.diagnostics import did_you_mean
from orchestrator.embedded import perform, said
from orchestrator.errors import SettingsError
from orchestrator.functions.context import Occasion
from orchestrator.functions.performing import Stage
from orchestrator.reconcile.approving import decide
from orchestrator.runs import CallDone, Called, Ended, Said, drive

if TYPE_CHECKING:
    from orchestrator.targets import HttpTarget
    from orchestrator.workspace import Workspace

Perform = Callable[[str, str], Awaitable[str | None]]


async def find(work: Workspace, target: HttpTarget, name: str) -> str:
    """The id of an assistant of ours by its manifest's name; an id is taken as it is.

    Raises:
        SettingsError: there is none at the target.
    """
    if name.startswith("asst_"):
        return name
    owner = work.owner
    stamps = {o.stamp.manifest: o.id for o in await target.observe() if o.stamp and o.stamp.owner == owner}
    if name in stamps:
        return stamps[name]
    declared = name in work.loaded.assistants
    message = f"The assistant '{name}' is {'declared, but not applied' if declared else 'not there'}"
    apply = f"orchestrator apply -e {work.settings.environment}"
    hint = apply if declared else did_you_mean(name, stamps) or apply
    raise SettingsError(f"{message} in '{work.settings.environment}'.", hint=hint)


@asynccontextmanager
async def performing(work: Workspace, name: str) -> AsyncGenerator[Perform]:
    """Answers the calls that the target hands to us, from the plug-in registry; None: nothing is bound there."""
    desired, stage = work.find(name), Stage()

    async def answer(function: str, arguments: str) -> str | None:
        binding = desired.bindings.get(function) if desired else None
        if binding is None:
            return None
        if decide(binding, arguments) == "ask" and not _approved(function, arguments):
            return said("not_approved", f"A person refused the call of '{function}'.")
        return await perform(stage, work.registry, binding, arguments, occasion=Occasion(assistant=name))

    try:
        yield answer
    finally:
        await stage.close()


def _approved(function: str, arguments: str) -> bool:
    if not sys.stdin.isatty():
        output.say(f"  {function} needs the approval of a person, and none is here: refused.")
        return False
    return output.confirm(f"  May {function}({arguments}) be called?", flag="a terminal")


async def converse(target: HttpTarget, *, thread: str, assistant: str, text: str, answer: Perform) -> None:
    """Say something and show what comes: the answer on standard output, calls and notices on standard error.

    Raises:
        RunError, TargetError: there is no answer.
    """
    happenings = drive(
        target,
        thread_id=thread,
        assistant_id=assistant,
        text=text,
        perform=answer,
        notice=lambda t: output.say(f"  {t}"),
    )
    async with aclosing(happenings):
        async for happening in happenings:
            match happening:
                case Said():
                    output.piece(happening.text)
                case Called():
                    output.say(f"  → {happening.name}({happening.arguments})")
                case CallDone():
                    output.say(f"  ← {_short(happening.output)}")
                case Ended():
                    output.piece("\n")
                case _:
                    assert_never(happening)


def _short(text: str) -> str:
    line = " ⏎ ".join(text.splitlines())
    return line if len(line) <= 200 else f"{line[:199]}…"
