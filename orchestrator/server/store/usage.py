"""Verbs for the account of tokens: it grows together with what it counts, and is added up when somebody asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from orchestrator.server.records import Json, Run
from orchestrator.server.store.door import Row, Tx
from orchestrator.server.usage import COUNTED, COUNTS, PARTS

Group = Literal["day", "assistant", "model"]

DAY = 86_400_000  # milliseconds
COLUMNS: dict[Group, str] = {"day": "day", "assistant": "assistant_id", "model": "model"}

_PLACE = ("workspace", "day", "assistant_id", "model")
_ALL = (*_PLACE, *COUNTS)
_ADD = (
    f"INSERT INTO usage ({', '.join(_ALL)}) VALUES ({', '.join(f':{name}' for name in _ALL)}) "  # noqa: S608
    f"ON CONFLICT ({', '.join(_PLACE)}) DO UPDATE SET "
    + ", ".join(f"{name} = usage.{name} + excluded.{name}" for name in COUNTS)
)
_SUMS = ", ".join(f"coalesce(sum({name}), 0) AS {name}" for name in COUNTS)
_PICKED = "FROM usage WHERE workspace = :workspace AND day BETWEEN :first AND :last"


def add(tx: Tx, run: Run, now: int, *, usage: Json | None = None, turns: int = 0, runs: int = 0) -> None:
    """Count turns with their tokens, and ended runs, on the day of `now`.

    To be called in the unit that stores the same: then nothing is ever counted twice or not at all.
    """
    place = {"workspace": run.workspace, "day": now // DAY, "assistant_id": run.assistant_id, "model": run.model}
    tokens = {name: (usage or {}).get(name, 0) for name in (*COUNTED, *PARTS)}
    tx.change(_ADD, {**place, "runs": runs, "turns": turns, **tokens})


def groups(tx: Tx, workspace: str, by: Sequence[Group], days: tuple[int, int], limit: int) -> list[Row]:
    """The sums of each group, at most `limit`: by day in order of time, else those with most tokens first."""
    names = ", ".join(COLUMNS[one] for one in by)
    order = names if "day" in by else f"total_tokens DESC, {names}"
    sql = f"SELECT {names}, {_SUMS} {_PICKED} GROUP BY {names} ORDER BY {order} LIMIT :limit"
    return tx.rows(sql, {**_values(workspace, days), "limit": limit})


def total(tx: Tx, workspace: str, days: tuple[int, int]) -> Row:
    """The sums of a workspace."""
    return tx.rows(f"SELECT {_SUMS} {_PICKED}", _values(workspace, days))[0]


def assistant_name(tx: Tx, workspace: str, assistant_id: str) -> str | None:
    """What an assistant is called, deleted or not."""
    sql = "SELECT name FROM assistants WHERE id = :id AND workspace = :workspace"
    found = tx.rows(sql, {"id": assistant_id, "workspace": workspace})
    return found[0]["name"] if found else None


def _values(workspace: str, days: tuple[int, int]) -> dict[str, str | int]:
    return {"workspace": workspace, "first": days[0], "last": days[1]}
