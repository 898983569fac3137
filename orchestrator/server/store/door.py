"""The door to the server's database.

A unit of work is a plain function of a `Tx`; the verbs (`store/assistants.py`, `threads.py`, `runs.py`, `events.py`)
are such functions over plain SQL, so several can be joined into one atomic unit. An engine (`sqlite.py`; another may
follow) runs units and knows nothing of their content.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Row = Mapping[str, Any]


class Tx(Protocol):
    """One unit of work under way. SQL uses named parameters (`:name`); values are str, int, float, bytes or None."""

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> list[Row]:
        """All rows of a query."""
        ...

    def change(self, sql: str, values: Mapping[str, Any] | None = None) -> int:
        """Insert, update or delete; the number of rows touched."""
        ...

    def change_many(self, sql: str, values: Sequence[Mapping[str, Any]]) -> None:
        """The same statement for many rows."""
        ...

    def note(self, fact: object) -> None:
        """A fact for whoever counts: told once the unit is on disk, forgotten if it is undone."""
        ...


class Ear(Protocol):
    """Who counts what the database does. Called on the writer's thread; must be quick."""

    def committed(self, units: int, seconds: float) -> None:
        """A transaction of so many units is on disk."""
        ...

    def lost(self) -> None:
        """A transaction could not be committed."""
        ...

    def hear(self, fact: object) -> None:
        """A fact that a unit noted is on disk."""
        ...


class Store(Protocol):
    """Runs units of work. What `write` returned is on disk; a unit that raises leaves nothing behind.

    Raises (both): StoreError when the database cannot do it (full disk, closed).
    """

    async def write(self, unit: Callable[[Tx], T]) -> T:
        """Run a unit that changes rows: atomic, serialised with all other writes, durable on return."""
        ...

    async def read(self, unit: Callable[[Tx], T]) -> T:
        """Run a unit that only looks, on one consistent snapshot; sees all finished writes."""
        ...

    async def close(self) -> None:
        """Finish what is queued and close."""
        ...
