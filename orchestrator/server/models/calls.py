"""Function calls put together from the pieces that chat-completions servers send. No I/O."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from orchestrator.server.models.door import CallPiece, ModelFault
from orchestrator.tools.kind import as_object


@dataclass(slots=True)
class _Call:
    """One call; `upstream_id` as the server knows it, `id` as we tell it. Told once its name is known."""

    index: int
    id: str
    upstream_id: str
    name: str = ""
    arguments: list[str] = field(default_factory=list[str])
    extra: Mapping[str, Any] | None = None

    def more(self, name: str, arguments: str, extra: Mapping[str, Any] | None = None) -> Iterator[CallPiece]:
        """The piece to tell, if there is anything new."""
        self.arguments.append(arguments)
        self.extra = extra or self.extra
        if not self.name and name:
            self.name = name
            yield CallPiece(
                index=self.index, id=self.id, name=name, arguments="".join(self.arguments), extra=self.extra
            )
        elif self.name and (arguments or extra):
            yield CallPiece(index=self.index, arguments=arguments, extra=extra)

    def complete(self) -> bool:
        """Whether the arguments are whole JSON, so that nothing can follow."""
        try:
            orjson.loads("".join(self.arguments))
        except orjson.JSONDecodeError:
            return False
        return True

    def continued_by(self, upstream_id: str, name: str, arguments: str) -> bool:
        """Whether a piece at the same index belongs to this call: some servers number all calls 0."""
        if not (name and self.name):
            return True
        if upstream_id and self.upstream_id:
            return upstream_id == self.upstream_id
        return name == self.name and not (arguments.strip() and self.complete())


class Calls:
    """The calls of one answer, numbered from 0 in the order in which they began."""

    def __init__(self, new_id: Callable[[], str] | None = None) -> None:
        self._new_id = new_id or (lambda: f"call_{secrets.token_hex(12)}")
        self._calls: list[_Call] = []
        self._at: dict[int, _Call] = {}  # the newest call at each index of the server

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._calls)

    def take(self, piece: Mapping[str, Any]) -> Iterator[CallPiece]:
        """What one element of `tool_calls` adds."""
        function = as_object(piece.get("function"))
        upstream_id, name = _word(piece.get("id")), _word(function.get("name"))
        arguments = _arguments(function.get("arguments"))
        index = piece.get("index")
        if isinstance(index, int):
            call = self._at.get(index)
            if call is None or not call.continued_by(upstream_id, name, arguments):
                call = self._at[index] = self._begin(upstream_id)
        else:
            call = self._unnumbered(upstream_id, name) or self._begin(upstream_id)
        yield from call.more(name, arguments, as_object(piece.get("extra_content")) or None)

    def rest(self) -> Iterator[CallPiece]:
        """At the end: a call without arguments has `{}`, so that it is JSON.

        Raises:
            ModelFault: a call never got a name.
        """
        for call in self._calls:
            if not call.name:
                raise ModelFault("The model called a function without naming it.")
            if not "".join(call.arguments).strip():
                yield CallPiece(index=call.index, arguments="{}")

    def _unnumbered(self, upstream_id: str, name: str) -> _Call | None:
        """Without an index, a known id or the lack of a name tells that a call goes on."""
        known = next((call for call in self._calls if upstream_id and call.upstream_id == upstream_id), None)
        if known or name or not self._calls:
            return known
        return self._calls[-1]

    def _begin(self, upstream_id: str) -> _Call:
        """A new call; an id that is missing or taken is made up."""
        free = upstream_id and all(call.id != upstream_id for call in self._calls)
        call = _Call(index=len(self._calls), id=upstream_id if free else self._new_id(), upstream_id=upstream_id)
        self._calls.append(call)
        return call


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""


def _arguments(value: object) -> str:
    """Arguments are JSON text; some servers send the object itself, or null."""
    if value is None or isinstance(value, str):
        return value or ""
    return orjson.dumps(value).decode()
