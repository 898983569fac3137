"""Which model serves which name: routes in order, the first match wins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Protocol, runtime_checkable

from orchestrator.server.models.door import Model


@runtime_checkable
class _Closable(Protocol):
    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """`match`: a model name or a glob over it (`*`, `?`, `[…]`), upper and lower case differ.

    `context_tokens`: how much the model takes, None: nobody knows; `told`: what the model is, for people.
    """

    match: str
    model: Model
    context_tokens: int | None = None
    told: str = "a model"


class Directory:
    """The `Models` of an environment. Owns its models: `close` closes them."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = tuple(routes)

    def find(self, name: str) -> Model | None:
        """The model of the first route that matches; None: none does."""
        route = self._route(name)
        return route and route.model

    def context_tokens(self, name: str) -> int | None:
        """How many tokens the model of a name takes, its answer included; None: nobody knows."""
        route = self._route(name)
        return route and route.context_tokens

    def _route(self, name: str) -> Route | None:
        return next((route for route in self.routes if fnmatchcase(name, route.match)), None)

    @property
    def told(self) -> list[str]:
        """Which model serves what, a line for each route, for people."""
        return [f"{route.match} → {route.told}" for route in self.routes]

    async def close(self) -> None:
        """Close each model once, whichever routes share it."""
        for model in {id(route.model): route.model for route in self.routes}.values():
            if isinstance(model, _Closable):
                await model.close()
