"""What plug-ins keep of a thread: JSON values by key, for each plug-in alone, in `plugins.db` of the data folder."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

NAME = "plugins.db"
LARGEST = 64 * 1024  # characters of one value as JSON
_TABLE = """CREATE TABLE IF NOT EXISTS states (
    thread TEXT NOT NULL, unit TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (thread, unit, key))
    WITHOUT ROWID"""


class States:
    """The values of all threads. May be used from any thread of the process; the file is made by the first write."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def of(self, thread: str, unit: str) -> MutableMapping[str, Any]:
        """The values of one thread and plug-in. Each change is on disk when it is made."""
        return _State(self, thread, unit)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def rows(self, query: str, values: tuple[str, ...]) -> list[tuple[Any, ...]]:
        """What a query finds; nothing where nothing was ever kept."""
        with self._lock:
            if self._connection is None and not self._path.exists():
                return []
            return self._open().execute(query, values).fetchall()

    def write(self, query: str, values: tuple[str, ...]) -> int:
        """One change; how many rows it touched."""
        with self._lock:
            return self._open().execute(query, values).rowcount

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=10.0)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(_TABLE)
            self._connection = connection
        return self._connection


class _State(MutableMapping[str, Any]):
    def __init__(self, states: States, thread: str, unit: str) -> None:
        self._states = states
        self._place = (thread, unit)

    def __getitem__(self, key: str) -> Any:
        query = "SELECT value FROM states WHERE thread = ? AND unit = ? AND key = ?"
        rows = self._states.rows(query, (*self._place, key))
        if not rows:
            raise KeyError(key)
        return json.loads(rows[0][0])

    def __setitem__(self, key: str, value: Any) -> None:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        if len(text) > LARGEST:
            raise ValueError(f"a value of the state may have {LARGEST} characters as JSON, not {len(text)}")
        self._states.write("INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?)", (*self._place, key, text))

    def __delitem__(self, key: str) -> None:
        query = "DELETE FROM states WHERE thread = ? AND unit = ? AND key = ?"
        if not self._states.write(query, (*self._place, key)):
            raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        query = "SELECT key FROM states WHERE thread = ? AND unit = ? ORDER BY key"
        return iter([row[0] for row in self._states.rows(query, self._place)])

    def __len__(self) -> int:
        return sum(1 for _ in self)
