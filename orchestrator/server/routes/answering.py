"""What verbs have in common: pages that are asked for, lists and streams that are answered."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from orchestrator.server.dialects.dialect import Out
from orchestrator.server.dialects.fields import Fields
from orchestrator.server.exchange import Ask
from orchestrator.server.records import Json, Page, Run
from orchestrator.server.service.listing import Listed
from orchestrator.server.stream import Told
from orchestrator.wire.faults import BAD_LIMIT, BAD_ORDER, Fault, invalid
from orchestrator.wire.ids import kept

_SEQ = re.compile(r"[0-9]{1,15}")
_LIMIT = re.compile(r"[0-9]{1,3}")


def page(query: Mapping[str, str]) -> Page:
    """The part of a list that a query asks for. Raises: Fault."""
    limit, order = query.get("limit", "20"), query.get("order", "desc")
    if not _LIMIT.fullmatch(limit) or not 1 <= int(limit) <= 100:
        raise invalid(BAD_LIMIT, "limit")
    if order not in ("asc", "desc"):
        raise invalid(BAD_ORDER, "order")
    cursors = {word: kept(query[word]) for word in ("after", "before") if query.get(word)}
    return Page(limit=int(limit), descending=order == "desc", **cursors)


def listed(ask: Ask, found: Listed[Any], show: Callable[[Any], Out]) -> Out:
    """A page of a list as the dialect shows it."""
    return ask.shows.listed([show(item) for item in found.items], found.has_more)


@dataclass(frozen=True, slots=True)
class Hearing:
    """How the client wants to hear of a run: as a stream or not; is the run cancelled when it leaves the stream?

    The latter is an extension of ours, the field `cancel_on_disconnect`.
    """

    stream: bool
    cancel: bool

    @classmethod
    def read(cls, ask: Ask, body: Json) -> Hearing:
        """What the body says; a stream gets its place at once, before anything is done. Raises: Fault."""
        hearing = cls(ask.reads.wants_stream(body), Fields(body).flag("cancel_on_disconnect"))
        if hearing.stream:
            ask.guest.sit()
        return hearing

    def answer(self, ask: Ask, run: Run, *, after: int = 0) -> Out | Told:
        """The run, or its events from the one behind `after` on."""
        if not self.stream:
            return ask.shows.record(run)
        leave = partial(_cancel, ask, run) if self.cancel else None
        return Told(run_id=run.id, events=ask.services.runs.news(run.id, after), on_leave=leave)


def last_event(ask: Ask) -> int:
    """The number of the event that the client heard last; 0: it heard none. Raises: Fault."""
    given = ask.headers.get("last-event-id") or ask.query.get("after") or "0"
    if not _SEQ.fullmatch(given):
        raise invalid("Last-Event-ID must be the id of an event of this stream.", "after")
    return int(given)


async def _cancel(ask: Ask, run: Run) -> None:
    with suppress(Fault):  # it has come to another end
        await ask.services.runs.cancel(run.workspace, run.thread_id, run.id)
