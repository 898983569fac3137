"""Whether a database is sound, as SQLite finds it; within a time, where there is none to lose."""

from __future__ import annotations

import math
import sqlite3
import time

from orchestrator.errors import Damaged
from orchestrator.server.store.transaction import code, tells_damage

STEPS = 5_000  # of SQLite's machine between two looks at the clock


def check(connection: sqlite3.Connection, seconds: float = math.inf) -> bool:
    """Look at every page, indexes against tables too when there is no limit of time; False: the time was over first.

    Raises: Damaged with what was found.
    """
    end = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > end, STEPS)
    pragma = "integrity_check" if seconds == math.inf else "quick_check"
    try:
        found = [str(row[0]) for row in connection.execute(f"PRAGMA {pragma}(5)")]
    except sqlite3.Error as error:
        if code(error) & 0xFF == sqlite3.SQLITE_INTERRUPT:
            return False
        if not tells_damage(error):
            raise
        found = [str(error)]
    finally:
        connection.set_progress_handler(None, 0)
    if found != ["ok"]:
        raise Damaged(f"the database is damaged ({'; '.join(found)[:500]})")
    return True
