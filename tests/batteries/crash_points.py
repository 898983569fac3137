"""An apply that dies at every request: `python tests/batteries/crash_points.py [ASSISTANTS …]`, 60 and 200.

Creates all, and updates one half while a quarter is pruned; dies before and after each request, runs again, and looks
that nothing is there twice and a third run writes nothing. Ends with 1 if not. The last result is in crash_points.txt.
"""

import asyncio
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "reconcile"))

from worlds import Breaking, Died, breaking, converge, many, names

from orchestrator.reconcile.desired import Desired


async def holds(target: Breaking, wanted: list[Desired], at: int, *, after: bool, prune: bool) -> bool:
    target.arm(at, after=after, raises=Died)
    try:
        await converge(target, wanted, prune=prune)
    except* Died:
        died = True
    else:
        died = False
    target.arm(None, after=False, raises=Died)
    await converge(target, wanted, prune=prune)
    target.arm(None, after=False, raises=Died)
    third, _ = await converge(target, wanted, prune=prune)
    once = await names(target) == sorted(one.name for one in wanted)
    return died and once and third.empty and target.requests == 2


async def battery(title: str, first: list[Desired], wanted: list[Desired], *, prune: bool) -> int:
    whole = breaking()
    await converge(whole, first)
    stood = {id_: dict(one) for id_, one in whole.objects.items()}
    whole.arm(None, after=False, raises=Died)
    await converge(whole, wanted, prune=prune)
    began, wrong = time.monotonic(), 0
    for at in range(1, whole.requests + 1):
        for after in (False, True):
            target = breaking()
            for one in stood.values():
                target.put({name: value for name, value in one.items() if name not in ("id", "created_at")})
            wrong += not await holds(target, wanted, at, after=after, prune=prune)
    seconds = time.monotonic() - began
    print(f"{title:28} {2 * whole.requests:4} points, {wrong} did not converge, {seconds:.0f} s", flush=True)
    return wrong


async def main(sizes: list[int]) -> int:
    wrong = 0
    for size in sizes:
        half = [*many(size // 2, instructions="New."), *many(size - size // 4)[size // 2 :]]
        wrong += await battery(f"{size}: create", [], many(size), prune=False)
        wrong += await battery(f"{size}: update and prune", many(size), half, prune=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main([int(one) for one in sys.argv[1:]] or [60, 200])))
