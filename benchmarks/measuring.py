"""What the benchmarks share: interleaved pairs, medians, CPU of a child process. Ratios are what counts."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time

ROOT = Path(__file__).parents[1]
PYTHON = sys.executable


def cpu_of(command: Sequence[str]) -> float:
    """CPU seconds of a process and its children, from start to end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of a function in this process."""
    start = process_time()
    work()
    return process_time() - start


def paired(first: Callable[[], float], second: Callable[[], float], rounds: int) -> tuple[float, float, float]:
    """Medians of both, and of their ratio first/second, measured in turn; one round before does not count."""
    first(), second()
    pairs = [(first(), second()) for _ in range(rounds)]
    ratios = [a / b for a, b in pairs]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs), statistics.median(ratios)
