"""alembic, run on our numbered SQL files: one linear revision each, with SQLite's transactional DDL."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from alembic.runtime.migration import MigrationContext, MigrationStep, RevisionStep
from alembic.script import Script
from alembic.script.revision import RevisionMap
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from orchestrator.server.store.schema.making import statements


def upgrade(
    connect: Callable[[], sqlite3.Connection], folder: Path, revisions: Sequence[str], *, taken_over: int
) -> None:
    """Apply the revisions that the database has not noted, in order, each in a transaction with its note.

    What files up to number `taken_over` say is there already: they are noted only. `connect` gives a connection in
    autocommit mode. Raises: sqlite3.Error.
    """
    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    event.listen(engine, "begin", _begin)
    try:
        with engine.connect() as connection:
            scripts = _scripts(connection, folder, revisions, taken_over)
            _run(connection, scripts)
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise error.orig from error
        raise
    finally:
        engine.dispose()


def _begin(connection: Connection) -> None:
    """Python's own idea of transactions would commit before DDL; so we begin them ourselves."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _run(connection: Connection, scripts: Sequence[Script]) -> None:
    known = RevisionMap(lambda: scripts)

    def steps(heads: tuple[str, ...], _: MigrationContext) -> list[RevisionStep]:
        newest_first = known.iterate_revisions("head", heads[0] if heads else "base")
        todo = [script for script in newest_first if isinstance(script, Script)]
        return [MigrationStep.upgrade_from_script(known, script) for script in reversed(todo)]

    options = {"fn": steps, "transactional_ddl": True, "transaction_per_migration": True}
    MigrationContext.configure(connection, opts=options).run_migrations()


def _scripts(connection: Connection, folder: Path, revisions: Sequence[str], taken_over: int) -> list[Script]:
    """What alembic calls scripts: a module for each file, with its place in the line and the work to do."""
    return [
        Script(_module(connection, folder / f"{revision}.sql", down, skip=int(revision) <= taken_over), revision, "")
        for down, revision in zip((None, *revisions), revisions, strict=False)
    ]


def _module(connection: Connection, file: Path, down: str | None, *, skip: bool) -> ModuleType:
    def upgrade() -> None:
        for statement in () if skip else statements(file.read_text(encoding="utf-8")):
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql(f"PRAGMA user_version = {int(file.stem)}")

    module = ModuleType(f"{__name__}.{file.stem}", file.name)
    vars(module).update(revision=file.stem, down_revision=down, upgrade=upgrade)
    return module
