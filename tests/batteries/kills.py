"""A server killed again and again: `python tests/batteries/kills.py [KILLS [RUNS [SEED]]]`, 50 kills in 200 runs.

Prints what became of the runs; ends with 1 if something was lost or done twice. The last result is kept in kills.txt.
"""

import asyncio
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "server"))

from invariants import Ledger
from ordeal import Ordeal, verdict


async def main(kills: int = 50, runs: int = 200, seed: int | None = None) -> int:
    seed = int(time.time()) if seed is None else seed
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ordeal = Ordeal(folder, runs=runs, kills=kills, seed=seed)
        began = time.monotonic()
        await ordeal.live()
        wrong = verdict(ordeal)
        print(f"{ordeal.kills} kills in {runs} runs, seed {seed}, {time.monotonic() - began:.0f} s;", end=" ")
        print(f"all was over {ordeal.seconds:.1f} s after the last start")
        ledger = Ledger(folder / "data" / "server.db")
        statuses = ledger.statuses()
        for (kind, status), number in sorted(Counter((job.kind, statuses.get(job.run)) for job in ordeal.jobs).items()):
            print(f"{number:5} {kind:10} {status}")
        outputs = Counter("unknown" if "outcome_unknown" in (c["output"] or "") else "told" for c in ledger.calls())
        print(f"calls: {dict(outputs)}; {len(set((folder / 'sink').read_text().split()))} notes, none twice")
        ledger.close()
    print("\n".join([*wrong[:20], f"{len(wrong)} complaints"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*map(int, sys.argv[1:]))))
