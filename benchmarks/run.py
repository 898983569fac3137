"""All benchmarks, one after another; `make bench`. The last result is kept in benchmarks/RESULTS.md by hand."""

from __future__ import annotations

import apply
import first_token
import flat
import plan
import runs
import serve
import start

if __name__ == "__main__":
    for benchmark in (start, serve, apply, runs, flat, first_token, plan):
        benchmark.main()
