"""Which request can follow which: the ids that an answer gives, and the places that need them. For `openapi.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_BODY = "$response.body#/"
_ID = _BODY + "id"
_THREAD, _RUN = {"thread": "$request.path.thread"}, {"run": "$request.path.run"}

# verb → name of an id in paths → where it stands; a dialect may say otherwise (`Contract.produces`)
PRODUCES: Mapping[str, Mapping[str, str]] = {
    "create_assistant": {"assistant": _ID},
    "attach_file": {"assistant": "$request.path.assistant", "file": _ID},
    "create_thread": {"thread": _ID},
    "create_message": {**_THREAD, "message": _ID},
    "create_run": {**_THREAD, "run": _ID},
    "create_thread_and_run": {"thread": _BODY + "thread_id", "run": _ID},
    "list_steps": {**_THREAD, **_RUN, "step": _BODY + "data/0/id"},
}

# (verb, verb that follows) → body of the latter, laid over what else it holds
_BODIES: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("create_assistant", "create_thread_and_run"): {"assistant_id": _ID},
    ("create_thread_and_run", "create_run"): {"assistant_id": _BODY + "assistant_id"},
    ("get_run", "create_run"): {"assistant_id": _BODY + "assistant_id"},
}
_ALSO = {("get_run", "submit_tool_outputs"), ("get_run", "cancel_run")}  # what a look at a run is for
_PATHS: Mapping[str, Mapping[str, str]] = {"get_run": {"thread": _BODY + "thread_id", "run": _ID}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A request that can follow: `verb`, the ids of its path, fields of its body."""

    verb: str
    ids: Mapping[str, str]
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])


def links(verb: str, produced: Mapping[str, str], others: Mapping[str, frozenset[str]]) -> Iterator[Link]:
    """What can follow a verb that produces these ids. `others`: the ids that each verb's path needs."""
    news = {name for name, where in produced.items() if where.startswith(_BODY)}
    known = {**produced, **_PATHS.get(verb, {})}
    for other, needed in others.items():
        body = _BODIES.get((verb, other), {})
        if needed <= known.keys() and (needed & news or body or (verb, other) in _ALSO):
            yield Link(verb=other, ids={name: known[name] for name in sorted(needed)}, body=body)
