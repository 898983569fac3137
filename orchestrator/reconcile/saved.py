"""A plan as a file: carried out as it was approved, refused object by object where it is stale. Pure.

The file holds the bodies to be written in plain form (no secret; of a token only a salted hash), a hash of each object
as it was seen, and a hash of itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

import orjson
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from orchestrator.diagnostics import Span
from orchestrator.errors import StalePlan
from orchestrator.reconcile.causes import Cause, Inputs
from orchestrator.reconcile.changes import Change, Create, Delete, Release, Update, compare
from orchestrator.reconcile.desired import Desired
from orchestrator.reconcile.observed import Observed
from orchestrator.reconcile.plain import fingerprint, hosted, plain, whole
from orchestrator.reconcile.plans import Plan
from orchestrator.tools import HostedPlugin

FORMAT_VERSION = 1
_Object = TypeAdapter(dict[str, Any])
_SCRYPT = {"n": 2**14, "r": 8, "p": 1, "dklen": 16}


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class SavedChange(_Strict):
    """One change. `observed`: hash of the object as it was seen; `tokens`: hash by id of a hosted plug-in.

    `made_of`: hashes of the inputs of what is to be written, as `Inputs.to_json` gives them.
    """

    action: str
    name: str
    id: str | None = None
    observed: str | None = None
    body: dict[str, Any] | None = None
    protect: bool = False
    retain: bool = False
    ignored: list[str] = []
    previous_names: list[str] = []
    tokens: dict[str, str] = {}
    file: str = ""
    line: int = 1
    made_of: list[list[str]] | None = None


class SavedPlan(_Strict):
    """The file. `inputs`: SHA-256 of each file of the folder that was read."""

    format_version: int
    kind: str
    owner: str
    environment: str
    target: str
    made_at: str
    salt: str
    inputs: dict[str, str]
    changes: list[SavedChange]
    summary: dict[str, int]
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """A saved plan held against the target now.

    `plan`: what can be carried out; `stale`: name and reason of what cannot; `done`: what stands there already;
    `notes`: tokens that are other ones than when the plan was made.
    """

    plan: Plan
    stale: tuple[tuple[str, str], ...]
    done: tuple[str, ...]
    notes: tuple[str, ...] = ()


def save(plan: Plan, *, environment: str, target: str, made_at: str, salt: str, inputs: Mapping[str, str]) -> bytes:
    """The file's content."""
    head = {
        "format_version": FORMAT_VERSION,
        "kind": "plan",
        "owner": plan.owner,
        "environment": environment,
        "target": target,
        "made_at": made_at,
        "salt": salt,
        "inputs": dict(inputs),
        "changes": [_saved(change, salt).model_dump() for change in plan.changes],
        "summary": {k.__name__.lower(): len(plan.of(k)) for k in (Create, Update, Delete, Release)},
    }
    return orjson.dumps({**head, "digest": _digest(head)}, option=orjson.OPT_INDENT_2) + b"\n"


def read(content: bytes, *, owner: str, environment: str, target: str) -> SavedPlan:
    """The plan in a file.

    Raises:
        StalePlan: it is no plan, was changed by hand, is of another version, owner, environment or target.
    """
    try:
        raw: dict[str, Any] = _Object.validate_python(orjson.loads(content))
        version = raw.get("format_version")
        if version != FORMAT_VERSION:
            raise StalePlan(
                f"The file is no plan of format {FORMAT_VERSION}, but of {version!r}.",
                hint="make it anew: plan -o FILE",
            )
        plan = SavedPlan.model_validate(raw)
    except (orjson.JSONDecodeError, ValidationError) as error:
        raise StalePlan("The file is not a saved plan.", hint="make one with plan -o FILE") from error
    if _digest({key: value for key, value in raw.items() if key != "digest"}) != plan.digest:
        raise StalePlan("The file was changed after the plan was made.", hint="make it anew: plan -o FILE")
    for what, theirs, ours in (
        ("owner", plan.owner, owner),
        ("environment", plan.environment, environment),
        ("target", plan.target, target),
    ):
        if theirs != ours:
            raise StalePlan(f"The plan is for the {what} '{theirs[:200]}', not for '{ours}'.", hint="choose it with -e")
    return plan


