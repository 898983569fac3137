"""One step from observed to desired: a closed union, made by `compare`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from orchestrator.reconcile.body import Body, comparable, digest, digests
from orchestrator.reconcile.desired import Desired
from orchestrator.reconcile.ignoring import beside, managed
from orchestrator.reconcile.observed import Observed
from orchestrator.reconcile.stamp import Stamp

Cause = Literal["edited", "drifted", "edited and drifted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A field before and after, in comparable form. `drifted`: the target's value is not what we last wrote."""

    field: str
    before: Any
    after: Any
    drifted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """There is none yet."""

    after: Desired


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """It is there and ours, but not as it shall be. Without differences only the stamp is renewed."""

    before: Observed
    after: Desired
    cause: Cause
    differences: tuple[Difference, ...]
    renamed_from: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """It is ours and nobody wants it any more."""

    before: Observed
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """It is ours and nobody wants it any more, but it is to be kept: our mark is taken away, and nothing else."""

    before: Observed
    name: str


Change = Create | Update | Delete | Release


def compare(desired: Desired, observed: Observed, stamp: Stamp) -> Update | None:
    """The update that brings one assistant in line; None: it is in line."""
    ignored = desired.ignored
    there = managed(observed.body, ignored)
    body = managed(desired.body, ignored)
    wanted = digests(body)
    kept = (stamp.protect, stamp.retain) != (desired.protect, desired.retain)
    moved = wanted != dict(stamp.fields) or stamp.manifest != desired.name or kept
    differences = tuple(
        Difference(field=field, before=before, after=after, drifted=_drifted(field, there, stamp))
        for field, value in body.items()
        if (before := comparable(field, there.get(field))) != (after := comparable(field, value))
    )
    if not moved and not differences:
        return None
    return Update(
        before=observed,
        after=replace(desired, body=beside(desired.body, observed.body, ignored)) if ignored else desired,
        cause=_cause(wanted, stamp.fields, differences),
        differences=differences,
        renamed_from=stamp.manifest if stamp.manifest != desired.name else None,
    )


def _drifted(field: str, there: Body, stamp: Stamp) -> bool:
    """Whether the value at the target is not the one we last wrote; what we never wrote cannot drift."""
    written = stamp.fields.get(field)
    return written is not None and digest(field, there.get(field)) != written


def _cause(wanted: Mapping[str, str], written: Mapping[str, str], differences: tuple[Difference, ...]) -> Cause:
    drifted = any(difference.drifted for difference in differences)
    if not drifted:
        return "edited"
    return "edited and drifted" if wanted != dict(written) else "drifted"


def stamp_for(desired: Desired, owner: str, *, revision: int, attempt: str) -> Stamp:
    """The mark that goes along when `desired` is written."""
    return Stamp(
        owner=owner,
        manifest=desired.name,
        fields=digests(managed(desired.body, desired.ignored)),
        revision=revision,
        attempt=attempt,
        protect=desired.protect,
        retain=desired.retain,
    )
