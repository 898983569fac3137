"""Files of manifests, written: whole or not at all, inside of their folder, with nothing lost.

A file is written beside its place and renamed into it. One that is replaced keeps its mode, its byte order mark and,
if it is a link to a file of the folder, stays that link; one that somebody changed meanwhile is left alone.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from orchestrator.errors import SettingsError
from orchestrator.manifests import editing
from orchestrator.manifests.markdown import edit_markdown
from orchestrator.manifests.source import Path as FieldPath

_BOM = b"\xef\xbb\xbf"


def edit(text: str, file: str, document: int, path: FieldPath, value: object) -> str:
    """The text of a file with one field changed, Markdown included; see `editing.edit`.

    Raises:
        CannotEdit: it cannot be changed in place.
    """
    if file.endswith(".md"):
        return edit_markdown(text, path, value)
    return editing.edit(text, document, path, value)


def create(folder: Path, name: str, text: str, *, force: bool = False) -> None:
    """Write a new file below a folder, and the folders on the way.

    Raises:
        SettingsError: there is such a file already (unless `force`), or it would lie outside.
    """
    root = Path(os.path.realpath(folder))
    path = Path(os.path.realpath(root / name))
    if not path.is_relative_to(root):
        raise SettingsError(f"'{name}' would lie outside of {folder}.")
    if path.exists() and not force:
        raise SettingsError(f"{folder / name} is there already.", hint="--force overwrites it")
    path.parent.mkdir(parents=True, exist_ok=True)
    _put(path, text.encode(), mode=0o644)


def replace(folder: Path, name: str, before: str, after: str) -> None:
    """Replace the text of a file.

    Raises:
        SettingsError: the file does not hold `before` any more, or is a link that leads out of the folder.
    """
    root = Path(os.path.realpath(folder))
    path = Path(os.path.realpath(root / name))
    if not path.is_relative_to(root):
        raise SettingsError(f"{folder / name} leads out of its folder and is not written.")
    data = path.read_bytes()
    mark = _BOM if data.startswith(_BOM) else b""
    if data.removeprefix(_BOM) != before.encode():
        raise SettingsError(f"{folder / name} was changed meanwhile.", hint="try again")
    _put(path, mark + after.encode(), mode=stat.S_IMODE(path.stat().st_mode))


def _put(path: Path, data: bytes, *, mode: int) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """Let the rename be on disk, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
