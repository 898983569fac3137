"""Assistants and the files that hang on them."""

from __future__ import annotations

from orchestrator.server.dialects.dialect import Out
from orchestrator.server.exchange import Ask
from orchestrator.server.routes.answering import listed, page
from orchestrator.server.routes.path import Path, has_files


async def create_assistant(ask: Ask) -> Out:
    """Create an assistant (A1)."""
    new = ask.reads.new_assistant(ask.body)
    return ask.shows.record(await ask.services.assistants.create(ask.workspace, **new))


async def list_assistants(ask: Ask) -> Out:
    """List the workspace's assistants (A2)."""
    return listed(ask, await ask.services.assistants.list(ask.workspace, page(ask.query)), ask.shows.record)


async def get_assistant(ask: Ask) -> Out:
    """Show an assistant (A3)."""
    return ask.shows.record(await ask.services.assistants.get(ask.workspace, ask.ids["assistant"]))


async def update_assistant(ask: Ask) -> Out:
    """Change an assistant (A4)."""
    changes = ask.reads.assistant_changes(ask.body)
    return ask.shows.record(await ask.services.assistants.update(ask.workspace, ask.ids["assistant"], changes))


async def delete_assistant(ask: Ask) -> Out:
    """Delete an assistant (A5)."""
    await ask.services.assistants.delete(ask.workspace, ask.ids["assistant"])
    return ask.shows.deleted("assistant", ask.ids["assistant"])


async def attach_file(ask: Ask) -> Out:
    """Attach a file to an assistant (A6)."""
    assistant, file_id = ask.ids["assistant"], ask.reads.file_id(ask.body)
    file = await ask.services.assistants.attach_file(ask.workspace, assistant, file_id)
    return ask.shows.assistant_file(assistant, file)


async def list_assistant_files(ask: Ask) -> Out:
    """List an assistant's files (A7)."""
    assistant = ask.ids["assistant"]
    files = await ask.services.assistants.list_files(ask.workspace, assistant, page(ask.query))
    return listed(ask, files, lambda file: ask.shows.assistant_file(assistant, file))


async def get_assistant_file(ask: Ask) -> Out:
    """Show a file of an assistant (A8)."""
    assistant = ask.ids["assistant"]
    file = await ask.services.assistants.get_file(ask.workspace, assistant, ask.ids["file"])
    return ask.shows.assistant_file(assistant, file)


async def detach_file(ask: Ask) -> Out:
    """Take a file off an assistant (A9)."""
    await ask.services.assistants.detach_file(ask.workspace, ask.ids["assistant"], ask.ids["file"])
    return ask.shows.deleted("assistant.file", ask.ids["file"])


ASSISTANT = "/assistants/{assistant}"

PATHS = (
    Path("/assistants", {"POST": create_assistant, "GET": list_assistants}),
    Path(ASSISTANT, {"GET": get_assistant, "POST": update_assistant, "DELETE": delete_assistant}),
    Path(ASSISTANT + "/files", {"POST": attach_file, "GET": list_assistant_files}, only=has_files),
    Path(ASSISTANT + "/files/{file}", {"GET": get_assistant_file, "DELETE": detach_file}, only=has_files),
)
