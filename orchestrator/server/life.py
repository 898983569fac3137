"""Where the server stands in its life: it works, or it is about to stop."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Life:
    """Shared by those who let work in. `stopping`: nothing new is begun; what is there can still be read."""

    stopping: bool = False
