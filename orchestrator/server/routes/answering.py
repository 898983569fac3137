"""What verbs have in common: pages that are asked for, lists and streams that are answered."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.server.dialects.dialect import Out
from orchestrator.server.exchange import Ask
from orchestrator.server.records import Page
from orchestrator.server.service.listing import Listed
from orchestrator.server.stream import Told
from orchestrator.wire.faults import BAD_LIMIT, BAD_ORDER, invalid

_LIMIT = re.compile(r"[0-9]{1,3}")


def page(query: Mapping[str, str]) -> Page:
    """The part of a list that a query asks for. Raises: Fault."""
    limit, order = query.get("limit", "20"), query.get("order", "desc")
    if not _LIMIT.fullmatch(limit) or not 1 <= int(limit) <= 100:
        raise invalid(BAD_LIMIT, "limit")
    if order not in ("asc", "desc"):
        raise invalid(BAD_ORDER, "order")
    cursors = {"after": query.get("after") or None, "before": query.get("before") or None}
    return Page(limit=int(limit), descending=order == "desc", **cursors)


def listed(ask: Ask, found: Listed[Any], show: Callable[[Any], Out]) -> Out:
    """A page of a list as the dialect shows it."""
    return ask.shows.listed([show(item) for item in found.items], found.has_more)


def told(ask: Ask, run_id: str, *, after: int) -> Told:
    """The events of a run from the one behind `after` on, as a stream."""
    return Told(run_id=run_id, events=ask.services.runs.events(run_id, after))
