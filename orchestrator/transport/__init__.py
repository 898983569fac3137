"""The one room that speaks HTTP as a client: `Client` to where the operator sends us, `outside` to where others do.

The addresses of targets and models come from the operator, so `Client` connects to whatever it is told. Those of
plug-ins, of documents by URL and of what a model asks for are hostile ground: `outside` reaches what a `Reach`
allows, and no private address behind a public name. Names are imported when they are first used: who only reads what
a permission says does not pay for an HTTP client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.transport.client import MAX_ANSWER, NOTHING, Answer, Client, Lines, Stalled, carried
    from orchestrator.transport.guarded import Bounds, NotConnected, Unanswered, outside
    from orchestrator.transport.reach import Origin, Reach

__all__ = [
    "MAX_ANSWER",
    "NOTHING",
    "Answer",
    "Bounds",
    "Client",
    "Lines",
    "NotConnected",
    "Origin",
    "Reach",
    "Stalled",
    "Unanswered",
    "carried",
    "outside",
]

_HOMES: dict[str, str] = {
    "Bounds": "guarded",
    "NotConnected": "guarded",
    "Unanswered": "guarded",
    "outside": "guarded",
    "Origin": "reach",
    "Reach": "reach",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'client')}"), name)
