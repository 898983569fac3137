"""200 runs of every kind in both dialects while the server is killed five times; `batteries/kills.py` for fifty."""

from pathlib import Path

from ordeal import Ordeal, verdict


async def test_a_server_that_is_killed_loses_nothing_and_does_nothing_twice(tmp_path: Path) -> None:
    ordeal = Ordeal(tmp_path, runs=200, kills=5, seed=1)
    await ordeal.live()
    assert ordeal.kills == 5
    assert verdict(ordeal) == []
