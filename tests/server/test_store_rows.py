"""Records survive the database; lists behave as a Python list would."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.server.records import Assistant, Message, Page, Record, Run, Step, Thread
from orchestrator.server.store import rows, schema
from orchestrator.server.store.transaction import SqliteTx
from orchestrator.wire.faults import Fault

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
JSON = st.dictionaries(
    TEXT, st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT, st.lists), max_size=3
)
KINDS = {
    "str": TEXT,
    "int": st.integers(0, 2**53),
    "Json": JSON,
    "tuple[Json, ...]": st.lists(JSON, max_size=3).map(tuple),
    "tuple[str, ...]": st.lists(TEXT, max_size=3).map(tuple),
}


def records(cls: type[Record]) -> st.SearchStrategy[Record]:
    def kind(annotation: str) -> st.SearchStrategy[object]:
        plain = KINDS[annotation.removesuffix(" | None")]
        return st.none() | plain if annotation.endswith(" | None") else plain

    return st.builds(cls, **{field.name: kind(str(field.type)) for field in fields(cls)})


@pytest.fixture(scope="module")
def tx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteTx]:
    path = tmp_path_factory.mktemp("rows") / "server.db"
    schema.migrate(path, lambda: sqlite3.connect(path, isolation_level=None))
    connection = sqlite3.connect(":memory:", isolation_level=None)
    with closing(sqlite3.connect(path)) as made:
        made.backup(connection)
    yield SqliteTx(connection)
    connection.close()


@given(st.sampled_from([Assistant, Thread, Message, Run, Step]).flatmap(records))
def test_a_record_comes_back_as_it_was(record: Record) -> None:
    assert rows.from_row(type(record), {**rows.to_row(record), "seq": 1}) == record


@given(records(Assistant))
def test_the_database_keeps_a_record_as_it_was(tx: SqliteTx, record: Assistant) -> None:
    tx.change("DELETE FROM assistants")
    rows.insert(tx, "assistants", record)
    assert rows.select(tx, "assistants", Assistant, "id = :id", {"id": record.id}) == [record]


def test_any_mapping_is_json() -> None:
    assert rows.to_row(Thread(id="t", workspace="w", created_at=1, metadata=MappingProxyType({"a": "b"})))[
        "metadata"
    ] == ('{"a":"b"}')


def test_a_change_touches_what_it_says(tx: SqliteTx) -> None:
    tx.change("DELETE FROM assistants")
    for name in "ab":
        rows.insert(tx, "assistants", Assistant(id=name, workspace="w", created_at=1, model="m"))
    changes = {"tools": ({"type": "rag"},), "id": "c"}
    assert rows.change(tx, "assistants", Assistant, changes, where="id = :id", values={"id": "a"}) == 1
    changed = rows.select(tx, "assistants", Assistant, "id = :id", {"id": "c"})
    assert changed == [Assistant(id="c", workspace="w", created_at=1, model="m", tools=({"type": "rag"},))]


def expected(living: list[str], everyone: list[str], page: Page) -> tuple[list[str], bool]:
    """The model: a list, cut between the cursors, from the end that is asked for."""
    order = everyone[::-1] if page.descending else everyone
    start = order.index(page.after) + 1 if page.after else 0
    end = order.index(page.before) if page.before else len(order)
    between = [name for name in order[start:end] if name in living]
    shown = between[-page.limit :] if page.before and not page.after else between[: page.limit]
    return shown, len(between) > page.limit


@given(st.data(), st.lists(st.sampled_from(["mine", "deleted", "theirs"]), max_size=30))
def test_pages_agree_with_a_list(tx: SqliteTx, data: st.DataObject, kinds: list[str]) -> None:
    tx.change("DELETE FROM threads")
    for number, kind in enumerate(kinds):
        workspace = "theirs" if kind == "theirs" else "mine"
        rows.insert(tx, "threads", Thread(id=f"t{number}", workspace=workspace, created_at=7))
        if kind == "deleted":
            tx.change("UPDATE threads SET deleted_at = 8 WHERE id = :id", {"id": f"t{number}"})
    everyone = [f"t{number}" for number, kind in enumerate(kinds) if kind != "theirs"]
    living = [name for name in everyone if kinds[int(name[1:])] == "mine"]
    cursors = st.none() | st.sampled_from(everyone) if everyone else st.none()
    page = data.draw(st.builds(Page, limit=st.integers(1, 12), descending=st.booleans(), after=cursors, before=cursors))
    listed = rows.page(tx, "threads", Thread, "workspace = :w", {"w": "mine"}, page)
    assert ([thread.id for thread in listed.items], listed.has_more) == expected(living, everyone, page)


@pytest.mark.parametrize("word", ["after", "before"])
@pytest.mark.parametrize("cursor", ["nobody", "theirs"])
def test_a_cursor_of_another_list_is_refused(tx: SqliteTx, word: str, cursor: str) -> None:
    tx.change("DELETE FROM threads")
    rows.insert(tx, "threads", Thread(id="theirs", workspace="theirs", created_at=1))
    with pytest.raises(Fault) as caught:
        rows.page(tx, "threads", Thread, "workspace = :w", {"w": "mine"}, Page(**{word: cursor}))
    assert (caught.value.kind, caught.value.param) == ("invalid", word)


@pytest.mark.parametrize(
    ("table", "column"), [("assistants", "workspace"), ("threads", "workspace"), ("messages", "thread_id")]
)
def test_lists_are_served_by_an_index(tx: SqliteTx, table: str, column: str) -> None:
    sql = f"SELECT * FROM {table} WHERE {column} = 'x' AND {rows.NOT_DELETED} AND seq < 9 ORDER BY seq DESC LIMIT 3"
    plan = [row["detail"] for row in tx.rows(f"EXPLAIN QUERY PLAN {sql}")]
    assert plan == [f"SEARCH {table} USING INDEX {table}_listed ({column}=? AND seq<?)"]
