"""The loop: look when something is hinted at, when something is to be tried again, and every few minutes anyway."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from orchestrator.controller import status
from orchestrator.controller.cycle import Cycle
from orchestrator.controller.status import Board
from orchestrator.embedded import Functions
from orchestrator.errors import Locked, ManifestsInvalid, OrchestratorError, PluginsInvalid, TargetError
from orchestrator.reconcile.desired import Desired
from orchestrator.reconcile.plans import Plan
from orchestrator.reconcile.results import Result
from orchestrator.workspace import Workspace

RESYNC = 300.0  # seconds
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds between two looks at a target that is down
SAY_AGAIN = 60.0  # seconds before the same trouble is told once more


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """How the controller is heard: sentences, plans about to be carried out, and what became of them."""

    say: Callable[[str], None]
    plan: Callable[[Workspace, Plan], None]
    results: Callable[[list[Result]], None]


class Controller:
    """Keeps a target in line with a folder. `ready`: the last look succeeded; `board`: what is known of each assistant.

    `functions` gets what the files say as soon as they are read, so that new runs have the new code.
    """

    def __init__(
        self,
        work: Workspace,
        functions: Functions | None,
        voice: Voice,
        *,
        clock: Callable[[], float] = time.time,
        resync: float = RESYNC,
    ) -> None:
        self.work = work
        self.board = Board()
        self.ready = False
        self._functions = functions
        self._voice = voice
        self._clock = clock
        self._resync = resync
        self._cycle = Cycle(self.board, clock, voice.say)
        self._hint = asyncio.Event()
        self._pause = FIRST_PAUSE
        self._told: dict[str, float] = {}

    def nudge(self, reason: str) -> None:
        """Something may have changed: look soon. `reason` is for people."""
        self._hint.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Look again and again until `stop`; the first look is that of whoever starts the loop."""
        while not stop.is_set():
            hinted = await self._wait(stop)
            if not stop.is_set():
                await self.look(read=hinted)

    async def look(self, *, read: bool = True) -> bool:
        """One look, of the files too if `read`; whether all that was to be done is done. What goes wrong is told."""
        try:
            return await self._look(read=read)
        finally:
            status.write(self.work.settings.data, self.board.all, at=self._clock(), ready=self.ready)

    async def _look(self, *, read: bool) -> bool:
        try:
            if read:
                await self._read()
            async with self.work.target() as target:
                results = await self._cycle.look(
                    self.work, target, show=lambda planned: self._voice.plan(self.work, planned), aloud=not read
                )
        except (ManifestsInvalid, PluginsInvalid) as error:
            self._tell(f"The files cannot be used; what was applied stays. {error}")
            return False
        except (TargetError, Locked) as error:
            self.ready = False
            self._tell(f"{error.code}: {error.message}")
            self._pause = min(LONGEST_PAUSE, self._pause * 2)
            return False
        except OrchestratorError as error:
            self._tell(f"error {error.code}: {error.message}" + (f"\n  hint: {error.hint}" if error.hint else ""))
            return False
        self.ready, self._pause = True, FIRST_PAUSE
        if results:
            self._voice.results(results)
        return all(result.done for result in results)

    async def _read(self) -> None:
        """Read the files anew; what is wrong in them is told once, until it changes.

        Raises:
            ManifestsInvalid: the environment itself cannot be used.
        """
        new = await asyncio.to_thread(Workspace.read, self.work.settings, self.work)
        wrong = [str(one) for one in new.diagnostics if one.severity == "error"]
        if wrong and wrong != [str(one) for one in self.work.diagnostics if one.severity == "error"]:
            self._voice.say("\n".join(wrong))
        if self._functions is not None:
            last: Mapping[str, Desired] = (
                self._functions.snapshot.desired if wrong else {}
            )  # what is broken now answers as it did before
            snapshot = new.snapshot()
            self._functions.snapshot = replace(snapshot, desired={**last, **snapshot.desired})
        self.work = new

    async def _wait(self, stop: asyncio.Event) -> bool:
        """Wait for a hint or until it is time; whether there was a hint, or all is to be read again anyway."""
        now, resync = self._clock(), self._resync * random.uniform(0.9, 1.1)  # noqa: S311 (spreads load)
        again = self._cycle.next_try
        seconds = min(resync, max(0.05, again - now) if again is not None else resync)
        if not self.ready:
            seconds = min(seconds, self._pause)
        waits = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(self._hint.wait())]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
        hinted = self._hint.is_set()
        self._hint.clear()
        return hinted or seconds == resync

    def _tell(self, text: str) -> None:
        """Say something, but the same not more than once a minute."""
        now = self._clock()
        if now - self._told.get(text, -SAY_AGAIN) >= SAY_AGAIN:
            self._told = {known: at for known, at in self._told.items() if now - at < SAY_AGAIN}
            self._told[text] = now
            self._voice.say(text)
