"""Server-sent events, line by line, as run events. Takes both framings: with or without a space, or a blank line."""

from __future__ import annotations

from typing import Any, cast

import orjson

from orchestrator.errors import CannotUnderstand
from orchestrator.runs import RunEvent
from orchestrator.wire.events import DONE, DONE_DATA


class Frames:
    """Feed lines; `done` once the server said that nothing follows."""

    def __init__(self) -> None:
        self.done = False
        self._event = ""
        self._data: list[str] = []

    def feed(self, line: str) -> RunEvent | None:
        """The event that a line completes.

        Raises:
            CannotUnderstand: its data is not a JSON object.
        """
        name, _, value = line.removeprefix("\ufeff").partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
            return None
        if not line:
            return self._complete()
        if name != "event":  # comments, id, retry
            return None
        before = self._complete()
        self._event = value.strip()
        return before

    def end(self) -> RunEvent | None:
        """The last event, if the stream ended without a blank line; one that is cut off is dropped."""
        try:
            return self._complete()
        except CannotUnderstand:
            return None

    def _complete(self) -> RunEvent | None:
        event, text = self._event, "\n".join(self._data)
        self._event, self._data = "", []
        if event == DONE or text == DONE_DATA:
            self.done = True
        return None if self.done or not text.strip() else RunEvent(name=event, data=_object(text))


def _object(text: str) -> dict[str, Any]:
    try:
        value: object = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise CannotUnderstand(f"An event of the stream is not JSON: {text[:80]!r}.") from error
    if not isinstance(value, dict):
        raise CannotUnderstand(f"An event of the stream is not a JSON object: {text[:80]!r}.")
    return cast("dict[str, Any]", value)
