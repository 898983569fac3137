"""`orchestrator drift`: what somebody changed at the target by hand. Never writes to the target."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import options, output
from orchestrator.cli.carrying import IN_PART
from orchestrator.cli.judging import refuse_secrets
from orchestrator.cli.plan import look

if TYPE_CHECKING:
    from orchestrator.reconcile.accepting import Edit, Refused
    from orchestrator.reconcile.plans import Plan
    from orchestrator.reconcile.sides import Applied, Sides
    from orchestrator.workspace import Workspace

DRIFTED = 3


@click.command(name="drift")
@click.argument("names", nargs=-1, metavar="[NAME…]")
@options.folder
@options.environment
@options.project
@options.selecting
@options.output
@options.data
@click.option("--ignore", multiple=True, metavar="PATH", help="Leave out a field: instructions, model.temperature, …")
@click.option("--accept", is_flag=True, help="Write what drifted into the files that say it; comments stay.")
def command(
    *,
    names: tuple[str, ...],
    fmt: str,
    select: tuple[str, ...],
    exclude: tuple[str, ...],
    ignore: tuple[str, ...],
    accept: bool,
    **given: Any,
) -> int:
    """Show the fields of our assistants that somebody changed at the target. Exit code 3 if there are any."""
    from orchestrator.reconcile import reports
    from orchestrator.reconcile.ignoring import fields
    from orchestrator.reconcile.selecting import choice
    from orchestrator.reconcile.sides import sides
    from orchestrator.workspace import Workspace

    ignored = fields(ignore)
    work = Workspace.read(options.settings(**given))
    work.raise_for_errors()
    _check_names(work, names)
    left_out = [replace(one, ignored=one.ignored | ignored) for one in work.desired] if ignored else work.desired
    work = replace(work, desired=tuple(left_out))
    planned = asyncio.run(look(work, chosen=choice((*select, *names), exclude)))
    live = [replace(one.after, body={**one.after.body, **one.before.body}) for one in planned.drifted]
    refuse_secrets(work, [*(one.after for one in planned.drifted), *live])
    if accept:
        return _accept(work, planned, fmt)
    three = sides(planned, _applied(work, planned))
    if fmt == "json":
        told = reports.plan_json(replace(planned, changes=tuple(planned.drifted)), work.recorded(planned))
        output.json({**told, "drift": [_as_json(one) for one in three]})
    else:
        output.changes(reports.drift_text(planned, three))
    return DRIFTED if planned.drifted else 0


def _check_names(work: Workspace, names: Iterable[str]) -> None:
    from orchestrator.diagnostics import did_you_mean
    from orchestrator.errors import SettingsError

    for name in names:
        if work.find(name) is None:
            hint = did_you_mean(name, work.loaded.assistants)
            raise SettingsError(f"There is no assistant '{name[:80]}' in the manifests.", hint=hint)


def _applied(work: Workspace, planned: Plan) -> Applied:
    """The bodies that were last applied, as far as the journal has them."""
    from orchestrator.journal import Journal, history

    journal = Journal(work.settings.data)
    try:
        found = {one.after.name: history.revisions(journal, work.owner, one.after.name) for one in planned.drifted}
    finally:
        journal.close()
    written = {one.after.name: one.before.stamp.revision for one in planned.drifted if one.before.stamp}
    return {n: r.body for n, all_ in found.items() for r in all_ if r.number == written.get(n)}


def _as_json(one: Sides) -> dict[str, object]:
    sides = {"live": one.live, "manifest": one.manifest, "applied": one.applied, "applied_known": one.known}
    return {"name": one.name, "id": one.id, "field": one.field, "moved": one.moved, **sides}


# ---- back into the files


def _accept(work: Workspace, planned: Plan, fmt: str) -> int:
    from orchestrator.cli.taking import taken
    from orchestrator.reconcile.accepting import Edit, edits

    references = taken(work).references
    found = [one for update in planned.drifted for one in edits(update, work.selection, work.loaded, references)]
    wanted = [one for one in found if isinstance(one, Edit)]
    done, refused = _write(work, wanted), [one for one in found if not isinstance(one, Edit)]
    refused += [one for one in done if not isinstance(one, Edit)]
    written = [one for one in done if isinstance(one, Edit)]
    _tell(work, written, refused, fmt)
    return 0 if not refused else IN_PART if written else 1


def _write(work: Workspace, wanted: Sequence[Edit]) -> list[Edit | Refused]:
    """Each file once, with all its changes; what cannot be changed in place is refused for itself."""
    from orchestrator.manifests import writing
    from orchestrator.manifests.editing import CannotEdit
    from orchestrator.reconcile.accepting import Refused

    folder, done = work.settings.manifests, list[Any]()
    texts: dict[str, str] = {}
    for one in wanted:
        text = texts.get(one.file, work.loaded.sources[one.file])
        try:
            texts[one.file] = (
                str(one.value)
                if one.document is None
                else writing.edit(text, one.file, one.document.index, one.path, one.value)
            )
            done.append(one)
        except CannotEdit as reason:
            place = work.loaded.assistants[one.name].span if one.document is None else one.document.span(one.path)
            done.append(Refused(name=one.name, field=one.field, reason=str(reason), place=place))
    for file, text in texts.items():
        writing.replace(folder, file.removeprefix(f"{folder.name}/"), work.loaded.sources[file], text)
    return done


def _tell(work: Workspace, written: Sequence[Edit], refused: Sequence[Refused], fmt: str) -> None:
    if fmt == "json":
        told = [{"name": one.name, "field": one.field, "file": one.file} for one in written]
        left = [
            {"name": one.name, "field": one.field, "place": str(one.place), "reason": one.reason} for one in refused
        ]
        output.json({"format_version": 1, "accepted": told, "refused": left})
        return
    for one in written:
        output.changes(f"~ {one.name}: {one.field} written to {one.file}")
    for one in refused:
        output.say(f"{one.place}: {one.name}: {one.field} stays as it is: {one.reason}")
    if not written and not refused:
        output.changes("No drift.")
    elif written:
        output.say(f"Look at the files; then: orchestrator apply -e {work.settings.environment}")
