"""Tokens as steps and runs keep them, and their sums. No I/O.

A usage has prompt_tokens, completion_tokens and total_tokens; cached_tokens (of the prompt) and reasoning_tokens (of
the completion) only where the model's endpoint told of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orchestrator.server.models.door import Spent
from orchestrator.server.records import Json

COUNTED = ("prompt_tokens", "completion_tokens", "total_tokens")
PARTS = ("cached_tokens", "reasoning_tokens")
COUNTS = ("runs", "turns", *COUNTED, *PARTS)  # of an account: runs that ended, turns with their tokens


def of(spent: Spent) -> Json:
    """The usage of a turn. A total that is less than its parts is wrong, one that is more counts something else too."""
    least = spent.prompt_tokens + spent.completion_tokens
    parts = {name: getattr(spent, name) for name in PARTS}
    return {
        "prompt_tokens": spent.prompt_tokens,
        "completion_tokens": spent.completion_tokens,
        "total_tokens": max(least, spent.total_tokens or 0),
        **{name: count for name, count in parts.items() if count is not None},
    }


def total(usages: Iterable[Json | None]) -> Json:
    """The sum; a part that nobody told of is left out."""
    known = [usage for usage in usages if usage]
    parts = [name for name in PARTS if any(name in usage for usage in known)]
    return {name: sum(usage.get(name, 0) for usage in known) for name in (*COUNTED, *parts)}


def details(usage: Json) -> dict[str, Any]:
    """The parts that are known, as the wire has them: `{"prompt_tokens_details": {"cached_tokens": 7}}`."""
    wholes = zip(COUNTED, PARTS, strict=False)
    return {f"{whole}_details": {part: usage[part]} for whole, part in wholes if part in usage}
