"""The controller: what is declared and what is there are looked at again and again, and brought in line.

`loop.Controller` is level-based: an event is a hint to look, never what is acted upon. `cycle` is one look and what is
done about it, `status` what is known of each assistant, `watching` turns changes on disk into hints.
"""

from __future__ import annotations

from orchestrator.controller.loop import Controller
from orchestrator.controller.status import State, Status

__all__ = ["Controller", "State", "Status"]
