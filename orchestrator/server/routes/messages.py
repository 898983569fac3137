"""Messages of threads and the files that hang on them."""

from __future__ import annotations

from orchestrator.server.dialects.dialect import Out
from orchestrator.server.exchange import Ask
from orchestrator.server.routes.answering import listed, page
from orchestrator.server.routes.path import Path, has_files
from orchestrator.server.routes.threads import THREAD
from orchestrator.wire.ids import kept


async def create_message(ask: Ask) -> Out:
    """Append a message to a thread (M1)."""
    new = ask.reads.new_message(ask.body)
    return ask.shows.record(await ask.services.threads.create_message(ask.workspace, ask.ids["thread"], new))


async def list_messages(ask: Ask) -> Out:
    """List a thread's messages (M2)."""
    run_id = ask.query.get("run_id") or None
    messages = await ask.services.threads.list_messages(ask.workspace, ask.ids["thread"], page(ask.query), run_id)
    return listed(ask, messages, ask.shows.record)


async def get_message(ask: Ask) -> Out:
    """Show a message (M3)."""
    return ask.shows.record(await ask.services.threads.get_message(*_place(ask)))


async def update_message(ask: Ask) -> Out:
    """Replace a message's metadata (M4)."""
    metadata = ask.reads.new_metadata(ask.body)
    if metadata is None:
        return await get_message(ask)
    return ask.shows.record(await ask.services.threads.update_message(*_place(ask), metadata))


async def delete_message(ask: Ask) -> Out:
    """Delete a message: no later run is told of it."""
    place = _place(ask)
    await ask.services.threads.delete_message(*place)
    return ask.shows.deleted("thread.message", place[-1])


async def list_message_files(ask: Ask) -> Out:
    """List a message's files (M5)."""
    place = _place(ask)
    files = await ask.services.threads.list_message_files(*place, page(ask.query))
    return listed(ask, files, lambda file: ask.shows.message_file(place[-1], file))


async def get_message_file(ask: Ask) -> Out:
    """Show a file of a message (M6)."""
    place = _place(ask)
    file = await ask.services.threads.get_message_file(*place, ask.ids["file"])
    return ask.shows.message_file(place[-1], file)


def _place(ask: Ask) -> tuple[str, str, str]:
    """Workspace, thread and message that a path names."""
    return ask.workspace, ask.ids["thread"], kept(ask.ids["message"])


MESSAGE = THREAD + "/messages/{message}"

PATHS = (
    Path(THREAD + "/messages", {"POST": create_message, "GET": list_messages}),
    Path(MESSAGE, {"GET": get_message, "POST": update_message, "DELETE": delete_message}),
    Path(MESSAGE + "/files", {"GET": list_message_files}, only=has_files),
    Path(MESSAGE + "/files/{file}", {"GET": get_message_file}, only=has_files),
)
