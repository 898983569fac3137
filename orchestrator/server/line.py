"""The line in which runs wait for a place: workspaces take turns, so that a thousand runs of one delay nobody else.

A workspace that holds its share of the places stands aside until one of its runs gives its place back: there is
always room for the others. Who comes next depends on nothing but the order of the calls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from dataclasses import dataclass

from orchestrator.server.telemetry.instruments import NOWHERE, Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A run in line. `orphan`: it is to be taken over from an owner that died; `origin`: who asked for it."""

    run_id: str
    workspace: str
    orphan: bool = False
    origin: Origin = NOWHERE


class Line:
    """Who waits, and how many places each workspace holds. `share`: the most that one may hold."""

    def __init__(self, share: int) -> None:
        self._share = share
        self._turns: dict[str, dict[str, Waiting]] = {}  # workspace → its runs; both in order
        self._aside: dict[str, dict[str, Waiting]] = {}  # the same, of workspaces that hold their share
        self._held: Counter[str] = Counter()

    def __len__(self) -> int:
        return sum(map(len, (*self._turns.values(), *self._aside.values())))

    def add(self, run: Waiting) -> None:
        """Let a run wait at the end of its workspace's line; one that waits keeps its place, an orphan stays one."""
        line = self._line(run.workspace)
        if run.orphan or run.run_id not in line:
            line[run.run_id] = run

    def take(self, busy: Container[str] = ()) -> Waiting | None:
        """The next run that is not `busy`, and a place for it; None: nobody may begin."""
        for workspace, line in self._turns.items():
            found = next((run for run_id, run in line.items() if run_id not in busy), None)
            if found is not None:
                del line[found.run_id]
                self._held[workspace] += 1
                self._to_the_end(workspace)
                return found
        return None

    def admit(self, workspace: str) -> bool:
        """Take a place without waiting, if nobody waits who could have it and the workspace's share allows it."""
        if self._turns or self._held[workspace] >= self._share:
            return False
        self._held[workspace] += 1
        return True

    def give_back(self, workspace: str) -> None:
        """A run of the workspace gives up its place."""
        self._held[workspace] -= 1
        if self._held[workspace] <= 0:
            del self._held[workspace]
        if workspace in self._aside:
            self._turns[workspace] = self._aside.pop(workspace)

    def _line(self, workspace: str) -> dict[str, Waiting]:
        if workspace in self._aside:
            return self._aside[workspace]
        return (self._turns if self._held[workspace] < self._share else self._aside).setdefault(workspace, {})

    def _to_the_end(self, workspace: str) -> None:
        """After its turn a workspace waits behind all others, stands aside, or is gone."""
        line = self._turns.pop(workspace)
        if line:
            (self._turns if self._held[workspace] < self._share else self._aside)[workspace] = line
