from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest

from orchestrator.server.ids import Clock
from orchestrator.server.store.sqlite import SqliteStore


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(tmp_path / "data" / "server.db")
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> Clock:
    """Milliseconds that pass at each look."""
    ticks = count(1_795_420_800_000)
    return lambda: next(ticks)
