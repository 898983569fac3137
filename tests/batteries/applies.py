"""Applies killed, interrupted and raced: `python tests/batteries/applies.py [KILLS [INTERRUPTS [RACES [SEED]]]]`.

Reliability matrix A3 (50 kills), A24 (100 interrupts), A18 (500 races). Half of the kills hit creates, which may cost
a grace window of a minute each. Ends with an error at the first thing that is lost, doubled or unknown. The last result
is kept in applies.txt.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "journeys"))

from mortal_apply import Fleet, interrupt_once, kill_once, race_once
from shell import running


def main(kills: int = 50, interrupts: int = 100, races: int = 500, seed: int = 1) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "far").mkdir()
        with running("serve", "--port", "0", cwd=folder / "far") as far:
            began = time.monotonic()
            settled = Fleet(folder / "settled", far, 100)
            settled.check()
            for nth in range(kills):
                kill_once(settled if nth % 2 else Fleet(folder / f"k{nth}", far, 60), seed + nth)
            print(f"{kills} kills, all brought to their end: {time.monotonic() - began:.0f} s", flush=True)
            began = time.monotonic()
            for nth in range(interrupts):
                interrupt_once(settled, seed + nth)
            print(f"{interrupts} interrupts, each over within 5 s: {time.monotonic() - began:.0f} s", flush=True)
            began, raced = time.monotonic(), Fleet(folder / "raced", far, 10)
            codes = Counter(race_once(raced, seed + nth) for nth in range(races))
            print(f"{races} races, exit codes {dict(codes)}, nothing twice: {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
