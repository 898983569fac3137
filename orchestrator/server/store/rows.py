"""Records to rows and back, and the one way to list them.

A field of type str or int is a column of that type; a tuple or an object is JSON text. A table may have more
columns than its record (`seq`, `deleted_at`, …): they have defaults and are left alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar, cast, get_args, get_origin, get_type_hints

import orjson

from orchestrator.server.records import Kept, Page
from orchestrator.server.store.door import Row, Tx
from orchestrator.wire.faults import invalid

T = TypeVar("T")

NOT_DELETED = "deleted_at IS NULL"  # in these very words, or the partial indexes are of no use


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """One page of a list. `has_more`: further items lie beyond it, in the direction of paging."""

    items: tuple[T, ...]
    has_more: bool


def insert(tx: Tx, table: str, record: Kept) -> None:
    """Add a record to a table."""
    tx.change(_insert_sql(table, type(record)), to_row(record))


def insert_new(tx: Tx, table: str, record: Kept) -> bool:
    """Add a record unless there is one with its id; whether it was added."""
    return tx.change(_insert_sql(table, type(record)) + " ON CONFLICT (id) DO NOTHING", to_row(record)) > 0


def change(
    tx: Tx, table: str, cls: type[Kept], changes: Mapping[str, object], *, where: str, values: Mapping[str, object]
) -> int:
    """Set some fields of the rows that `where` picks, deleted or not; the number of rows touched."""
    codec = _codec(cls)
    news = {f"new_{name}": _text(value) if name in codec.json else value for name, value in changes.items()}
    settings = ", ".join(f"{name} = :new_{name}" for name in changes)
    return tx.change(_words("UPDATE", table, "SET", settings, "WHERE", where), {**values, **news})


def select(tx: Tx, table: str, cls: type[T], where: str, values: Mapping[str, object]) -> list[T]:
    """The records that `where` picks, deleted or not; it may end with ORDER BY and LIMIT."""
    sql = _words("SELECT", _codec(cls).columns, "FROM", table, "WHERE", where)
    return [from_row(cls, row) for row in tx.rows(sql, values)]


def page(  # noqa: PLR0917 - a query reads left to right
    tx: Tx, table: str, cls: type[T], where: str, values: Mapping[str, object], page: Page
) -> Listed[T]:
    """One page of the records that `where` picks and that are not deleted, by creation.

    With `before` alone the page is the one next to that cursor; with `after` it starts there, `before` ends it.
    Deleted records still serve as cursors. Raises: Fault when a cursor is not among those that `where` picks.
    """
    bounds, cursors = _bounds(tx, table, where, values, page)
    backwards = page.before is not None and page.after is None
    order = "DESC" if page.descending != backwards else "ASC"
    picked = _words("SELECT", _codec(cls).columns, "FROM", table, "WHERE", where, "AND", NOT_DELETED, bounds)
    found = tx.rows(
        _words(picked, "ORDER BY seq", order, "LIMIT :page_limit"),
        {**values, **cursors, "page_limit": page.limit + 1},
    )
    items = [from_row(cls, row) for row in found[: page.limit]]
    if backwards:
        items.reverse()
    return Listed(tuple(items), len(found) > page.limit)


def to_row(record: Kept) -> dict[str, Any]:
    """The columns of a record."""
    codec = _codec(type(record))
    row = {name: getattr(record, name) for name in codec.names}
    for name in codec.json:
        row[name] = _text(row[name])
    return row


def from_row(cls: type[T], row: Row) -> T:
    """The record of a row, which may have further columns."""
    codec = _codec(cls)
    fields = {name: row[name] for name in codec.names}
    for name, many in codec.json.items():
        text = fields[name]
        if text is not None:
            value = orjson.loads(text)
            fields[name] = tuple(value) if many else value
    return cast("Callable[..., T]", cls)(**fields)


@dataclass(frozen=True, slots=True)
class _Codec:
    """How a class is kept: its fields, and those kept as JSON, with whether they are tuples."""

    names: tuple[str, ...]
    json: dict[str, bool]
    columns: str


@cache
def _codec(cls: type[Any]) -> _Codec:
    names = tuple(field.name for field in dataclasses.fields(cls))
    hints = get_type_hints(cls)
    kinds = {name: {get_origin(kind) for kind in (hints[name], *get_args(hints[name]))} for name in names}
    json = {name: tuple in kinds[name] for name in names if kinds[name] & {tuple, Mapping}}
    return _Codec(names, json, ", ".join(names))


@cache
def _insert_sql(table: str, cls: type[Kept]) -> str:
    codec = _codec(cls)
    marks = ", ".join(f":{name}" for name in codec.names)
    return _words("INSERT INTO", table, "(", codec.columns, ") VALUES (", marks, ")")


def _bounds(tx: Tx, table: str, where: str, values: Mapping[str, object], page: Page) -> tuple[str, dict[str, int]]:
    """The condition that the page's cursors make, and their places."""
    sql = _words("SELECT seq FROM", table, "WHERE id = :page_cursor AND", where)
    conditions: list[str] = []
    places: dict[str, int] = {}
    for word, cursor in (("after", page.after), ("before", page.before)):
        if cursor is not None:
            found = tx.rows(sql, {**values, "page_cursor": cursor})
            if not found:
                raise invalid(f"No object of this list has the id '{cursor}' given as '{word}'.", word)
            places[f"page_{word}"] = int(found[0]["seq"])
            sign = "<" if page.descending == (word == "after") else ">"
            conditions.append(f"AND seq {sign} :page_{word}")
    return " ".join(conditions), places


def _text(value: object) -> str | None:
    return None if value is None else orjson.dumps(value, default=_plain).decode()


def _plain(value: object) -> object:
    """What orjson does not know by itself: mappings that are no dict."""
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, object]", value))
    raise TypeError(f"not JSON: {type(value).__name__}")


def _words(*parts: str) -> str:
    return " ".join(parts)
