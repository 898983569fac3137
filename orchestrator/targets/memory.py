"""A target in a dictionary: for tests and dry runs.

It keeps what would stand on the wire, so that it forgets and normalises as a real one does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import anyio.lowlevel
import orjson

from orchestrator.errors import NotFound, Rejected
from orchestrator.reconcile.body import Body
from orchestrator.reconcile.observed import Observed
from orchestrator.reconcile.stamp import Stamp
from orchestrator.targets.dashscope import DashScope
from orchestrator.targets.dialect import Dialect, check_cleared
from orchestrator.wire.faults import MISSING

_FIRST = 1_700_000_000_000  # ms, the hour at which its time begins
Hook = Callable[[str, int], None]  # the method's name; the request's number, from 1


def _nothing(_method: str, _number: int) -> None:
    return


class MemoryTarget:
    """Implements `reconcile.observed.Target`.

    `objects` holds the JSON by id, oldest first; edit it to play the colleague who changes things by hand. `before`
    and `after` are called around each request and may raise: before, nothing was carried out; after, the answer is
    lost.
    """

    def __init__(self, *, dialect: Dialect | None = None, before: Hook = _nothing, after: Hook = _nothing) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self._dialect = dialect or DashScope()
        self._hooks = (before, after)
        self._made = 0
        self._asked = 0

    async def observe(self) -> Sequence[Observed]:
        """Every assistant, oldest first."""
        return await self._request("observe", lambda: [self._dialect.decode(one) for one in self.objects.values()])

    async def create(self, body: Body, stamp: Stamp) -> Observed:
        """Make one."""
        wire = self._wire(body, stamp)
        return await self._request("create", lambda: self._dialect.decode(self.put(wire)))

    async def update(self, id: str, body: Body, stamp: Stamp | None) -> Observed:
        """Write the fields of `body`, leave the others."""
        hears = self._dialect.null_clears
        wire = {name: value for name, value in self._wire(body, stamp).items() if hears or value is not None}
        observed = await self._request("update", lambda: self._dialect.decode(self._change(id, wire)))
        check_cleared(body, observed)
        return observed

    async def delete(self, id: str) -> None:
        """Remove one; one that is gone already is fine."""
        await self._request("delete", lambda: self.objects.pop(id, None))

    async def close(self) -> None:
        """Nothing to let go of."""

    def put(self, wire: dict[str, Any]) -> dict[str, Any]:
        """Store the JSON of an assistant that somebody made; returns it with its new id."""
        self._made += 1
        id = f"asst_{self._made:08d}"  # noqa: A001 - the API's own word
        times = {"object": "assistant", "created_at": _FIRST + self._made}
        self.objects[id] = {**wire, "id": id, **times}
        return self.objects[id]

    def _wire(self, body: Body, stamp: Stamp | None) -> dict[str, Any]:
        """The body after its journey over the wire: nothing in it is shared with the sender."""
        try:
            return orjson.loads(orjson.dumps(self._dialect.encode(body, stamp)))
        except orjson.JSONEncodeError as error:
            raise Rejected(f"The request cannot be written as JSON: {error}.", sent=False) from error

    def _change(self, id: str, wire: dict[str, Any]) -> dict[str, Any]:
        if id not in self.objects:
            raise NotFound(MISSING["assistant"])
        self.objects[id] |= wire
        return self.objects[id]

    async def _request(self, method: str, carry_out: Callable[[], Any]) -> Any:
        self._asked += 1
        number = self._asked
        before, after = self._hooks
        await anyio.lowlevel.checkpoint()
        before(method, number)
        result = carry_out()
        after(method, number)
        return result
