"""Every endpoint of the Assistant API, for all dialects: one file per resource, and here the map of them all.

The map is data: tests and documents of the whole server are made from `paths`.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.routing import BaseRoute, Router

from orchestrator.server.dialects.dialect import Dialect
from orchestrator.server.exchange import Endpoint, Services, Verb
from orchestrator.server.routes import assistants, files, histories, messages, runs, threads, usage
from orchestrator.server.routes.path import At, Below, Path, name, precedence, summary

__all__ = ["PATHS", "Below", "Path", "Verb", "name", "paths", "routes", "summary"]

ROOMS = (assistants, threads, histories, messages, runs, files, usage)
PATHS: tuple[Path, ...] = tuple(sorted((path for room in ROOMS for path in room.PATHS), key=precedence))


def paths(dialect: Dialect) -> tuple[Path, ...]:
    """The paths that a dialect has, below its base; the first that matches is taken."""
    return tuple(path for path in PATHS if path.only(dialect))


def routes(dialect: Dialect, services: Services, *, keepalive: float) -> BaseRoute:
    """All endpoints of a dialect below its base; a path that is none of them is answered in the dialect's words."""

    def endpoint(template: str, verbs: Mapping[str, Verb]) -> Endpoint:
        return Endpoint(services, dialect, verbs, route=dialect.base + template, keepalive=keepalive)

    router = Router(
        [At(path.template, endpoint(path.template, path.verbs)) for path in paths(dialect)],
        redirect_slashes=False,
        default=endpoint("/…", {}),
    )
    return Below(dialect.base, app=router)
