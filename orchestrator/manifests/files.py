"""Files of the folder of manifests, read with care: no link that leaves it, nothing that is not a plain file.

FIFOs, sockets and devices are complained of and never opened for good; the kind of a file is looked up on the open
descriptor, so that nobody can swap it in between. Hidden files and folders are ignored.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator.diagnostics import Diagnostic, Span
from orchestrator.manifests.source import MAX_BYTES

MAX_FILES = 20_000
_MAX_DEPTH = 32
_ENDINGS = (".yaml", ".yml", ".md", ".j2")


@dataclass(frozen=True, slots=True)
class Text:
    """A file that was read; `name` is its path relative to the folder, with `/`."""

    name: str
    text: str


def read_folder(folder: Path) -> Iterator[Text | Diagnostic]:
    """Yield every manifest and template source in the order of their names, or the complaint about it."""
    label, count = folder.name, 0
    root = Path(os.path.realpath(folder))
    for entry in _walk(root, "", 0, label):
        if isinstance(entry, Diagnostic):
            yield entry
            continue
        count += 1
        if count > MAX_FILES:
            yield refused(f"{label}/{entry}", f"more than {MAX_FILES:,} files", hint="is this the right folder?")
            return
        yield _read(root, entry, f"{label}/{entry}")


def refused(file: str, message: str, *, hint: str | None = None, code: str = "MAN010") -> Diagnostic:
    """A complaint about a whole file."""
    return Diagnostic(code=code, message=message, span=Span(file=file, end_column=2), hint=hint)


def _walk(folder: Path, below: str, depth: int, label: str) -> Iterator[str | Diagnostic]:
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        yield refused(f"{label}/{below}".rstrip("/"), f"cannot be read: {_reason(error)}", code="MAN001")
        return
    for entry in entries:
        name = f"{below}{entry.name}"
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            if depth >= _MAX_DEPTH:
                yield refused(f"{label}/{name}", f"folders are nested more than {_MAX_DEPTH} levels deep")
            else:
                yield from _walk(Path(entry.path), f"{name}/", depth + 1, label)
        elif entry.is_symlink() and Path(entry.path).is_dir():
            yield refused(f"{label}/{name}", "a link to a folder is not followed", hint="copy the folder")
        elif entry.name.endswith(_ENDINGS):
            yield name


def _read(root: Path, name: str, file: str) -> Text | Diagnostic:
    try:
        descriptor = _open(root, name)
    except _LeadsOut:
        return refused(file, "a link that leads out of the folder is not followed", hint="copy the file")
    except OSError as error:
        return refused(file, f"cannot be read: {_reason(error)}", code="MAN001")
    try:
        return _read_open(descriptor, name, file)
    except OSError as error:
        return refused(file, f"cannot be read: {_reason(error)}", code="MAN001")
    finally:
        os.close(descriptor)


def read_named(folder: Path, name: str, largest: int) -> bytes | str:
    """A file that a manifest names, below the project's folder; text instead of bytes says why it is not read."""
    root = Path(os.path.realpath(folder))
    if "\0" in name or Path(name).is_absolute():
        return "must be given by its path below the project's folder"
    path = os.path.realpath(root / name)
    if not path.startswith(f"{root}{os.sep}"):
        return "leads out of the project's folder"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        return f"cannot be read: {_reason(error)}"
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return "is not a plain file"
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(largest + 1)
    finally:
        os.close(descriptor)
    return data if len(data) <= largest else f"is larger than {largest // 1024:,} KiB"


class _LeadsOut(Exception):
    """A link whose end is not in the folder."""


def _open(root: Path, name: str) -> int:
    """A descriptor of the file; of a link, what it leads to, if that is in the folder."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(f"{root}{os.sep}{name}", flags)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
    path = os.path.realpath(root / name)
    if not path.startswith(f"{root}{os.sep}"):
        raise _LeadsOut
    return os.open(path, flags)


def _read_open(descriptor: int, name: str, file: str) -> Text | Diagnostic:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        return refused(file, "not a plain file")
    data = b"" if found.st_size > MAX_BYTES else _all(descriptor)
    if max(found.st_size, len(data)) > MAX_BYTES:
        return refused(file, f"larger than {MAX_BYTES // 1024:,} KiB", hint="split it")
    return decoded(data, name, file)


def _all(descriptor: int) -> bytes:
    parts: list[bytes] = []
    while (part := os.read(descriptor, MAX_BYTES + 1)) and sum(map(len, parts)) <= MAX_BYTES:
        parts.append(part)
    return b"".join(parts)


def decoded(data: bytes, name: str, file: str) -> Text | Diagnostic:
    """UTF-8, with or without a byte order mark; else a complaint at the first wrong byte."""
    try:
        return Text(name, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        good = data[: error.start].decode("utf-8", "replace")
        column = len(good) - good.rfind("\n")
        place = Span(file=file, line=good.count("\n") + 1, column=column, end_column=column + 1)
        message = f"the byte 0x{data[error.start]:02X} is not UTF-8"
        return Diagnostic(code="MAN001", message=message, span=place, hint="save the file as UTF-8")


def _reason(error: OSError) -> str:
    return (error.strerror or "it failed").lower()
