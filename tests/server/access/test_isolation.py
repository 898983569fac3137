"""No workspace learns anything of another, nor changes anything there: every route, tried with foreign ids.

And the test of the test: were a query to lose its workspace, it would be noticed.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from isolation_kit import Attempt, Party, Request, Rows, Town, attempts, ghosts, requests, seen, town_of

from orchestrator.server.store.transaction import SqliteTx

REQUESTS = requests()
SECOND_WALLS = (  # queries whose workspace is not needed: what they are asked for is the workspace's own, or a quota
    "SELECT name FROM assistants WHERE id = :id AND workspace = :workspace",
    "SELECT COALESCE(SUM(size), 0) AS taken FROM files",
    "\nSELECT COUNT(*) AS count FROM (SELECT 1 FROM runs",
)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town_of(tmp_path_factory.mktemp("town")) as made:
        yield made


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_a_foreign_id_is_one_that_never_was(town: Town, request_: Request) -> None:
    assert [wrong for attempt in attempts(request_) for wrong in town.complaints(attempt)] == []


def test_without_a_key_all_ids_are_alike_and_nothing_changes(town: Town) -> None:
    before = Rows(town.data)
    for request_ in REQUESTS:
        owner = town.owners[request_.dialect.name]
        nobody = Party(owner.http, "", {}, "")
        theirs = {slot: owner.ids[slot] for slot in request_.slots}
        never = ghosts(theirs)
        answers = [seen(nobody.ask(request_.filled(ids), authorization=""), ids) for ids in (theirs, never)]
        assert answers[0] == answers[1]
        assert answers[0].status == (401 if request_.dialect.name == "openai" else 400), request_
    assert Rows(town.data) == before


def test_the_owner_is_granted_all_of_it_and_his_idempotency_keys_are_his_alone(town: Town) -> None:
    refused: list[str] = []
    for nth, request_ in enumerate(REQUESTS):
        owner, key = town.owners[request_.dialect.name], f"key-{nth}"
        posted = request_.method == "POST"
        answer = owner.ask(request_.filled(owner.ids), **({"idempotency-key": key} if posted else {}))
        if answer.status_code != 200:
            refused.append(f"{request_}: {answer.text}")
        owner.rest()
        if posted:
            assert town.complaints(Attempt(request_, tuple(request_.slots)), key) == []
    assert refused == []


@contextmanager
def queries(change: Mapping[str, str] | None = None, heard: set[str] | None = None) -> Iterator[None]:
    """Every query goes through here: some are changed, all that have a workspace are heard."""
    rows, changed = SqliteTx.rows, SqliteTx.change

    def through(sql: str) -> str:
        if heard is not None and "workspace = :workspace" in sql:
            heard.add(sql)
        return (change or {}).get(sql, sql)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(SqliteTx, "rows", lambda tx, sql, values=None: rows(tx, through(sql), values))
        patched.setattr(SqliteTx, "change", lambda tx, sql, values=None: changed(tx, through(sql), values))
        yield


def weakened(sql: str) -> str:
    """A query that has lost its workspace."""
    return re.sub(r"\bworkspace = :workspace\b", "1 = 1", sql)


def test_a_query_that_lost_its_workspace_is_noticed(tmp_path: Any) -> None:
    uses: dict[str, list[Attempt]] = {}
    with town_of(tmp_path) as town:
        for attempt in (attempt for request_ in REQUESTS for attempt in attempts(request_)):
            heard: set[str] = set()
            with queries(heard=heard):
                town.ask(attempt)
            for sql in heard:
                uses.setdefault(sql, []).append(attempt)
        unnoticed: list[str] = []
        for sql, tried in uses.items():
            with queries({sql: weakened(sql)}):
                if not any(town.complaints(attempt) for attempt in tried):
                    unnoticed.append(sql)
    assert [sql for sql in unnoticed if not sql.startswith(SECOND_WALLS)] == []
    assert len(uses) - len(unnoticed) >= 10
