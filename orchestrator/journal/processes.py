"""Which process holds a lease, so that the lease of one that is gone need not be waited for.

A mark names the machine since its start, the namespace of process ids, the id, and when the process began; so an id
that was given to another process since, or on another machine, is not taken for the holder.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def mark() -> str:
    """The mark of this process; empty where the system does not tell."""
    world, began = _world(), _began(os.getpid())
    return f"{world} {os.getpid()} {began}" if world and began else ""


def is_gone(marked: str) -> bool:
    """Whether the process is surely over: it ran in this very world, and is not there any more."""
    world, _, rest = marked.partition(" ")
    pid, _, began = rest.partition(" ")
    if not world or world != _world() or not pid.isdigit():
        return False
    return _began(int(pid)) != began


def _world() -> str:
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 (no path, but a name)
    return ""


def _began(pid: int) -> str:
    """When a process began, in ticks since the machine did; empty: there is none of that id."""
    with suppress(OSError, IndexError):
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        state, *fields = stat.rpartition(")")[2].split()
        return "" if state in ("Z", "X") else fields[18]
    return ""
