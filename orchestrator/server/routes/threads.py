"""Threads."""

from __future__ import annotations

from orchestrator.server.dialects.dialect import Out
from orchestrator.server.exchange import Ask
from orchestrator.server.routes.answering import listed, page
from orchestrator.server.routes.path import Path


async def create_thread(ask: Ask) -> Out:
    """Create a thread, with its first messages (T1)."""
    new = ask.reads.new_thread(ask.body)
    thread = await ask.services.threads.create(
        ask.workspace, new.metadata, new.messages, file_ids=new.file_ids, resources=new.resources
    )
    return ask.shows.record(thread)


async def list_threads(ask: Ask) -> Out:
    """List the workspace's threads."""
    return listed(ask, await ask.services.threads.list(ask.workspace, page(ask.query)), ask.shows.record)


async def get_thread(ask: Ask) -> Out:
    """Show a thread (T2)."""
    return ask.shows.record(await ask.services.threads.get(ask.workspace, ask.ids["thread"]))


async def update_thread(ask: Ask) -> Out:
    """Change a thread's metadata, or what its tools may use (T3)."""
    changes = ask.reads.thread_changes(ask.body)
    if not changes:
        return await get_thread(ask)
    return ask.shows.record(await ask.services.threads.update(ask.workspace, ask.ids["thread"], **changes))


async def delete_thread(ask: Ask) -> Out:
    """Delete a thread (T4).

    A run that is active ends with its thread.
    """
    await ask.services.runs.cancel_active(ask.workspace, ask.ids["thread"])
    await ask.services.threads.delete(ask.workspace, ask.ids["thread"])
    return ask.shows.deleted("thread", ask.ids["thread"])


THREAD = "/threads/{thread}"

PATHS = (
    Path("/threads", {"POST": create_thread, "GET": list_threads}),
    Path(THREAD, {"GET": get_thread, "POST": update_thread, "DELETE": delete_thread}),
)
