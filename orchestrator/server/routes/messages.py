"""Messages of threads and the files that hang on them."""

from __future__ import annotations

from orchestrator.server.dialects.dialect import Out
from orchestrator.server.exchange import Ask
from orchestrator.server.routes.answering import listed, page
from orchestrator.server.routes.path import Path, has_files
from orchestrator.server.routes.threads import THREAD


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
    message = await ask.services.threads.get_message(ask.workspace, ask.ids["thread"], ask.ids["message"])
    return ask.shows.record(message)


async def update_message(ask: Ask) -> Out:
    """Replace a message's metadata (M4)."""
    metadata = ask.reads.new_metadata(ask.body)
    if metadata is None:
        return await get_message(ask)
    place = (ask.workspace, ask.ids["thread"], ask.ids["message"])
    return ask.shows.record(await ask.services.threads.update_message(*place, metadata))


async def list_message_files(ask: Ask) -> Out:
    """List a message's files (M5)."""
    place = (ask.workspace, ask.ids["thread"], ask.ids["message"])
    files = await ask.services.threads.list_message_files(*place, page(ask.query))
    return listed(ask, files, lambda file: ask.shows.message_file(ask.ids["message"], file))


async def get_message_file(ask: Ask) -> Out:
    """Show a file of a message (M6)."""
    place = (ask.workspace, ask.ids["thread"], ask.ids["message"])
    file = await ask.services.threads.get_message_file(*place, ask.ids["file"])
    return ask.shows.message_file(ask.ids["message"], file)


MESSAGE = THREAD + "/messages/{message}"

PATHS = (
    Path(THREAD + "/messages", {"POST": create_message, "GET": list_messages}),
    Path(MESSAGE, {"GET": get_message, "POST": update_message}),
    Path(MESSAGE + "/files", {"GET": list_message_files}, only=has_files),
    Path(MESSAGE + "/files/{file}", {"GET": get_message_file}, only=has_files),
)
