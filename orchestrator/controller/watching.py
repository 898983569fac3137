"""Changes on disk as hints. Folders are watched, not files, so that renames and swapped links are seen.

Where the system cannot tell of changes, watchfiles looks by itself every so often; and whatever is missed, the resync
of the controller finds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Any

from watchfiles import awatch  # pyright: ignore[reportUnknownVariableType]

GATHER = 50  # milliseconds in which further changes belong to the first one
POLL = 1000  # milliseconds between two looks where the system does not tell
_log = logging.getLogger(__name__)


async def watch(folders: Sequence[Path], nudge: Callable[[str], None], *, stop: asyncio.Event) -> None:
    """Call `nudge` whenever something changes below the folders, those that come later included, until `stop`."""
    while not stop.is_set():
        there = [folder for folder in folders if folder.is_dir()]
        try:
            if there:
                await _watch(there, folders, nudge, stop)
            else:
                await _wait(stop)
        except OSError as error:  # a folder went away, or there are too many watches
            _log.warning("changes on disk cannot be watched: %s", error)
            await _wait(stop)


async def _watch(
    there: Sequence[Path], wanted: Sequence[Path], nudge: Callable[[str], None], stop: asyncio.Event
) -> None:
    changes: AsyncGenerator[set[tuple[Any, str]]] = awatch(
        *there,
        stop_event=stop,
        debounce=GATHER * 6,
        step=GATHER,
        poll_delay_ms=POLL,
        rust_timeout=1000,
        yield_on_timeout=True,
    )
    async for found in changes:
        if found:
            names = sorted({Path(name).name for _, name in found})
            nudge(f"{', '.join(names[:3])}{' …' if len(names) > 3 else ''} changed")
        if [folder for folder in wanted if folder.is_dir()] != list(there):
            nudge("a folder came or went")
            return


async def _wait(stop: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(stop.wait(), 1.0)
    except TimeoutError:
        return
