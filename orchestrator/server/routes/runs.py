"""Runs of threads and their steps."""

from __future__ import annotations

from orchestrator.server.dialects.dialect import Answers, Out
from orchestrator.server.exchange import Ask
from orchestrator.server.routes.answering import Hearing, last_event, listed, page
from orchestrator.server.routes.path import Path
from orchestrator.server.routes.threads import THREAD
from orchestrator.server.service.runs import Wanted
from orchestrator.server.stream import Told
from orchestrator.wire.faults import invalid
from orchestrator.wire.runs import STATUSES


async def create_run(ask: Ask) -> Out | Told:
    """Start a run of a thread (R1).

    Whoever polls gets the run at once, not its end.
    """
    body = ask.body
    hearing, new = Hearing.read(ask, body), ask.reads.new_run(body)
    run = await ask.services.runs.create(ask.workspace, ask.ids["thread"], new, ask.guest.caller)
    return hearing.answer(ask, run)


async def create_thread_and_run(ask: Ask) -> Out | Told:
    """Create a thread and start a run of it (R7)."""
    body = ask.body
    hearing, new, thread = Hearing.read(ask, body), ask.reads.new_run(body), ask.reads.new_thread_of_run(body)
    run = await ask.services.runs.create_with_thread(
        ask.workspace,
        new,
        thread.metadata,
        thread.messages,
        file_ids=thread.file_ids,
        resources=thread.resources,
        caller=ask.guest.caller,
    )
    return hearing.answer(ask, run)


async def list_runs(ask: Ask) -> Out:
    """List a thread's runs (R2)."""
    runs = await ask.services.runs.list(ask.workspace, ask.ids["thread"], page(ask.query))
    return listed(ask, runs, ask.shows.record)


async def list_all_runs(ask: Ask) -> Out:
    """List the workspace's runs.

    All, or those with a `status` (several with commas between), an `assistant_id`, a `thread_id`.
    """
    asked = ask.query.get("status")
    wanted = Wanted(
        statuses=_statuses(asked, ask.shows) if asked else None,
        assistant_id=ask.query.get("assistant_id") or None,
        thread_id=ask.query.get("thread_id") or None,
    )
    return listed(ask, await ask.services.runs.list_all(ask.workspace, page(ask.query), wanted), ask.shows.record)


def _statuses(asked: str, shows: Answers) -> frozenset[str]:
    """The statuses that the dialect calls by these names. Raises: Fault."""
    names = {name.strip() for name in asked.split(",")}
    known = {shows.run_status(status) for status in STATUSES}
    if names - known:
        raise invalid(f"'status' must be one or several of {', '.join(sorted(known))}.", "status")
    return frozenset(status for status in STATUSES if shows.run_status(status) in names)


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
    hearing, outputs = Hearing.read(ask, body), ask.reads.tool_outputs(body)
    place = (ask.workspace, ask.ids["thread"], ask.ids["run"])
    run, before = await ask.services.runs.submit_and_listen(*place, outputs)
    return hearing.answer(ask, run, after=before)


async def stream_run(ask: Ask) -> Told:
    """Tell a run's events, also those of a run that was started without `stream`.

    From its beginning, or after the event whose id is given as `Last-Event-ID` (or `after` in the query); then live,
    until the run is over or waits for the client.
    """
    place = (ask.workspace, ask.ids["thread"], ask.ids["run"])
    after = last_event(ask)
    heard = await ask.services.runs.heard(*place, after)
    return Told(run_id=place[2], events=ask.services.runs.news(place[2], after, through=True), heard=heard)


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
    Path("/runs", {"GET": list_all_runs}),
    Path("/threads/runs", {"POST": create_thread_and_run}),
    Path(THREAD + "/runs", {"POST": create_run, "GET": list_runs}),
    Path(RUN, {"GET": get_run, "POST": update_run}),
    Path(RUN + "/cancel", {"POST": cancel_run}),
    Path(RUN + "/submit_tool_outputs", {"POST": submit_tool_outputs}),
    Path(RUN + "/stream", {"GET": stream_run}),
    Path(RUN + "/steps", {"GET": list_steps}),
    Path(RUN + "/steps/{step}", {"GET": get_step}),
)
