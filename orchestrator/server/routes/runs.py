"""Runs of threads and their steps."""

from __future__ import annotations

from orchestrator.server.dialects.dialect import Out
from orchestrator.server.exchange import Ask
from orchestrator.server.routes.answering import listed, page, told
from orchestrator.server.routes.path import Path
from orchestrator.server.routes.threads import THREAD
from orchestrator.server.stream import Told


async def create_run(ask: Ask) -> Out | Told:
    """Start a run of a thread (R1).

    Whoever polls gets the run at once, not its end.
    """
    body = ask.body
    stream, new = ask.reads.wants_stream(body), ask.reads.new_run(body)
    run = await ask.services.runs.create(ask.workspace, ask.ids["thread"], new)
    return told(ask, run.id, after=0) if stream else ask.shows.record(run)


async def create_thread_and_run(ask: Ask) -> Out | Told:
    """Create a thread and start a run of it (R7)."""
    body = ask.body
    stream, new, thread = ask.reads.wants_stream(body), ask.reads.new_run(body), ask.reads.new_thread_of_run(body)
    run = await ask.services.runs.create_with_thread(ask.workspace, new, thread.metadata, thread.messages)
    return told(ask, run.id, after=0) if stream else ask.shows.record(run)


async def list_runs(ask: Ask) -> Out:
    """List a thread's runs (R2)."""
    runs = await ask.services.runs.list(ask.workspace, ask.ids["thread"], page(ask.query))
    return listed(ask, runs, ask.shows.record)


async def get_run(ask: Ask) -> Out:
    """Show a run (R3)."""
    return ask.shows.record(await ask.services.runs.get(ask.workspace, ask.ids["thread"], ask.ids["run"]))


async def update_run(ask: Ask) -> Out:
    """Replace a run's metadata (R4)."""
    metadata = ask.reads.new_metadata(ask.body)
    if metadata is None:
        return await get_run(ask)
    run = await ask.services.runs.update(ask.workspace, ask.ids["thread"], ask.ids["run"], metadata)
    return ask.shows.record(run)


async def cancel_run(ask: Ask) -> Out:
    """Cancel a run (R5)."""
    return ask.shows.record(await ask.services.runs.cancel(ask.workspace, ask.ids["thread"], ask.ids["run"]))


async def submit_tool_outputs(ask: Ask) -> Out | Told:
    """Submit the outputs that a run waits for (R6).

    A stream begins with what follows the wait for these outputs.
    """
    body = ask.body
    stream, outputs = ask.reads.wants_stream(body), ask.reads.tool_outputs(body)
    place = (ask.workspace, ask.ids["thread"], ask.ids["run"])
    after = await ask.services.runs.latest_seq(*place) if stream else 0
    run = await ask.services.runs.submit_tool_outputs(*place, outputs)
    return told(ask, run.id, after=after) if stream else ask.shows.record(run)


async def list_steps(ask: Ask) -> Out:
    """List a run's steps (S1)."""
    steps = await ask.services.runs.list_steps(ask.workspace, ask.ids["thread"], ask.ids["run"], page(ask.query))
    return listed(ask, steps, ask.shows.record)


async def get_step(ask: Ask) -> Out:
    """Show a step (S2)."""
    place = (ask.workspace, ask.ids["thread"], ask.ids["run"], ask.ids["step"])
    return ask.shows.record(await ask.services.runs.get_step(*place))


RUN = THREAD + "/runs/{run}"

PATHS = (
    Path("/threads/runs", {"POST": create_thread_and_run}),
    Path(THREAD + "/runs", {"POST": create_run, "GET": list_runs}),
    Path(RUN, {"GET": get_run, "POST": update_run}),
    Path(RUN + "/cancel", {"POST": cancel_run}),
    Path(RUN + "/submit_tool_outputs", {"POST": submit_tool_outputs}),
    Path(RUN + "/steps", {"GET": list_steps}),
    Path(RUN + "/steps/{step}", {"GET": get_step}),
)
