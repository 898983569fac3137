"""The tokens that a run may spend over all its turns: `max_prompt_tokens` and `max_completion_tokens`. No I/O.

A run that has spent more, or would have nothing left for its next turn, ends as `incomplete`. What counts is what the
model says it used: with a model that does not say, only the completion is bounded, turn by turn.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.server.models.door import ModelRequest
from orchestrator.server.records import Json, Run, Step

LIMITS = {"max_prompt_tokens": "prompt_tokens", "max_completion_tokens": "completion_tokens"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What is left, by the name of the limit; it may be less than nothing. A limit that was not set has no entry."""

    left: dict[str, int]

    @property
    def used_up(self) -> str | None:
        """The limit that leaves nothing for a further turn."""
        return next((name for name, left in self.left.items() if left <= 0), None)

    @property
    def exceeded(self) -> str | None:
        """The limit that was not kept."""
        return next((name for name, left in self.left.items() if left < 0), None)

    def less(self, usage: Json | None) -> Allowance:
        """What is left after a turn."""
        spent = usage or {}
        return Allowance(left={name: left - int(spent.get(LIMITS[name], 0)) for name, left in self.left.items()})

    def bound(self, request: ModelRequest) -> ModelRequest:
        """The turn's request with the completion that is left as `max_tokens`, unless that is smaller already."""
        if not self.bounds(request):
            return request
        bound = max(1, self.left["max_completion_tokens"])
        return dataclasses.replace(request, settings={**request.settings, "max_tokens": bound})

    def bounds(self, request: ModelRequest) -> bool:
        """Whether it is this limit that cuts the turn's answer, and not the assistant's own `max_tokens`."""
        left, asked = self.left.get("max_completion_tokens"), request.settings.get("max_tokens")
        return left is not None and (asked is None or left <= asked)


def allowance(run: Run, steps: Iterable[Step]) -> Allowance:
    """What the run may still spend after these steps."""
    granted = {name: run.options[name] for name in LIMITS if isinstance(run.options.get(name), int)}
    left = Allowance(left=granted)
    if granted:
        for step in steps:
            left = left.less(step.usage)
    return left
