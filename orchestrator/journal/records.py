"""The rows of the journal as values. Times are seconds since 1970."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """One apply. `commit`: revision of the folder, `dirty`: it held more than that; `outcome` None: it never ended."""

    id: int
    owner: str
    who: str
    started: float
    ended: float | None
    verb: str
    commit: str | None
    dirty: bool
    plan: str
    outcome: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One change of an apply. `state`: begun, done, failed or absent (a create that was cut off and never arrived)."""

    apply: int
    name: str
    action: str
    state: str
    begun: float
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A create or an adoption whose end is not known; `attempt` stands in the stamp that it wrote."""

    id: int
    name: str
    attempt: str
    begun: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """What was written as revision `number` of an assistant: its body without secrets, and whether it is protected."""

    name: str
    number: int
    body: Mapping[str, Any]
    protect: bool
    time: float
    apply: int
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A rollback holds until the manifest's own digest is another one."""

    name: str
    digest: str
    revision: int
    since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Who applies for `owner` now. `nonce` names this very lease; it ends at `expires` unless it is renewed.

    `process`: the mark of the process that holds it, see `processes`; empty if that is not known.
    """

    owner: str
    holder: str
    nonce: str
    taken: float
    expires: float
    process: str = ""
