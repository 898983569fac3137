"""Schemathesis for long: `python tests/batteries/schemathesis.py [SECONDS [SEED]]`, 600 seconds by default.

All phases against a server with keys, from Schemathesis' point of view an application of which it knows the OpenAPI
document and a key. Ends with 1 if it found something. The last result is kept in schemathesis.txt.
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "server"))

from program import SERVE, new_key, program
from test_schemathesis import drive

ROOT = str(Path(__file__).parents[2])


def main(seconds: int = 600, seed: int | None = None) -> int:
    seed = int(time.time()) if seed is None else seed
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        key = new_key(folder)
        with program(folder, *SERVE) as server:
            options = ("--max-time", str(seconds), "--seed", str(seed), "--header", f"Authorization: Bearer {key}")
            printed, cases = drive(server.url, folder, *options, patience=seconds + 300)
            print("\n".join(line for line in printed.splitlines() if ROOT not in line and name not in line))
            print(f"seed {seed}: {cases}; the server took {server.peak / 2**20:.0f} MB at most")
            traces = server.traces
    print(f"{len(traces)} traces\n" + "\n".join(traces[:3]))
    return 1 if cases["with_failures"] or cases["errored"] or traces else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
