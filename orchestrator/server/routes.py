"""Every endpoint of the Assistant API, for all dialects: a short function each, and the map of paths at the end."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from starlette.routing import BaseRoute, Mount, Route, Router

from orchestrator.server.dialects.dialect import Dialect, Out
from orchestrator.server.exchange import Ask, Endpoint, Services, Verb
from orchestrator.server.records import Page
from orchestrator.server.service.listing import Listed
from orchestrator.server.stream import Told
from orchestrator.wire.faults import BAD_LIMIT, BAD_ORDER, invalid

# --- assistants


async def create_assistant(ask: Ask) -> Out:
    """A1."""
    new = ask.reads.new_assistant(ask.body)
    return ask.shows.record(await ask.services.assistants.create(ask.workspace, **new))


async def list_assistants(ask: Ask) -> Out:
    """A2."""
    return _listed(ask, await ask.services.assistants.list(ask.workspace, page(ask.query)), ask.shows.record)


async def get_assistant(ask: Ask) -> Out:
    """A3."""
    return ask.shows.record(await ask.services.assistants.get(ask.workspace, ask.ids["assistant"]))


async def update_assistant(ask: Ask) -> Out:
    """A4."""
    changes = ask.reads.assistant_changes(ask.body)
    return ask.shows.record(await ask.services.assistants.update(ask.workspace, ask.ids["assistant"], changes))


async def delete_assistant(ask: Ask) -> Out:
    """A5."""
    await ask.services.assistants.delete(ask.workspace, ask.ids["assistant"])
    return ask.shows.deleted("assistant", ask.ids["assistant"])


async def attach_file(ask: Ask) -> Out:
    """A6."""
    assistant, file_id = ask.ids["assistant"], ask.reads.file_id(ask.body)
    file = await ask.services.assistants.attach_file(ask.workspace, assistant, file_id)
    return ask.shows.assistant_file(assistant, file)


async def list_assistant_files(ask: Ask) -> Out:
    """A7."""
    assistant = ask.ids["assistant"]
    files = await ask.services.assistants.list_files(ask.workspace, assistant, page(ask.query))
    return _listed(ask, files, lambda file: ask.shows.assistant_file(assistant, file))


async def get_assistant_file(ask: Ask) -> Out:
    """A8."""
    assistant = ask.ids["assistant"]
    file = await ask.services.assistants.get_file(ask.workspace, assistant, ask.ids["file"])
    return ask.shows.assistant_file(assistant, file)


async def detach_file(ask: Ask) -> Out:
    """A9."""
    await ask.services.assistants.detach_file(ask.workspace, ask.ids["assistant"], ask.ids["file"])
    return ask.shows.deleted("assistant.file", ask.ids["file"])


# --- threads and messages


async def create_thread(ask: Ask) -> Out:
    """T1."""
    new = ask.reads.new_thread(ask.body)
    return ask.shows.record(await ask.services.threads.create(ask.workspace, new.metadata, new.messages))


async def get_thread(ask: Ask) -> Out:
    """T2."""
    return ask.shows.record(await ask.services.threads.get(ask.workspace, ask.ids["thread"]))


async def update_thread(ask: Ask) -> Out:
    """T3."""
    metadata = ask.reads.new_metadata(ask.body)
    if metadata is None:
        return await get_thread(ask)
    return ask.shows.record(await ask.services.threads.update(ask.workspace, ask.ids["thread"], metadata))


async def delete_thread(ask: Ask) -> Out:
    """T4. A run that is active ends with its thread."""
    await ask.services.runs.cancel_active(ask.workspace, ask.ids["thread"])
    await ask.services.threads.delete(ask.workspace, ask.ids["thread"])
    return ask.shows.deleted("thread", ask.ids["thread"])


async def create_message(ask: Ask) -> Out:
    """M1."""
    new = ask.reads.new_message(ask.body)
    return ask.shows.record(await ask.services.threads.create_message(ask.workspace, ask.ids["thread"], new))


async def list_messages(ask: Ask) -> Out:
    """M2."""
    run_id = ask.query.get("run_id") or None
    messages = await ask.services.threads.list_messages(ask.workspace, ask.ids["thread"], page(ask.query), run_id)
    return _listed(ask, messages, ask.shows.record)


async def get_message(ask: Ask) -> Out:
    """M3."""
    message = await ask.services.threads.get_message(ask.workspace, ask.ids["thread"], ask.ids["message"])
    return ask.shows.record(message)


async def update_message(ask: Ask) -> Out:
    """M4."""
    metadata = ask.reads.new_metadata(ask.body)
    if metadata is None:
        return await get_message(ask)
    place = (ask.workspace, ask.ids["thread"], ask.ids["message"])
    return ask.shows.record(await ask.services.threads.update_message(*place, metadata))


async def list_message_files(ask: Ask) -> Out:
    """M5."""
    place = (ask.workspace, ask.ids["thread"], ask.ids["message"])
    files = await ask.services.threads.list_message_files(*place, page(ask.query))
    return _listed(ask, files, lambda file: ask.shows.message_file(ask.ids["message"], file))


async def get_message_file(ask: Ask) -> Out:
    """M6."""
    place = (ask.workspace, ask.ids["thread"], ask.ids["message"])
    file = await ask.services.threads.get_message_file(*place, ask.ids["file"])
    return ask.shows.message_file(ask.ids["message"], file)


# --- runs and steps


async def create_run(ask: Ask) -> Out | Told:
    """R1. Whoever polls gets the run at once, not its end."""
    body = ask.body
    stream, new = ask.reads.wants_stream(body), ask.reads.new_run(body)
    run = await ask.services.runs.create(ask.workspace, ask.ids["thread"], new)
    return _told(ask, run.id, after=0) if stream else ask.shows.record(run)


async def create_thread_and_run(ask: Ask) -> Out | Told:
    """R7."""
    body = ask.body
    stream, new, thread = ask.reads.wants_stream(body), ask.reads.new_run(body), ask.reads.new_thread_of_run(body)
    run = await ask.services.runs.create_with_thread(ask.workspace, new, thread.metadata, thread.messages)
    return _told(ask, run.id, after=0) if stream else ask.shows.record(run)


async def list_runs(ask: Ask) -> Out:
    """R2."""
    runs = await ask.services.runs.list(ask.workspace, ask.ids["thread"], page(ask.query))
    return _listed(ask, runs, ask.shows.record)


async def get_run(ask: Ask) -> Out:
    """R3."""
    return ask.shows.record(await ask.services.runs.get(ask.workspace, ask.ids["thread"], ask.ids["run"]))


async def update_run(ask: Ask) -> Out:
    """R4."""
    metadata = ask.reads.new_metadata(ask.body)
    if metadata is None:
        return await get_run(ask)
    run = await ask.services.runs.update(ask.workspace, ask.ids["thread"], ask.ids["run"], metadata)
    return ask.shows.record(run)


async def cancel_run(ask: Ask) -> Out:
    """R5."""
    return ask.shows.record(await ask.services.runs.cancel(ask.workspace, ask.ids["thread"], ask.ids["run"]))


async def submit_tool_outputs(ask: Ask) -> Out | Told:
    """R6. A stream begins with what follows the wait for these outputs."""
    body = ask.body
    stream, outputs = ask.reads.wants_stream(body), ask.reads.tool_outputs(body)
    place = (ask.workspace, ask.ids["thread"], ask.ids["run"])
    after = await ask.services.runs.latest_seq(*place) if stream else 0
    run = await ask.services.runs.submit_tool_outputs(*place, outputs)
    return _told(ask, run.id, after=after) if stream else ask.shows.record(run)


async def list_steps(ask: Ask) -> Out:
    """S1."""
    steps = await ask.services.runs.list_steps(ask.workspace, ask.ids["thread"], ask.ids["run"], page(ask.query))
    return _listed(ask, steps, ask.shows.record)


async def get_step(ask: Ask) -> Out:
    """S2."""
    place = (ask.workspace, ask.ids["thread"], ask.ids["run"], ask.ids["step"])
    return ask.shows.record(await ask.services.runs.get_step(*place))


# --- what is not here


async def no_uploads(ask: Ask) -> Out:
    """F1, F2."""
    raise invalid("File uploads are not supported here yet; file ids may be any text.")


# --- the map

Verbs = Mapping[str, Verb]

_ASSISTANT, _THREAD = "/assistants/{assistant}", "/threads/{thread}"
_MESSAGE, _RUN = _THREAD + "/messages/{message}", _THREAD + "/runs/{run}"

PATHS: tuple[tuple[str, Verbs], ...] = (  # the first that matches is taken
    ("/assistants", {"POST": create_assistant, "GET": list_assistants}),
    (_ASSISTANT, {"GET": get_assistant, "POST": update_assistant, "DELETE": delete_assistant}),
    ("/threads", {"POST": create_thread}),
    ("/threads/runs", {"POST": create_thread_and_run}),
    (_THREAD, {"GET": get_thread, "POST": update_thread, "DELETE": delete_thread}),
    (_THREAD + "/messages", {"POST": create_message, "GET": list_messages}),
    (_MESSAGE, {"GET": get_message, "POST": update_message}),
    (_THREAD + "/runs", {"POST": create_run, "GET": list_runs}),
    (_RUN, {"GET": get_run, "POST": update_run}),
    (_RUN + "/cancel", {"POST": cancel_run}),
    (_RUN + "/submit_tool_outputs", {"POST": submit_tool_outputs}),
    (_RUN + "/steps", {"GET": list_steps}),
    (_RUN + "/steps/{step}", {"GET": get_step}),
    ("/files", {"POST": no_uploads, "GET": no_uploads}),
    ("/files/{file}", {"GET": no_uploads, "DELETE": no_uploads}),
)
FILE_PATHS: tuple[tuple[str, Verbs], ...] = (  # only in a dialect that has them
    (_ASSISTANT + "/files", {"POST": attach_file, "GET": list_assistant_files}),
    (_ASSISTANT + "/files/{file}", {"GET": get_assistant_file, "DELETE": detach_file}),
    (_MESSAGE + "/files", {"GET": list_message_files}),
    (_MESSAGE + "/files/{file}", {"GET": get_message_file}),
)


def routes(dialect: Dialect, services: Services, *, keepalive: float) -> BaseRoute:
    """All endpoints of a dialect below its base; a path that is none of them is answered in the dialect's words."""

    def endpoint(verbs: Verbs) -> Endpoint:
        return Endpoint(services, dialect, verbs, keepalive=keepalive)

    paths = PATHS + FILE_PATHS if dialect.files else PATHS
    router = Router(
        [Route(path, endpoint(verbs)) for path, verbs in paths],
        redirect_slashes=False,
        default=endpoint({}),
    )
    return Mount(dialect.base, app=router)


_LIMIT = re.compile(r"[0-9]{1,3}")


def page(query: Mapping[str, str]) -> Page:
    """The part of a list that a query asks for. Raises: Fault."""
    limit, order = query.get("limit", "20"), query.get("order", "desc")
    if not _LIMIT.fullmatch(limit) or not 1 <= int(limit) <= 100:
        raise invalid(BAD_LIMIT, "limit")
    if order not in ("asc", "desc"):
        raise invalid(BAD_ORDER, "order")
    cursors = {"after": query.get("after") or None, "before": query.get("before") or None}
    return Page(limit=int(limit), descending=order == "desc", **cursors)


def _listed(ask: Ask, found: Listed[Any], show: Callable[[Any], Out]) -> Out:
    return ask.shows.listed([show(item) for item in found.items], found.has_more)


def _told(ask: Ask, run_id: str, *, after: int) -> Told:
    return Told(run_id=run_id, events=ask.services.runs.events(run_id, after))
