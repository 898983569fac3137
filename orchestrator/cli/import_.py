"""`orchestrator import`: assistants that exist at the target become manifests, and ours."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import options, output
from orchestrator.cli.carrying import IN_PART
from orchestrator.cli.taking import taken

if TYPE_CHECKING:
    from orchestrator.applying import Session
    from orchestrator.reconcile.importing import Written
    from orchestrator.reconcile.observed import Observed, Target
    from orchestrator.workspace import Workspace


@click.command(name="import")
@click.argument("ids", nargs=-1, metavar="[ID…]")
@click.option("--all", "everything", is_flag=True, help="All that nobody owns.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the files. Default: assistants.d.")
@click.option("--adopt/--no-adopt", default=True, help="Whether they become ours; otherwise only files are written.")
@click.option("--from", "taken_from", metavar="OWNER", help="Their owner until now, as project/environment.")
@click.option("--force", is_flag=True, help="Overwrite files.")
@options.folder
@options.environment
@options.project
@options.output
@options.yes
@options.data
def command(ids: tuple[str, ...], everything: bool, fmt: str, **given: Any) -> int:
    """Write manifests of assistants that exist at the target. A plan afterwards is empty."""
    from orchestrator.errors import SettingsError
    from orchestrator.workspace import Workspace

    if bool(ids) == everything:
        raise SettingsError("Say which assistants: ids, or --all.")
    how = {name: given.pop(name) for name in ("out", "adopt", "taken_from", "force", "yes")}
    work = Workspace.read(options.settings(**given))
    work.raise_for_errors()
    return asyncio.run(_import(work, ids, fmt, **how))


async def _import(
    work: Workspace,
    ids: Sequence[str],
    fmt: str,
    *,
    out: Path | None,
    adopt: bool,
    taken_from: str | None,
    force: bool,
    yes: bool,
) -> int:
    from orchestrator.applying import session
    from orchestrator.reconcile import importing

    folder = out if out is not None else work.settings.manifests
    if adopt and not folder.resolve().is_relative_to(work.settings.manifests.resolve()):
        output.say(f"Files in {folder} are not read as manifests, so the assistants do not become ours.")
        adopt = False
    async with work.target() as target:
        found, declared = _chosen(work, await target.observe(), ids, taken_from)
        for one in declared:
            output.say(f"{one.label} ({one.id}) stands in the manifests already, as '{one.manifest}'.")
        files = importing.manifests(found, taken(work))
        if not files:
            output.say("There is nothing to import.")
            return 0
        whose = f", and make them those of '{work.owner}'" if adopt else ""
        if not yes and not output.confirm(f"Write {len(files)} files to {folder}{whose}?", flag="--yes"):
            output.say("Nothing was written.")
            return 1
        if not force:
            _check_free(folder, files)
        failed: Mapping[str, str] = {}
        if adopt:
            async with session(work, target, say=output.say) as mine:  # who watches the files must not create them anew
                _write(folder, files, force=force)
                failed = await _adopt(mine, files, target, taken_from)
        else:
            _write(folder, files, force=force)
        _tell(files, folder, fmt, failed, adopt=adopt)
        return IN_PART if failed else 0


def _write(folder: Path, files: Sequence[Written], *, force: bool) -> None:
    from orchestrator.manifests import printing, writing

    for one in files:
        text = "---\n".join(printing.document(document) for document in one.documents)
        writing.create(folder, one.file, text, force=force)


def _chosen(
    work: Workspace, there: Sequence[Observed], ids: Sequence[str], taken_from: str | None
) -> tuple[list[Observed], list[Observed]]:
    """Those to import, and those that the manifests declare already.

    Raises:
        NotFound: there is none of an id. UnsafePlan: one is somebody else's, and it is not said whose.
    """
    from orchestrator.errors import NotFound, UnsafePlan

    by_id = {one.id: one for one in there}
    unknown = next((one for one in ids if one not in by_id), None)
    if unknown is not None:
        raise NotFound(f"There is no assistant with the id '{unknown[:80]}'.", hint="look at the id at the target")
    named = [by_id[one] for one in dict.fromkeys(ids)]
    for one in named:
        if one.unreadable or (one.stamp and one.stamp.owner not in (work.owner, taken_from)):
            owner = one.stamp.owner if one.stamp else "somebody whose mark can't be read"
            raise UnsafePlan(f"{one.id} belongs to '{owner}'.", hint=f"--from {owner} takes it over, if they agree")
    free = [one for one in there if not one.unreadable and (one.stamp is None or one.stamp.owner == work.owner)]
    wanted = named or free
    ours = [one for one in wanted if one.stamp and one.stamp.owner == work.owner and work.find(one.stamp.manifest)]
    return [one for one in wanted if one not in ours], ours if ids else []


def _check_free(folder: Path, files: Sequence[Written]) -> None:
    """Before anything is written."""
    from orchestrator.errors import SettingsError

    there = [one.file for one in files if (folder / one.file).exists()]
    if there:
        raise SettingsError(f"{folder / there[0]} is there already ({len(there)} in all).", hint="--force overwrites")


def _tell(files: Sequence[Written], folder: Path, fmt: str, failed: Mapping[str, str], *, adopt: bool) -> None:
    if fmt == "json":
        told = [_as_json(one, folder, failed, adopt=adopt) for one in files]
        output.json({"format_version": 1, "files": told})
        return
    for one in files:
        output.changes(f"+ {folder / one.file}" + (f" ({one.id})" if one.id else ""))
        for sentence in one.missing:
            output.say(f"    not in the file, and left alone: {sentence}")
        if one.id in failed:
            output.say(f"    not ours yet: {failed[one.id]}")


def _as_json(one: Written, folder: Path, failed: Mapping[str, str], *, adopt: bool) -> dict[str, object]:
    told: dict[str, object] = {"file": str(folder / one.file), "name": one.name, "id": one.id or None}
    ours = adopt and bool(one.id) and one.id not in failed
    return told | {"missing": list(one.missing), "adopted": ours, "error": failed.get(one.id)}


async def _adopt(mine: Session, files: Sequence[Written], target: Target, taken_from: str | None) -> Mapping[str, str]:
    """Mark what was written as ours, after reading it as everybody reads it; why that failed, by id.

    Raises:
        ManifestsInvalid: what was written cannot be used yet, e.g. since a token is missing.
    """
    from orchestrator.errors import ManifestsInvalid
    from orchestrator.reconcile import owning
    from orchestrator.workspace import Workspace

    work = mine.work
    again = Workspace.read(work.settings)
    pairs = [(again.find(one.name), one) for one in files if one.id]
    if any(want is None for want, _ in pairs):
        names = " ".join(f"{one.name}={one.id}" for _, one in pairs)
        output.say(f"The files are written, but not ours yet. Correct what is told, then: orchestrator adopt {names}")
        raise ManifestsInvalid([d for d in again.diagnostics if d.severity == "error"])
    there = await target.observe()
    ours = {one.id for one in there if one.stamp and one.stamp.owner == work.owner}
    handovers = [
        owning.adopt(want, one.id, there, owner=work.owner, taken_from=taken_from)
        for want, one in pairs
        if want is not None and one.id not in ours
    ]
    if not handovers:
        return {}
    errors = await mine.hand_over(handovers, target)
    return {
        one.before.id: f"{error.code}: {error}"
        for one, error in zip(handovers, errors, strict=True)
        if error is not None
    }
