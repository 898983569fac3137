"""Taking an assistant over, and letting it go: which mark is to be written, or why not. Pure.

Both write the mark alone. An adopted assistant keeps its content: the mark says that we wrote what stands there, so
that a plan afterwards shows what the manifest wants otherwise, as edits and not as drift.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from orchestrator.errors import NotFound, SettingsError, UnsafePlan
from orchestrator.reconcile.body import digest
from orchestrator.reconcile.desired import Desired
from orchestrator.reconcile.ignoring import managed
from orchestrator.reconcile.observed import Observed
from orchestrator.reconcile.stamp import Stamp
from orchestrator.wire.assistants import METADATA_PAIRS


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """One assistant whose mark changes; `stamp` None: the mark is taken away. `owner_before` None: it had none.

    `after`: what becomes its first revision, which is what stands there of the fields that the manifest names.
    """

    name: str
    before: Observed
    stamp: Stamp | None
    after: Desired | None = None

    @property
    def owner_before(self) -> str | None:
        """Who owned it until now."""
        return self.before.stamp.owner if self.before.stamp else None


def adopt(
    want: Desired, id: str, observed: Sequence[Observed], *, owner: str, taken_from: str | None = None
) -> Handover:
    """Make the assistant `id` the one of a manifest. `taken_from`: the owner who is to lose it, exactly.

    Raises:
        NotFound: there is no such assistant.
        UnsafePlan: it is somebody else's, or ours already, or the manifest has one.
    """
    found = next((one for one in observed if one.id == id), None)
    if found is None:
        raise NotFound(f"There is no assistant with the id '{id[:80]}'.", hint="look at the id at the target")
    _check_owner(found, owner, taken_from)
    _check_free(want, observed, owner)
    if len(found.body.get("metadata") or {}) >= METADATA_PAIRS:
        message = f"The metadata of {id} is full ({METADATA_PAIRS} pairs); there is no room for our mark."
        raise UnsafePlan(message, hint="take one pair away")
    there, wanted = managed(found.body, want.ignored), managed(want.body, want.ignored)
    fields = {field: digest(field, there.get(field)) for field in wanted}
    stamp = Stamp(owner=owner, manifest=want.name, fields=fields, protect=want.protect, retain=want.retain)
    after = replace(want, body={field: found.body.get(field) for field in wanted})
    return Handover(name=want.name, before=found, stamp=stamp, after=after)


def release(name: str, observed: Sequence[Observed], *, owner: str) -> Handover:
    """Let go of an assistant of ours, named by its manifest or its id.

    Raises:
        SettingsError: we own none of that name, or several.
    """
    ours = [one for one in observed if one.stamp is not None and one.stamp.owner == owner]
    found = [one for one in ours if name in (one.id, one.manifest)]
    if not found:
        raise SettingsError(f"'{owner}' owns no assistant '{name[:80]}'.", hint="orchestrator plan shows what it owns")
    if len(found) > 1:
        ids = ", ".join(sorted(one.id for one in found))
        raise SettingsError(f"There are {len(found)} assistants '{name[:80]}'.", hint=f"give one of their ids: {ids}")
    return Handover(name=found[0].manifest, before=found[0], stamp=None)


def _check_owner(found: Observed, owner: str, taken_from: str | None) -> None:
    if found.unreadable:
        message = f"{found.id} bears a mark that can't be read, so its owner is not known."
        raise UnsafePlan(message, hint="if nobody needs it, take the pair 'orchestrator' out of its metadata first")
    holder = found.stamp.owner if found.stamp else None
    if holder == owner:
        message = f"{found.id} is ours already, as '{found.manifest}'."
        raise UnsafePlan(message, hint="to rename it, list that name in metadata.previousNames")
    if holder != taken_from:
        whose = f"belongs to '{holder}'" if holder else "belongs to nobody"
        hint = f"if it shall be taken from there: --from {holder}" if holder else "leave --from out"
        raise UnsafePlan(f"{found.id} {whose}.", hint=hint)


def _check_free(want: Desired, observed: Sequence[Observed], owner: str) -> None:
    names = (want.name, *want.previous_names)
    for one in observed:
        if one.stamp is not None and one.stamp.owner == owner and one.manifest in names:
            message = f"'{want.name}' has an assistant already: {one.id}."
            raise UnsafePlan(message, hint=f"let go of it first: orchestrator release {one.id}")
