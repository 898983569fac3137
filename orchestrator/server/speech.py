"""The text of a turn on its way into the store: while one write is under way, what comes next is gathered."""

from __future__ import annotations

import asyncio
from functools import partial

from orchestrator.server import moves
from orchestrator.server.entry import Spoken
from orchestrator.server.hub import Hub
from orchestrator.server.ids import Clock
from orchestrator.server.records import Run
from orchestrator.server.store.door import Store
from orchestrator.server.turns import clean


class Speech:
    """The first piece is written at once, with its step and message; an answer that came at once, with its end."""

    def __init__(self, store: Store, hub: Hub, run: Run, *, clock: Clock, step_id: str, message_id: str) -> None:
        self._store = store
        self._hub = hub
        self._run = run
        self._clock = clock
        self._step_id = step_id
        self._message_id = message_id
        self._pieces: list[str] = []
        self._told = 0  # pieces that are written, or under way
        self._writing: asyncio.Task[None] | None = None
        self._ended = False
        self._error: BaseException | None = None

    def add(self, text: str) -> None:
        """More text. Raises: what kept the text before it from the store, `Lost` above all."""
        if self._error is not None:
            raise self._error
        self._pieces.append(clean(text))
        self._write()

    async def end(self, *, silent: bool) -> Spoken | None:
        """The whole text, with what was not written yet; None when nothing was said and `silent` allows that."""
        self._ended = True
        await self.settled()
        if self._error is not None:
            raise self._error
        return None if silent and not self._pieces else self._spoken(self._told, len(self._pieces))

    async def settled(self) -> None:
        """Wait until nothing is under way; without `end` before it, until all is written."""
        while self._writing is not None:
            await asyncio.wait({self._writing})
            await asyncio.sleep(0)  # its callback comes first

    def _spoken(self, start: int, end: int) -> Spoken:
        return Spoken(
            step_id=self._step_id,
            message_id=self._message_id,
            text="".join(self._pieces[:end]),
            rest="".join(self._pieces[start:end]),
            begun=start > 0,
        )

    def _write(self) -> None:
        if self._writing is None and not self._ended and self._error is None and self._told < len(self._pieces):
            self._writing = asyncio.create_task(self._put())
            self._writing.add_done_callback(self._written)

    async def _put(self) -> None:
        """Write what there is by now. If the turn has ended meanwhile, it is written with the turn's end instead."""
        if self._ended:
            return
        start, self._told = self._told, len(self._pieces)
        if start:
            more = "".join(self._pieces[start:])
            unit = partial(moves.say, run=self._run, message_id=self._message_id, text=more)
        else:
            unit = partial(moves.begin_text, run=self._run, spoken=self._spoken(0, self._told), now=self._clock())
        await self._store.write(unit)
        self._hub.tell(self._run.id)

    def _written(self, task: asyncio.Task[None]) -> None:
        self._writing = None
        self._error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if self._error is None:
            self._write()
