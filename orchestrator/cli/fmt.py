"""`orchestrator fmt`: manifests in one form, comments kept."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import options, output

if TYPE_CHECKING:
    from orchestrator.manifests.files import Text

WOULD_CHANGE = 2


@click.command(name="fmt")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; exit code 2 if a file would change.")
@click.option("--diff", is_flag=True, help="Show what would change, and write nothing.")
@options.folder
def command(paths: tuple[Path, ...], check: bool, diff: bool, **given: Any) -> int:
    """Format manifests: all of assistants.d, or the files and folders below it that are named."""
    from orchestrator.diagnostics import Diagnostic
    from orchestrator.manifests import writing
    from orchestrator.manifests.files import read_folder
    from orchestrator.manifests.formatting import CannotFormat, formatted

    folder = options.settings(environment="local", **given).manifests
    _check_there(paths, folder)
    failed = changed = 0
    for one in read_folder(folder):
        if isinstance(one, Diagnostic):
            output.say(str(one))
            failed += 1
            continue
        if not _meant(one, folder, paths):
            continue
        try:
            new = formatted(one.text, one.name)
        except CannotFormat as reason:
            output.say(f"{folder.name}/{one.name}: left as it is: {reason}")
            failed += 1
            continue
        if new == one.text:
            continue
        changed += 1
        output.changes(
            f"~ {folder.name}/{one.name}" if not diff else "".join(_diff(one, new, folder.name)).rstrip("\n")
        )
        if not (check or diff):
            writing.replace(folder, one.name, one.text, new)
    return 1 if failed else WOULD_CHANGE if changed and (check or diff) else 0


def _check_there(paths: Sequence[Path], folder: Path) -> None:
    """A path that is misspelt must not look as if all were well."""
    from orchestrator.errors import SettingsError

    for path in paths:
        if not path.exists():
            raise SettingsError(f"There is no {path}.")
        if not path.resolve().is_relative_to(folder.resolve()):
            raise SettingsError(f"{path} is not below {folder}.", hint="name files or folders of assistants.d")


def _meant(one: Text, folder: Path, paths: Sequence[Path]) -> bool:
    if one.name.endswith(".j2") or (one.name.endswith(".md") and not one.text.startswith("---")):
        return False
    path = (folder / one.name).resolve()
    return not paths or any(path.is_relative_to(Path(chosen).resolve()) for chosen in paths)


def _diff(one: Text, new: str, folder: str) -> Iterator[str]:
    name = f"{folder}/{one.name}"
    return difflib.unified_diff(one.text.splitlines(keepends=True), new.splitlines(keepends=True), name, name)
