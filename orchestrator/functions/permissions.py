"""What code may ask for and a manifest may grant: `net:ORIGIN`, `env:NAME`, `fs:read:PATH`, `exec`, `mcp:NAME`. Pure.

Permissions to the network hold for `Context.http` always, those to secrets for `Context.secrets`. Code that runs in
this process could do without both: permissions tell a reviewer what trusted code is for, and bound what it does by
mistake.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from orchestrator.transport import Origin, Reach

_PLAIN = {
    "env": re.compile(r"[A-Za-z_*][A-Za-z0-9_*]*"),
    "fs:read": re.compile(r"[^\0]+"),
    "fs:write": re.compile(r"[^\0]+"),
    "mcp": re.compile(r"[a-z0-9*][a-z0-9*-]*"),
}
FORMS = "net:HOST, env:NAME, fs:read:PATH, fs:write:PATH, exec, mcp:NAME"


def fault(permission: str) -> str | None:
    """Why a text is no permission; None: it is one."""
    if permission == "exec":
        return None
    kind, value = _split(permission)
    if kind == "net":
        try:
            Origin.parse(value)
        except ValueError as error:
            return str(error)
        return None
    form = _PLAIN.get(kind)
    if form is None or not form.fullmatch(value):
        return f"'{permission}' is no permission; permissions are {FORMS}"
    return None


def missing(wanted: Iterable[str], granted: Iterable[str]) -> tuple[str, ...]:
    """What is wanted and not granted, each once, in order. All of them must be permissions."""
    given = tuple(granted)
    return tuple(one for one in dict.fromkeys(wanted) if not any(_covers(grant, one) for grant in given))


def reach(granted: Iterable[str]) -> Reach:
    """Where the network permissions lead."""
    return Reach.of(value for kind, value in map(_split, granted) if kind == "net")


def _split(permission: str) -> tuple[str, str]:
    head, _, value = permission.partition(":")
    if head == "fs":
        way, _, value = value.partition(":")
        head = f"fs:{way}"
    return head, value


def _covers(grant: str, wanted: str) -> bool:
    """Whether a grant is at least as wide as what is wanted."""
    (kind, value), (wanted_kind, wanted_value) = _split(grant), _split(wanted)
    if kind != wanted_kind:
        return False
    if kind == "net":
        return _wider(Origin.parse(value), Origin.parse(wanted_value))
    return value == wanted_value or fnmatchcase(wanted_value, value)


def _wider(grant: Origin, wanted: Origin) -> bool:
    if wanted.private and not grant.private:
        return False
    return (wanted.host == grant.host and (wanted.scheme, wanted.port) == (grant.scheme, grant.port)) or (
        not wanted.host.startswith("*") and grant.covers(wanted.scheme, wanted.host, wanted.port)
    )
