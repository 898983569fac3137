"""`orchestrator apply`: bring the target in line, by a plan made now or one that was saved."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import carrying, options, output
from orchestrator.cli.judging import judged

if TYPE_CHECKING:
    from orchestrator.reconcile.plans import Plan
    from orchestrator.reconcile.selecting import Choice
    from orchestrator.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    manner: carrying.Manner
    yes: bool
    prune: bool
    dedupe: bool
    deletes: int | None


@click.command(name="apply")
@click.argument("file", required=False, metavar="[FILE]", type=click.Path(path_type=Path))
@options.folder
@options.environment
@options.project
@options.selecting
@options.output
@options.yes
@options.data
@carrying.options
@click.option("--prune", is_flag=True, help="Also delete what is ours and no longer declared.")
@click.option("--dedupe", is_flag=True, help="Also delete second ones of ours with one name; the oldest stays.")
@click.option("--max-deletes", type=click.IntRange(0), metavar="N", help="Let this one apply delete so many.")
@click.option("--partial", is_flag=True, help="With FILE: carry out what is not stale.")
def command(file: Path | None, fmt: str, select: tuple[str, ...], exclude: tuple[str, ...], **given: Any) -> int:
    """Plan, ask, and carry out the plan; of FILE, made by plan -o: carry out what was approved, without a question."""
    from orchestrator.reconcile.selecting import choice
    from orchestrator.workspace import Workspace

    partial = given.pop("partial")
    asked = _Asked(
        manner=carrying.take(given, fmt=fmt, verb="apply"),
        yes=given.pop("yes"),
        prune=given.pop("prune"),
        dedupe=given.pop("dedupe"),
        deletes=given.pop("max_deletes"),
    )
    work = Workspace.read(options.settings(**given))
    if file is not None:
        if select or exclude or asked.prune or asked.dedupe:
            raise click.UsageError(
                "a saved plan is carried out as it is, without --select, --exclude, --prune or --dedupe"
            )
        return asyncio.run(_apply_saved(work, file, asked, partial=partial))
    work.raise_for_errors()
    output.warnings(work.diagnostics)
    return asyncio.run((_apply if asked.yes else _ask_and_apply)(work, choice(select, exclude), asked))


async def _apply(work: Workspace, chosen: Choice, asked: _Asked) -> int:
    """Without a question: under the lock from the first look on."""
    from orchestrator.applying import session

    async with work.target() as target, session(work, target, say=output.say) as mine:
        planned = await work.plan(target, prune=asked.prune, dedupe=asked.dedupe, chosen=chosen)
        verdict = judged(work, planned)
        show_plan(work, planned, asked.manner.fmt)
        work.check(planned, deletes=asked.deletes)
        verdict.raise_for_errors()
        return await carrying.carry_out(mine, planned, target, asked.manner)


async def _ask_and_apply(work: Workspace, chosen: Choice, asked: _Asked) -> int:
    """Nobody is locked out while a person thinks; afterwards what changed meanwhile is refused."""
    from orchestrator import applying
    from orchestrator.reconcile import saved

    async with work.target() as target:
        planned = await work.plan(target, prune=asked.prune, dedupe=asked.dedupe, chosen=chosen)
        verdict = judged(work, planned)
        show_plan(work, planned, asked.manner.fmt)
        work.check(planned, deletes=asked.deletes)
        verdict.raise_for_errors()
        question = f"Apply these changes to '{work.settings.environment}'?"
        if not planned.empty and not carrying.agreed(planned, question):
            output.say("Nothing was changed.")
            return 1
        if planned.empty:
            return 0
        approved = saved.read(applying.saved_plan(work, planned), **applying.whose(work))
        async with applying.session(work, target, say=output.say) as mine:
            fresh = saved.freshen(approved, await target.observe(), applying.tokens(work))
            _tell(fresh)
            code = await carrying.carry_out(mine, fresh.plan, target, asked.manner)
            return carrying.STALE if fresh.stale and code == 0 else code


async def _apply_saved(work: Workspace, file: Path, asked: _Asked, *, partial: bool) -> int:
    from orchestrator import applying
    from orchestrator.errors import StalePlan
    from orchestrator.reconcile import saved

    approved = applying.read_plan(work, file)
    async with work.target() as target, applying.session(work, target, say=output.say) as mine:
        declared = {one.name: one for one in work.desired} if work.loaded.assistants else None
        fresh = saved.freshen(approved, await target.observe(), applying.tokens(work), declared)
        verdict = judged(work, fresh.plan)
        show_plan(work, fresh.plan, asked.manner.fmt)
        _tell(fresh)
        if fresh.stale and not partial:
            raise StalePlan(
                f"{len(fresh.stale)} of {len(approved.changes)} changes are stale; nothing was written.",
                hint="plan again, or carry out the others with --partial",
            )
        work.check(fresh.plan, deletes=asked.deletes)
        verdict.raise_for_errors()
        code = await carrying.carry_out(mine, fresh.plan, target, asked.manner)
        return carrying.STALE if fresh.stale and code == 0 else code


def _tell(fresh: Any) -> None:
    for name, reason in fresh.stale:
        output.say(f"stale: {name}: {reason}")
    for note in fresh.notes:
        output.say(note)
    if fresh.done:
        output.say(f"Done already: {', '.join(fresh.done[:10])}{' …' if len(fresh.done) > 10 else ''}.")


def show_plan(work: Workspace, planned: Plan, fmt: str) -> None:
    """The plan as text: as data, or beside the data where these are JSON."""
    from orchestrator.reconcile import reports

    if fmt == "text":
        output.changes(reports.plan_text(planned, work.recorded(planned)))
    elif planned.changes:
        output.say(reports.plan_text(planned, work.recorded(planned)))
