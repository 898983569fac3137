"""A target over HTTP: assistants for the reconciler, runs for the driver, in any dialect."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Any, cast

from orchestrator.errors import CannotUnderstand, NotFound, Rejected
from orchestrator.reconcile.body import Body
from orchestrator.reconcile.observed import Observed
from orchestrator.reconcile.stamp import Stamp
from orchestrator.runs import RunEvent
from orchestrator.targets.asking import Asker
from orchestrator.targets.dialect import Dialect, Page, as_object, check_cleared, item
from orchestrator.targets.frames import Frames
from orchestrator.transport import Lines
from orchestrator.wire.events import run_event

_EVENTS = "text/event-stream"


class HttpTarget:
    """Implements `reconcile.observed.Target` and `runs.RunsApi`."""

    def __init__(self, asker: Asker, dialect: Dialect) -> None:
        self._ask = asker
        self._dialect = dialect

    async def observe(self) -> Sequence[Observed]:
        """Every assistant, oldest first; one that two pages show counts once, as it was shown last."""
        found: dict[str, Observed] = {}
        after: str | None = None
        while True:
            page = await self._page(after)
            known = len(found)
            found |= {one.id: one for one in page.items}
            if not page.more:
                return sorted(found.values(), key=lambda one: one.created_at)
            if len(found) == known:
                raise CannotUnderstand("The target's list of assistants does not advance from page to page.")
            after = page.items[-1].id

    async def _page(self, after: str | None) -> Page:
        answer = await self._ask.repeatable("GET", self._dialect.assistants, query=self._dialect.query(after))
        return self._dialect.page(answer.json())

    async def create(self, body: Body, stamp: Stamp) -> Observed:
        """Make an assistant by one POST; only one that was surely not carried out is repeated."""
        answer = await self._ask.single(self._dialect.assistants, json=self._dialect.encode(body, stamp))
        return self._dialect.decode(answer.json())

    async def update(self, id: str, body: Body, stamp: Stamp | None) -> Observed:
        """Write the fields of `body`; a field that is cleared is cleared."""
        path = item(self._dialect.assistants, id)
        answer = await self._ask.repeatable("POST", path, json=self._dialect.encode(body, stamp))
        written = self._dialect.decode(answer.json())
        unheard = not self._dialect.null_clears and "file_ids" in body and not body["file_ids"]
        if unheard and "file_ids" in written.body:
            written = await self._detach(path, written)
        check_cleared(body, written)
        return written

    async def _detach(self, path: str, observed: Observed) -> Observed:
        """Take all files away one by one: `file_ids: []` may mean "as they were", because the SDK always sends it."""
        for file in observed.body["file_ids"]:
            with suppress(NotFound):
                await self._ask.repeatable("DELETE", item(path, "files", file))
        return self._dialect.decode((await self._ask.repeatable("GET", path)).json())

    async def delete(self, id: str) -> None:
        """Remove an assistant; one that is gone already is fine."""
        path = item(self._dialect.assistants, id)
        with suppress(NotFound):
            answer = await self._ask.repeatable("DELETE", path)
            if answer.body and as_object(answer.json(), "that of a deletion").get("deleted") is False:
                raise Rejected(f"The target did not delete the assistant {id}.")

    async def create_thread(self) -> str:
        """A new thread's id."""
        thread = as_object((await self._ask.single(self._dialect.threads, json={})).json(), "a thread")
        if not isinstance(thread.get("id"), str) or not thread["id"]:
            raise CannotUnderstand("The target's answer is not a thread: it has no id.")
        return thread["id"]

    async def add_message(self, thread_id: str, text: str) -> None:
        """Say something as the user."""
        await self._ask.single(self._in_thread(thread_id, "messages"), json={"role": "user", "content": text})

    async def start_run(self, thread_id: str, assistant_id: str, **options: object) -> AsyncGenerator[RunEvent]:
        """Begin a run; its events until it is over or asks for outputs."""
        body = {**options, "assistant_id": assistant_id, "stream": True}
        async with aclosing(self._events(self._in_thread(thread_id, "runs"), body)) as events:
            async for event in events:
                yield event

    async def submit_tool_outputs(
        self, thread_id: str, run_id: str, outputs: Sequence[tuple[str, str]]
    ) -> AsyncGenerator[RunEvent]:
        """Answer the calls of a run; the events that follow."""
        told = [{"tool_call_id": call, "output": output} for call, output in outputs]
        path = self._in_thread(thread_id, "runs", run_id, "submit_tool_outputs")
        async with aclosing(self._events(path, {"tool_outputs": told, "stream": True})) as events:
            async for event in events:
                yield event

    async def retrieve_run(self, thread_id: str, run_id: str) -> Mapping[str, Any]:
        """The run as it stands."""
        answer = await self._ask.repeatable("GET", self._in_thread(thread_id, "runs", run_id))
        return as_object(answer.json(), "a run")

    async def cancel_run(self, thread_id: str, run_id: str) -> None:
        """Ask for the end of a run."""
        await self._ask.repeatable("POST", self._in_thread(thread_id, "runs", run_id, "cancel"))

    async def latest_message(self, thread_id: str) -> Mapping[str, Any] | None:
        """The newest message of a thread."""
        query = {"limit": "1", "order": "desc"}
        answer = await self._ask.repeatable("GET", self._in_thread(thread_id, "messages"), query=query)
        data = as_object(answer.json(), "a list of messages").get("data")
        messages = cast("list[object]", data if isinstance(data, list) else [])
        return as_object(messages[0], "a message") if messages else None

    async def usage(self, **query: str) -> Mapping[str, Any]:
        """What the workspace has used; only our own server knows it. `query`: group_by, from, to."""
        answer = await self._ask.repeatable("GET", "/usage", query=query)
        return as_object(answer.json(), "a report of usage")

    async def close(self) -> None:
        """Let go of connections."""
        await self._ask.close()

    def _in_thread(self, thread_id: str, *parts: str) -> str:
        return item(self._dialect.threads, thread_id, *parts)

    async def _events(self, path: str, body: Mapping[str, object]) -> AsyncGenerator[RunEvent]:
        async with self._ask.streaming(path, json=body) as lines:
            if _EVENTS in lines.headers.get("content-type", "").lower():
                async with aclosing(_told(lines)) as events:
                    async for event in events:
                        yield event
            else:
                run = as_object((await lines.whole()).json(), "a run")
                yield RunEvent(name=run_event(str(run.get("status"))), data=run)


async def _told(lines: Lines) -> AsyncGenerator[RunEvent]:
    frames = Frames()
    async with aclosing(aiter(lines)) as each:
        async for line in each:
            event = frames.feed(line)
            if event is not None:
                yield event
            if frames.done:
                return
    last = frames.end()
    if last is not None:
        yield last
