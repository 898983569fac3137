"""The data folder: whose it is, who may look into it, what room there is, on what kind of disk."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from orchestrator.server.doctor.finding import Finding, error, note, ok, warning
from orchestrator.server.store.folder import UNFINISHED

LOW = 1024**3  # bytes that should be free
NONE = 64 * 1024**2  # bytes below which there is no use in starting
_SHARED = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "glusterfs", "ceph"})


def examine(data: Path) -> Iterator[Finding]:
    """All of it; nothing more can be said of a folder that is not there."""
    if not data.exists():
        yield from _to_come(data)
        return
    found = data.stat()
    if not stat.S_ISDIR(found.st_mode):
        yield error("data folder", f"{data} is no folder", "give another one with --data DIR")
        return
    yield from _rights(data, found)
    yield from _room(data)
    kind = file_system(data)
    if kind in _SHARED:
        yield error("disk", f"{data} lies on {kind}, where SQLite's locks do not hold", "use a local disk")
    if (data / UNFINISHED).exists():
        yield error("restore", "a restore was not finished", "run orchestrator restore again")
    for copy in sorted(data.glob("server.db.before-*")):
        yield warning("migration", f"{copy.name} was left by a migration that failed", "keep it until all is well")


def _to_come(data: Path) -> Iterator[Finding]:
    above = next(folder for folder in data.parents if folder.exists())
    if os.access(above, os.W_OK | os.X_OK):
        yield note("data folder", f"{data} is not there yet; the first start makes it")
        yield from _room(above)
    else:
        yield error("data folder", f"{data} is not there, and {above} may not be written", "give another: --data DIR")


def _rights(data: Path, found: os.stat_result) -> Iterator[Finding]:
    me = os.geteuid()
    if found.st_uid != me:
        remedy = f"run the server as user {found.st_uid}, or chown -R the folder"
        yield warning("owner", f"{data} belongs to user {found.st_uid}, this is user {me}", remedy)
    unwritable = [path.name for path in (data, *sorted(data.glob("server.db*"))) if not os.access(path, os.W_OK)]
    if unwritable:
        yield error("data folder", f"not to be written: {', '.join(unwritable)}", "see to owner and rights")
    elif found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        yield warning("data folder", f"others may look into {data} (mode {mode:o})", f"chmod 700 {data}")
    else:
        yield ok("data folder", str(data))


def _room(data: Path) -> Iterator[Finding]:
    found = os.statvfs(data)
    free = found.f_bavail * found.f_frsize
    said = f"{free / 1e9:.1f} GB free" if free >= 1e9 else f"{free / 1e6:.0f} MB free"
    if free < NONE:
        yield error("room", said, "make room: without it nothing can be stored")
    elif free < LOW:
        yield warning("room", said, "make room: a full disk refuses whatever is new")
    else:
        yield ok("room", said)


def file_system(path: Path) -> str | None:
    """The kind of file system that a path lies on, where the system tells."""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    mounts = [(fields[1].replace("\\040", " "), fields[2]) for fields in map(str.split, lines) if len(fields) > 2]
    fitting = [(len(point), kind) for point, kind in mounts if path.resolve().is_relative_to(point)]
    return max(fitting, default=(0, None))[1]
