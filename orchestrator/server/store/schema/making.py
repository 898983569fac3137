"""A new database: all files at once, and the note for alembic that nothing is left to do. Needs no alembic itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

# in the words of alembic, so that a database made at once and one that grew are the same
_NOTE = """
CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)
"""


def make(connection: sqlite3.Connection, folder: Path, revisions: Sequence[str]) -> None:
    """Carry out all files in one transaction. Raises: sqlite3.Error; then there is nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(_NOTE.strip())
        for revision in revisions:
            for statement in statements((folder / f"{revision}.sql").read_text(encoding="utf-8")):
                connection.execute(statement)
        connection.execute("INSERT INTO alembic_version VALUES (?)", (revisions[-1],))
        connection.execute(f"PRAGMA user_version = {int(revisions[-1])}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def statements(script: str) -> Iterator[str]:
    """The statements of a script, one by one."""
    statement = ""
    for part in script.split(";"):
        statement += part + ";"
        if sqlite3.complete_statement(statement):
            yield statement.strip()
            statement = ""
