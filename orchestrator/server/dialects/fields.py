"""Looks into a JSON body: each gives a field's value, or None where it is absent or null; a wrong type is a Fault.

The complaint names the field, in full where it lies deeper: `thread.messages[2].role`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, cast

from orchestrator.server.dialects.contract import HIGHEST
from orchestrator.server.records import Json
from orchestrator.wire.faults import invalid

ITEMS = 1024  # of one list in a request


class Fields:
    """A JSON object of a request. `place` is where it stands in the body, empty for the body itself."""

    def __init__(self, body: Json, place: str = "") -> None:
        self.body = body
        self._place = place

    def __contains__(self, name: str) -> bool:
        return self.body.get(name) is not None

    def names(self, name: str) -> bool:
        """Whether the field is there, be it null."""
        return name in self.body

    def text(self, name: str) -> str | None:
        """A string."""
        value = self.body.get(name)
        return value if value is None or isinstance(value, str) else self.wrong(name, "must be a string")

    def needed(self, name: str) -> str:
        """A string that must be there and not be empty."""
        return self.text(name) or self.wrong(name, "must be given")

    def one_of(self, name: str, words: Sequence[str]) -> str:
        """A string that must be there and be one of the words."""
        text = self.needed(name)
        known = ", ".join(f"'{word}'" for word in words)
        return text if text in words else self.wrong(name, f"must be one of {known}")

    def flag(self, name: str) -> bool:
        """Whether the field is true; absent is false."""
        value = self.body.get(name)
        return bool(value) if value is None or isinstance(value, bool) else self.wrong(name, "must be true or false")

    def integer(self, name: str, lowest: int) -> int | None:
        """An integer from `lowest` on that the database can keep."""
        value = self.body.get(name)
        fits = value is None or (isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= HIGHEST)
        return value if fits else self.wrong(name, f"must be an integer, {lowest} or more, of at most 64 bits")

    def number(self, name: str, highest: float) -> float | None:
        """A number from 0 to `highest`."""
        value = self.body.get(name)
        fits = value is None or (
            isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= highest
        )
        return value if fits else self.wrong(name, f"must be a number from 0 to {highest:g}")

    def metadata(self, name: str = "metadata") -> Json | None:
        """An object; what it may hold is checked where it is stored."""
        value = self.body.get(name)
        if value is not None and not isinstance(value, dict):
            self.wrong(name, "must be an object of strings")
        return cast("Json | None", value)

    def inner(self, name: str) -> Fields | None:
        """An object, to look into."""
        value = self.body.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.wrong(name, "must be an object")
        return Fields(cast("Json", value), self._full(name))

    def texts(self, name: str) -> tuple[str, ...] | None:
        """A list of strings, none of them empty."""
        value = self._list(name)
        if value is None:
            return None
        if not all(isinstance(item, str) and item for item in value):
            self.wrong(name, "must be a list of strings")
        return tuple(cast("Sequence[str]", value))

    def each(self, name: str) -> tuple[Fields, ...] | None:
        """A list of objects, to look into."""
        value = self._list(name)
        if value is None:
            return None
        if not all(isinstance(item, dict) for item in value):
            self.wrong(name, "must be a list of objects")
        objects = cast("Sequence[Json]", value)
        return tuple(Fields(item, f"{self._full(name)}[{index}]") for index, item in enumerate(objects))

    def wrong(self, name: str, complaint: str) -> NoReturn:
        """Refuse the request for the sake of one field."""
        full = self._full(name)
        raise invalid(f"'{full}' {complaint}.", full)

    def _list(self, name: str) -> Sequence[object] | None:
        value = self.body.get(name)
        if value is None:
            return None
        if not isinstance(value, list):
            self.wrong(name, "must be a list")
        items = cast("list[object]", value)
        return items if len(items) <= ITEMS else self.wrong(name, f"holds at most {ITEMS} items")

    def _full(self, name: str) -> str:
        return f"{self._place}.{name}" if self._place else name


def given(**values: Any) -> dict[str, Any]:
    """Those of the values that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def as_body(value: object) -> Json:
    """The body of a request: whatever is not an object counts as an empty one."""
    return cast("Json", value) if isinstance(value, Mapping) else {}
