"""All steps at once. A plan is a thing: complete, shown before it is carried out; apply decides nothing more. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from orchestrator.reconcile.changes import Change, Create, Delete, Release, Update, compare
from orchestrator.reconcile.desired import Desired
from orchestrator.reconcile.observed import Observed


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What apply will do.

    `unchanged`: names in line. `orphans`: ours, no longer wanted, and not to be pruned now. `kept`: orphans that are
    protected. `duplicates`: further objects with a name of ours; the oldest is the one that counts. `unmanaged`:
    how many assistants bear no stamp of this owner; they are never touched. `beside`: ours that are not selected.
    `held`: names that a rollback holds as they are.
    """

    owner: str
    changes: tuple[Change, ...]
    unchanged: tuple[str, ...] = ()
    orphans: tuple[Observed, ...] = ()
    kept: tuple[Observed, ...] = ()
    duplicates: tuple[Observed, ...] = ()
    unmanaged: int = 0
    beside: int = 0
    held: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.changes

    def of(self, kind: type[Create] | type[Update] | type[Delete] | type[Release]) -> list[Change]:
        """The changes of one kind."""
        return [change for change in self.changes if isinstance(change, kind)]

    @property
    def drifted(self) -> list[Update]:
        """The updates that undo what somebody changed at the target."""
        return [c for c in self.changes if isinstance(c, Update) and c.cause != "edited"]


def plan(
    desired: Iterable[Desired],
    observed: Iterable[Observed],
    *,
    owner: str,
    prune: bool,
    dedupe: bool = False,
    protected: Collection[str] = (),
    retained: Collection[str] = (),
) -> Plan:
    """Compare everything wanted with everything there. Nothing without `owner`'s exact stamp appears in a change.

    `prune`: what is ours and no longer wanted goes; `dedupe`: so do further objects with a name of ours, all but the
    oldest. `protected` names manifests that are never deleted, `retained` those that are let go of instead, beside
    those whose stamps say so.
    """
    everything = sorted(observed, key=lambda o: (o.created_at, o.id))
    ours = [o for o in everything if o.stamp is not None and o.stamp.owner == owner]
    by_name, duplicates = _by_name(ours)
    changes: list[Change] = []
    unchanged: list[str] = []
    for want, found in _matched(sorted(desired, key=lambda d: d.name), by_name):
        if found is None or found.stamp is None:
            changes.append(Create(after=want))
        elif (update := compare(want, found, found.stamp)) is not None:
            changes.append(update)
        else:
            unchanged.append(want.name)
    left = [*by_name.values(), *duplicates]
    kept = [o for o in left if _protected(o, protected)]
    orphans = [o for o in left if not _protected(o, protected)]
    ending = [o for o in orphans if (dedupe if o in duplicates else prune)]
    changes += [_end(o, retained) for o in ending]
    orphans = [o for o in orphans if o not in ending]
    return Plan(
        owner=owner,
        changes=tuple(changes),
        unchanged=tuple(unchanged),
        orphans=tuple(orphans),
        kept=tuple(kept),
        duplicates=tuple(duplicates),
        unmanaged=len(everything) - len(ours),
    )


def _by_name(ours: Sequence[Observed]) -> tuple[dict[str, Observed], list[Observed]]:
    by_name: dict[str, Observed] = {}
    duplicates: list[Observed] = []
    for one in ours:
        if _name(one) in by_name:
            duplicates.append(one)
        else:
            by_name[_name(one)] = one
    return by_name, duplicates


def _matched(desired: Sequence[Desired], by_name: dict[str, Observed]) -> Iterator[tuple[Desired, Observed | None]]:
    """Each manifest with its object, which is taken out of `by_name`.

    Names come before former names, over all manifests: a former name never takes what another manifest is called now.
    """
    exact = {want.name: by_name.pop(want.name) for want in desired if want.name in by_name}
    for want in desired:
        former = next((name for name in want.previous_names if name in by_name), None)
        if want.name in exact:
            yield want, exact[want.name]
        else:
            yield want, None if former is None else by_name.pop(former)


def _protected(one: Observed, names: Collection[str]) -> bool:
    return one.stamp is not None and (one.stamp.protect or one.stamp.manifest in names)


def _end(one: Observed, retained: Collection[str]) -> Delete | Release:
    """What pruning does to one."""
    keep = retains(one) or _name(one) in retained
    return Release(before=one, name=_name(one)) if keep else Delete(before=one, name=_name(one))


def retains(one: Observed) -> bool:
    """Whether its stamp says that it is let go of, not deleted."""
    return one.stamp is not None and one.stamp.retain


def _name(one: Observed) -> str:
    return one.stamp.manifest if one.stamp else one.id