def freshen(
    saved: SavedPlan,
    observed: Sequence[Observed],
    tokens: Mapping[str, HostedPlugin],
    declared: Mapping[str, Desired] | None = None,
) -> Fresh:
    """Hold a saved plan against what stands at the target now, and against what the manifests say.

    `tokens`: hosted plug-ins as they are resolved today; `declared`: what the manifests want by now, by name, None:
    there are none to look at.
    """
    ours = [o for o in observed if o.stamp is not None and o.stamp.owner == saved.owner]
    by_id = {o.id: o for o in ours}
    changes: list[Change] = []
    stale: list[tuple[str, str]] = []
    done: list[str] = []
    notes: list[str] = []
    for one in saved.changes:
        missing = [key for key in one.tokens if key not in tokens]
        if missing:
            stale.append((one.name, f"the token of plug-in '{missing[0]}' is no longer declared"))
            continue
        outcome = _held_against(one, by_id, ours, tokens)
        moved = None if declared is None or outcome is None else _moved(one, declared.get(one.name))
        if moved:
            stale.append((one.name, moved))
        elif outcome is None:
            done.append(one.name)
        elif isinstance(outcome, str):
            stale.append((one.name, outcome))
        else:
            changes.append(outcome)
            notes += [
                f"The token of plug-in '{key}' is another one than when the plan was made; today's is used."
                for key, hashed in one.tokens.items()
                if _token(tokens[key], saved.salt) != hashed
            ]
    touched = {c.before.id for c in changes if not isinstance(c, Create)}
    beside = sum(o.id not in touched for o in ours)
    return Fresh(
        plan=Plan(owner=saved.owner, changes=tuple(changes), unmanaged=len(observed) - len(ours), beside=beside),
        stale=tuple(stale),
        done=tuple(done),
        notes=tuple(dict.fromkeys(notes)),
    )


def plan_hash(plan: Plan) -> str:
    """A hash of what a plan will do, for the journal."""
    return _digest([_saved(change, None).model_dump() for change in plan.changes])


def _held_against(
    one: SavedChange, by_id: Mapping[str, Observed], ours: Sequence[Observed], tokens: Mapping[str, HostedPlugin]
) -> Change | str | None:
    """The change as it can be carried out now; a reason why not; None: it is done already."""
    before = by_id.get(one.id or "")
    if one.action in ("delete", "release"):
        if before is None:
            return None
        end = Delete if one.action == "delete" else Release
        return end(before=before, name=one.name) if fingerprint(before) == one.observed else _CHANGED
    after = _desired(one, tokens)
    if one.action == "create":
        names = {one.name, *one.previous_names}
        before = next((o for o in ours if o.stamp is not None and o.stamp.manifest in names), None)
        if before is None:
            return Create(after=after)
    if before is None or before.stamp is None:
        return "it is gone from the target"
    update = compare(after, before, before.stamp)
    if update is None:
        return None
    if one.action == "create":
        return "it is at the target by now"
    return update if fingerprint(before) == one.observed else _CHANGED


def _moved(one: SavedChange, declared: Desired | None) -> str | None:
    """Why what was planned is not what the manifests want any more."""
    if one.action in ("delete", "release"):
        return None if declared is None else "its manifest is there again"
    if declared is None:
        return "its manifest is gone"
    before, after = Inputs.from_json(one.made_of), declared.inputs()
    if before is None or after is None or before.digests == after.digests:
        return None
    names = before.digests.keys() | after.digests.keys()
    differ = sorted({Cause(i.kind, i.name) for i in names if before.digests.get(i) != after.digests.get(i)})
    return f"since the plan was made, {'; '.join(str(cause) for cause in differ[:5])}"


_CHANGED = "it was changed at the target since the plan was made"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a manifest stood."""

    span: Span


def _desired(one: SavedChange, tokens: Mapping[str, HostedPlugin]) -> Desired:
    return Desired(
        name=one.name,
        body=whole(one.body or {}, {key: tokens[key] for key in one.tokens}),
        source=Place(span=Span(file=one.file, line=one.line)),
        previous_names=tuple(one.previous_names),
        protect=one.protect,
        retain=one.retain,
        ignored=frozenset(one.ignored),
    )


def _saved(change: Change, salt: str | None) -> SavedChange:
    match change:
        case Create() | Update():
            after = change.after
            before = change.before if isinstance(change, Update) else None
            return SavedChange(
                action="create" if before is None else "update",
                name=after.name,
                id=before and before.id,
                observed=before and fingerprint(before),
                body=plain(after.body),
                protect=after.protect,
                retain=after.retain,
                ignored=sorted(after.ignored),
                previous_names=list(after.previous_names),
                tokens={} if salt is None else {one.id: _token(one, salt) for one in hosted(after.body)},
                file=after.place.file,
                line=after.place.line,
                made_of=None if salt is None or (made_of := after.inputs()) is None else made_of.to_json(),
            )
        case Delete() | Release():
            action = "delete" if isinstance(change, Delete) else "release"
            return SavedChange(
                action=action, name=change.name, id=change.before.id, observed=fingerprint(change.before)
            )
        case _:
            assert_never(change)


def _token(plugin: HostedPlugin, salt: str) -> str:
    token = plugin.user_token.get_secret_value() if plugin.user_token else ""
    return hashlib.scrypt(token.encode(), salt=bytes.fromhex(salt), **_SCRYPT).hex()


def _digest(value: object) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()
