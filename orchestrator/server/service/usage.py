"""What a workspace has used, by day, assistant or model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, cast, get_args

from orchestrator.server.ids import Clock
from orchestrator.server.store import usage as account
from orchestrator.server.store.door import Row, Store, Tx
from orchestrator.server.store.usage import DAY, Group
from orchestrator.wire.faults import invalid

GROUPS: tuple[Group, ...] = get_args(Group)
MOST = 1000  # groups of one report
DAYS = 30  # that a report covers when nobody says which

_EPOCH = date(1970, 1, 1)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Sums by group and in all. `first` and `last` are days, both counted; `has_more`: there are more groups."""

    first: date
    last: date
    groups: tuple[dict[str, Any], ...]
    total: Row
    has_more: bool


class Usage:
    """The accounts of all workspaces; each call concerns one."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def report(
        self, workspace: str, by: Sequence[Group], first: date | None = None, last: date | None = None
    ) -> Report:
        """The sums of each group. Without days: the last DAYS up to today, UTC. Raises: Fault."""
        last = last or _EPOCH + timedelta(days=self._clock() // DAY)
        first = first or last - timedelta(days=DAYS - 1)
        if first > last:
            raise invalid("'from' must not be later than 'to'.", "from")
        days = ((first - _EPOCH).days, (last - _EPOCH).days)

        def unit(tx: Tx) -> Report:
            found = account.groups(tx, workspace, by, days, MOST + 1)
            groups = tuple(_named(tx, workspace, row) for row in found[:MOST])
            total = account.total(tx, workspace, days)
            return Report(first=first, last=last, groups=groups, total=total, has_more=len(found) > MOST)

        return await self._store.read(unit)


def groups(text: str) -> tuple[Group, ...]:
    """What to group by, several with commas between. Raises: Fault."""
    given = tuple(dict.fromkeys(word.strip() for word in text.split(",")))
    if not set(given) <= set(GROUPS):
        raise invalid(f"group_by must be one or more of {', '.join(GROUPS)}.", "group_by")
    return cast("tuple[Group, ...]", given)


def day(text: str, name: str) -> date | None:
    """A day as YYYY-MM-DD; None where nothing is given. Raises: Fault."""
    if not text:
        return None
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise invalid(f"'{name}' must be a day, YYYY-MM-DD.", name)


def _named(tx: Tx, workspace: str, row: Row) -> dict[str, Any]:
    """A group as it is told: days as dates, assistants with the name they have."""
    told: dict[str, Any] = dict(row)
    if "day" in told:
        told["day"] = (_EPOCH + timedelta(days=told["day"])).isoformat()
    if "assistant_id" in told:
        told["assistant_name"] = account.assistant_name(tx, workspace, told["assistant_id"])
    return told
