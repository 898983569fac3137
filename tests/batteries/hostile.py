"""Many hostile requests over real sockets: `python tests/batteries/hostile.py [NUMBER [SEED]]`, 10,000 by default.

Prints what became of them; ends with 1 if one did harm. The last result is kept in hostile.txt.
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "server"))

from program import SERVE, program
from siege import Siege

from orchestrator.server.dialects import DIALECTS


def main(number: int = 10_000, seed: int | None = None) -> int:
    seed = int(time.time()) if seed is None else seed
    with tempfile.TemporaryDirectory() as folder, program(Path(folder), *SERVE) as server:
        siege = Siege(server.url, bases=tuple(dialect.base for dialect in DIALECTS))
        began = time.monotonic()
        verdict = siege.send(number, seed)
        print(f"{number} hostile requests, seed {seed}, {time.monotonic() - began:.0f} s")
        print(verdict)
        siege.converse()
        siege.close()
        traces = server.traces
        print(f"the server took {server.peak / 2**20:.0f} MB at most")
        print(f"{len(traces)} traces; a conversation in each dialect went well afterwards")
        print("\n".join(traces[:3]))
    return 1 if verdict.complaints or traces else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
