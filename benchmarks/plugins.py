"""Plug-ins: what a call costs beyond its function, what hung functions cost others, and reloading under load.

`python benchmarks/plugins.py [OPENAPI.json …]`: with documents also how long each takes to be read.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from orchestrator.functions import Declaration, Options, Registry, Unit, function_of, load
from orchestrator.functions.openapi.document import read
from orchestrator.functions.openapi.operations import ids
from orchestrator.functions.performing import Stage

CALL = '{"a": 1, "b": 2}'


async def add(a: int, b: int) -> int:
    return a + b


def add_in_thread(a: int, b: int) -> int:
    return a + b


def registry(*targets: Callable[..., Any]) -> Registry:
    functions = tuple(function_of(Declaration(callable=t, options=Options()), unit="demo") for t in targets)
    return Registry.of([Unit(name="demo", functions=functions)])


async def best(call: Callable[[], Awaitable[Any]], times: int) -> float:
    """Microseconds of one call, the best of five rounds."""
    rounds: list[float] = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(times):
            await call()
        rounds.append((time.perf_counter() - began) / times)
    return min(rounds) * 1e6


async def overhead() -> None:
    stage, functions = Stage(), registry(add, add_in_thread)
    bare = await best(lambda: add(1, 2), 20_000)
    on_loop = await best(lambda: stage.call(functions, "demo.add", CALL), 10_000)
    in_thread = await best(lambda: stage.call(functions, "demo.add_in_thread", CALL), 3_000)
    await stage.close()
    print(f"call of a coroutine function: {on_loop - bare:.1f} µs over the bare one (aim ≤ 25)")
    print(f"call of a plain function in a thread: {in_thread:.1f} µs (aim ≤ 150)")


async def hung() -> None:
    free = threading.Event()

    def hangs() -> None:
        free.wait(30)

    stage, functions = Stage(), registry(hangs, add_in_thread)
    waiting = [asyncio.ensure_future(stage.call(functions, "demo.hangs", "")) for _ in range(40)]
    await asyncio.sleep(0.2)
    delays: list[float] = []
    for _ in range(20):
        began = time.perf_counter()
        await stage.call(functions, "demo.add_in_thread", CALL)
        delays.append(time.perf_counter() - began)
    free.set()
    await asyncio.gather(*waiting)
    await stage.close()
    print(f"beside 40 hung functions another takes {max(delays) * 1000:.1f} ms at most (aim ≤ 50)")


CODE = """from orchestrator import tool
from ._shared import VERSION

@tool
def fNUMBER(a: int = 1) -> list[int]:
    'Tell.'
    before = VERSION
    return [before, WORD, VERSION]
"""


def code(number: int, version: int) -> str:
    return CODE.replace("NUMBER", str(number)).replace("WORD", str(version))


def reloading() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "_shared.py").write_text("VERSION = 0\n")
        (folder / "p0.py").write_text(code(0, 0))
        current = load(folder).registry
        stop, calls, wrong = threading.Event(), [0], [0]

        def hammer() -> None:
            async def run() -> None:
                stage = Stage()
                while not stop.is_set():
                    output = await stage.call(current, "p0.f0", "{}")
                    calls[0] += 1
                    wrong[0] += not output.ok or len(set(output.text.strip("[]").split(","))) != 1
                await stage.close()

            asyncio.run(run())

        thread = threading.Thread(target=hammer)
        thread.start()
        sizes: list[int] = []
        for version in range(1, 201):
            (folder / "_shared.py").write_text(f"VERSION = {version}\n")
            (folder / "p0.py").write_text(code(0, version))
            current = load(folder, current).registry
            if version % 50 == 0:
                gc.collect()
                sizes.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        stop.set()
        thread.join()
        more = (sizes[-1] - sizes[0]) / 1024
        print(f"200 reloads under {calls[0]} calls: {wrong[0]} failed or mixed; {more:.1f} MiB more")


def among_1000() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "_shared.py").write_text("VERSION = 0\n")
        for number in range(1000):
            (folder / f"p{number}.py").write_text(code(number, 0))
        current = load(folder).registry
        times: list[float] = []
        for version in range(1, 12):
            (folder / "p7.py").write_text(code(7, version))
            began = time.perf_counter()
            new = load(folder, current).registry
            times.append(time.perf_counter() - began)
            assert new is not current
            current = new
        print(f"one changed file among 1,000: {statistics.median(times) * 1000:.1f} ms (aim ≤ 10)")


def documents(names: list[str]) -> None:
    for name in names:
        text = Path(name).read_bytes()
        began = time.process_time()
        count = len(ids(read(text)))
        seconds = time.process_time() - began
        print(f"{Path(name).name}: {count} operations read in {seconds:.3f} s CPU (aim ≤ 0.2 for 500)")


if __name__ == "__main__":
    asyncio.run(overhead())
    asyncio.run(hung())
    reloading()
    among_1000()
    documents(sys.argv[1:])
