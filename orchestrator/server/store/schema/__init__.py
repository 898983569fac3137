"""The tables, as numbered SQL files. `PRAGMA user_version` tells how many a database has seen."""

from __future__ import annotations

import sqlite3
from importlib import resources

from orchestrator.errors import StoreError


def migrate(connection: sqlite3.Connection) -> None:
    """Apply the files that the database has not seen, each in a transaction of its own.

    Raises: StoreError when a newer program has been here.
    """
    scripts = _scripts()
    seen = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if seen > len(scripts):
        raise StoreError(
            f"the database has schema {seen}, this program knows only {len(scripts)}",
            hint="a newer orchestrator has written it: upgrade, or choose another data folder",
        )
    for number, script in enumerate(scripts[seen:], start=seen + 1):
        connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")


def _scripts() -> list[str]:
    """The files in order; their numbers have no gaps."""
    files = sorted((f for f in resources.files(__name__).iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return [file.read_text(encoding="utf-8") for file in files]
