"""Threads that leave and come as JSON Lines."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from orchestrator.server.content import Content
from orchestrator.server.dialects.dialect import Out
from orchestrator.server.exchange import Ask, Streamed
from orchestrator.server.lines import native
from orchestrator.server.lines.reading import items
from orchestrator.server.routes.path import Path
from orchestrator.server.routes.threads import THREAD
from orchestrator.server.service.histories import Report

TYPE = "application/jsonl"
CHUNK = 64 * 1024  # bytes of lines that are sent at once


async def export_thread(ask: Ask) -> Content:
    """Export a thread, with its messages, runs and steps, as JSON Lines."""
    thread = await ask.services.threads.get(ask.workspace, ask.ids["thread"])
    return _content(ask, thread.id)


async def export_threads(ask: Ask) -> Content:
    """Export all threads of the workspace as JSON Lines."""
    return _content(ask, None)


async def import_threads(ask: Ask) -> Out:
    """Import threads from JSON Lines; ids and times are kept.

    From an export, or objects as the APIs show them. Each thread is taken as a whole or refused; what is there already
    stays as it is, so the same file can be imported again. No Idempotency-Key is needed, and none has an effect.
    """
    async with aclosing(items(ask.workspace, ask.pieces)) as found:
        return _shown(await ask.services.histories.take(ask.workspace, found))


def _content(ask: Ask, thread_id: str | None) -> Content:
    name = f"{thread_id or 'threads'}.jsonl"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Content(type=TYPE, chunks=_lines(ask, thread_id), headers=headers)


async def _lines(ask: Ask, thread_id: str | None) -> AsyncGenerator[bytes]:
    """The file, in chunks."""
    chunk, count = bytearray(native.header()), 0
    async with aclosing(ask.services.histories.export(ask.workspace, thread_id)) as parts:
        async for part in parts:
            chunk += native.show(part)
            count += 1
            if len(chunk) >= CHUNK:
                yield bytes(chunk)
                chunk.clear()
    yield bytes(chunk) + native.end(count)


def _shown(report: Report) -> Out:
    outcomes = ("created", "extended", "restored", "unchanged", "refused")
    counts = ("new", "same", "back", "left_out")
    return {
        "object": "thread.import",
        "threads": {name: report.threads[name] for name in outcomes},
        "objects": {name: report.parts[name] for name in counts},
        "problems": [
            {"line": problem.line, "thread_id": problem.thread_id, "message": problem.message}
            for problem in report.problems
        ],
        "more_problems": report.more_problems,
        "notes": [{"line": line, "message": note} for line, note in report.notes],
    }


PATHS = (
    Path("/threads/export", {"GET": export_threads}),
    Path("/threads/import", {"POST": Streamed(import_threads)}),
    Path(THREAD + "/export", {"GET": export_thread}),
)
