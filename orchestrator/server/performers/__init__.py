"""Performers that come with the server, one file per kind of tool. The first that performs a call answers it."""

from __future__ import annotations

from orchestrator.server.performers.door import Performer
from orchestrator.server.performers.unavailable import Unavailable

PERFORMERS: tuple[Performer, ...] = (
    Unavailable(),  # last: claims every built-in kind that nobody above performs
)

__all__ = ["PERFORMERS", "Unavailable"]
