"""Which request and which run the code at hand works for: every line of the log says so."""

from __future__ import annotations

import hashlib
import re
from contextvars import ContextVar
from functools import lru_cache

from orchestrator.server.ids import new_uuid

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
run_id: ContextVar[str | None] = ContextVar("run_id", default=None)
workspace: ContextVar[str | None] = ContextVar("workspace", default=None)

_SANE = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")

_RUN = re.compile(r"run_[A-Za-z0-9_-]{1,64}")


def named(given: bytes | None) -> str:
    """The id of a request: the one that the client gave if it is a sane word, else a fresh one."""
    return given.decode() if given is not None and _SANE.fullmatch(given) else new_uuid()


def about_run(given: str | None) -> None:
    """What follows is about the run that a path names, if that is the id of one."""
    run_id.set(given if given is not None and _RUN.fullmatch(given) else None)


def begin(*, request: str | None, run: str, place: str) -> None:
    """What the task at hand does from here on, it does for a run, and for the request that asked for it."""
    request_id.set(request)
    run_id.set(run)
    workspace.set(place)


@lru_cache(maxsize=1024)
def blurred(name: str) -> str:
    """A workspace as the log shows it: eight hex digits of its SHA-256, for who knows the name."""
    return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:8]
