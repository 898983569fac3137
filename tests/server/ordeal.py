"""Runs of every kind on a server that is killed again and again, as its applications live through it.

`orchestrator up` serves an assistant whose function `note` is a plug-in that leaves a line in a file. Clients create
runs (each with an Idempotency-Key, so that a lost answer can be asked for again), answer calls, cancel, and read
streams, taking them up where they broke off. The one who gets the answer that is next to be the last kills the server.
"""

import asyncio
import json
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from invariants import Ledger
from paper import events
from program import Program

PROJECT = """apiVersion: orchestrator/v1
kind: Assistant
metadata: {name: clerk}
spec:
  model: qwen-plus
  instructions: Be brief.
  tools: [{ref: note}]
---
apiVersion: orchestrator/v1
kind: Tool
metadata: {name: note}
spec: {function: sink.note}
"""
PLUGIN = '''
import os
import time
from pathlib import Path

from orchestrator import tool


@tool
def note(key: str) -> str:
    """Leave a line in a file.

    Args:
        key: What to write.
    """
    sink = os.open(Path(__file__).parents[1] / "sink", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(sink, f"{key}\\n".encode())
    os.close(sink)
    time.sleep(0.01)
    return f"noted {key}"
'''
FUNCTION = {"type": "function", "function": {"name": "look"}}
KINDS = ("plain", "noted", "answered", "cancelled", "streamed")
BASES = ("/api/v1", "/v1")
OVER = ("completed", "failed", "cancelled", "expired", "incomplete")
CLIENTS = 12
PATIENCE = 60.0  # seconds from the last start on, until all runs must be over


@dataclass
class Job:
    """One run and what its client knows of it."""

    number: int
    kind: str
    base: str
    thread: str = ""
    run: str = ""
    told: list[dict[str, str]] = field(default_factory=list[dict[str, str]])  # events of the stream

    @property
    def text(self) -> str:
        """What the user says."""
        words = {"noted": f'/call note {{"key": "k{self.number}"}}', "answered": '/call look {"n": 1}'}
        words["cancelled"] = f"/slow 0.3 number {self.number} in many words, one after the other"
        return words.get(self.kind, f"hello from number {self.number}")

    @property
    def body(self) -> dict[str, Any]:
        thread = {"messages": [{"role": "user", "content": self.text}]}
        more: dict[str, Any] = {"tools": [FUNCTION]} if self.kind == "answered" else {}
        return {"thread": thread, "stream": self.kind == "streamed", **more}

    @property
    def path(self) -> str:
        return f"{self.base}/threads/{self.thread}/runs/{self.run}"


class Ordeal:
    """So many runs, so many kills, spread evenly."""

    def __init__(self, folder: Path, *, runs: int, kills: int, seed: int) -> None:
        (folder / "assistants.d").mkdir()
        (folder / "assistants.d" / "clerk.yaml").write_text(PROJECT)
        (folder / "plugins").mkdir()
        (folder / "plugins" / "sink.py").write_text(PLUGIN)
        self.folder = folder
        self.jobs = [Job(n, KINDS[n % len(KINDS)], BASES[n // len(KINDS) % len(BASES)]) for n in range(runs)]
        self._random = random.Random(seed)
        self._random.shuffle(self.jobs)
        self._deaths = [round((death + 1) * runs / (kills + 1)) for death in range(kills)]
        self._accepted = 0
        self._up = asyncio.Event()
        self._dying = asyncio.Lock()
        self._program: Program | None = None
        self._http = httpx2.AsyncClient(trust_env=False, timeout=20)
        self._born = 0.0
        self.kills = 0
        self.seconds = 0.0  # from the last start until all was over

    async def live(self) -> None:
        """Go through it all; afterwards the server is stopped."""
        self._program = await asyncio.to_thread(Program, self.folder, "up")
        self._up.set()
        try:
            await self._live()
        finally:
            await self._http.aclose()
            ended = await asyncio.to_thread(self._program.stop)
        assert (ended, self._program.traces) == (0, []), self._program.said[-3000:]

    async def _live(self) -> None:
        assistant = await self._find_assistant()
        jobs = iter(self.jobs)
        started = time.monotonic()

        async def work() -> None:
            for job in jobs:
                await self._carry(job, assistant)

        async with asyncio.TaskGroup() as clients:
            for _ in range(CLIENTS):
                clients.create_task(work())
        self.seconds = time.monotonic() - max(started, self._born)

    async def _find_assistant(self) -> str:
        listed = await self._ask("GET", "/api/v1/assistants")
        return str(listed["data"][0]["id"])

    async def _carry(self, job: Job, assistant: str) -> None:
        """From the request to the end of the run, whatever dies."""
        made = await self._create(job, {"assistant_id": assistant, **job.body})
        job.thread, job.run = made["thread_id"], made["id"]
        self._accepted += 1
        if self._deaths and self._accepted >= self._deaths[0]:
            self._deaths.pop(0)
            await self._die()
        if job.kind == "cancelled":
            await self._ask("POST", f"{job.path}/cancel")
        elif job.kind == "streamed":
            await self._listen(job)
        while (run := await self._ask("GET", job.path))["status"] not in OVER:
            if run["status"] == "requires_action":
                await self._answer(job, run)
            await asyncio.sleep(0.02)

    async def _create(self, job: Job, body: dict[str, Any]) -> dict[str, Any]:
        """The run. A stream that breaks before it tells the run is asked for again, with the same key."""
        if job.kind != "streamed":
            return await self._ask("POST", f"{job.base}/threads/runs", body, key=f"create-{job.number}")
        while True:
            try:
                await self._read(job, "POST", f"{job.base}/threads/runs", body, key=f"create-{job.number}")
            except httpx2.TransportError:
                await self._recover()
            for event in job.told:
                if event["event"].startswith("thread.run."):
                    return {"id": json.loads(event["data"])["id"], "thread_id": json.loads(event["data"])["thread_id"]}
            job.told.clear()

    async def _listen(self, job: Job) -> None:
        """Read on until the stream ends as it should."""
        while not (job.told and job.told[-1]["event"] == "done"):
            last = next((event["id"] for event in reversed(job.told) if "id" in event), "0")
            job.told = [event for event in job.told if "id" in event]
            try:
                await self._read(job, "GET", f"{job.path}/stream", headers={"Last-Event-ID": last})
            except httpx2.TransportError:
                await self._recover()

    async def _read(
        self,
        job: Job,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str = "",
        headers: dict[str, str] | None = None,
    ) -> None:
        """Add what a stream tells, as far as it gets."""
        more = {**(headers or {}), **({"Idempotency-Key": key} if key else {})}
        async with self._http.stream(method, self._url + path, json=body, headers=more) as answer:
            assert answer.status_code == 200, await answer.aread()
            heard = b""
            async for piece in answer.aiter_bytes():
                *frames, heard = (heard + piece).split(b"\n\n")
                job.told += [event for frame in frames for event in events(frame)]

    async def _answer(self, job: Job, run: dict[str, Any]) -> None:
        calls = run["required_action"]["submit_tool_outputs"]["tool_calls"]
        outputs = [{"tool_call_id": call["id"], "output": f"seen {job.number}"} for call in calls]
        await self._ask(
            "POST", f"{job.path}/submit_tool_outputs", {"tool_outputs": outputs}, key=f"submit-{job.number}"
        )

    async def _ask(self, method: str, path: str, body: Any = None, *, key: str = "") -> dict[str, Any]:
        """The answer; when the server died over it, that of the next one. A refusal to cancel what is over is fine."""
        headers = {"Idempotency-Key": key} if key else {}
        while True:
            try:
                answer = await self._http.request(method, self._url + path, json=body, headers=headers)
            except httpx2.TransportError:
                await self._recover()
                continue
            if answer.status_code in (409, 503):  # the same request is still under way, or the server stops
                await asyncio.sleep(0.05)
                continue
            assert answer.status_code == 200 or path.endswith("/cancel"), (method, path, body, answer.text)
            return dict(answer.json())

    @property
    def _url(self) -> str:
        assert self._program is not None
        return self._program.url

    async def _recover(self) -> None:
        await asyncio.sleep(0.01)
        await self._up.wait()

    async def _die(self) -> None:
        """Kill the server the moment after an answer, and start another one."""
        async with self._dying:
            assert self._program is not None
            self._up.clear()
            self._program.kill()
            self.kills += 1
            await asyncio.to_thread(self._program.start)
            self._born = time.monotonic()
            self._up.set()


def verdict(ordeal: Ordeal) -> list[str]:
    """What went wrong; nothing should."""
    ledger = Ledger(ordeal.folder / "data" / "server.db")
    try:
        return [
            *ledger.complaints(),
            *ledger.unfinished(),
            *_lost(ordeal, ledger),
            *_sunk(ordeal, ledger),
            *(complaint for job in ordeal.jobs for complaint in _heard(job, ledger)),
            *([f"it took {ordeal.seconds:.0f} s until all was over"] if ordeal.seconds > PATIENCE else []),
        ]
    finally:
        ledger.close()


def _lost(ordeal: Ordeal, ledger: Ledger) -> list[str]:
    """Every run that was accepted is there, once, with its message; and no other."""
    statuses = ledger.statuses()
    wrong = [f"run {job.run} is lost" for job in ordeal.jobs if job.run not in statuses]
    wrong += [f"{job.run}: {ledger.said(job.thread)}" for job in ordeal.jobs if ledger.said(job.thread) != [job.text]]
    if len(statuses) != len(ordeal.jobs):
        wrong.append(f"{len(ordeal.jobs)} runs were accepted, there are {len(statuses)}")
    for job in ordeal.jobs:
        fine = {"completed", "failed"} | ({"cancelled"} if job.kind == "cancelled" else set())
        if statuses.get(job.run) not in fine:
            wrong.append(f"{job.kind} run {job.run} is {statuses.get(job.run)}")
    return wrong


def _sunk(ordeal: Ordeal, ledger: Ledger) -> list[str]:
    """I8: no function was called twice; each that told its output was called."""
    sink = ordeal.folder / "sink"
    made = sink.read_text().split() if sink.exists() else []
    told = [
        call["output"].removeprefix("noted ") for call in ledger.calls() if (call["output"] or "").startswith("noted")
    ]
    twice = [f"{key} was noted twice" for key in set(made) if made.count(key) > 1]
    return [*twice, *(f"{key} was told and not noted" for key in told if key not in made)]


def _heard(job: Job, ledger: Ledger) -> list[str]:
    """I7: what a client heard of a stream, over all interruptions, is the log, once and in order."""
    if job.kind != "streamed":
        return []
    heard = [event["event"] for event in job.told if event["event"] != "done"]
    numbers = [int(event["id"]) for event in job.told if "id" in event]
    if numbers != list(range(1, len(numbers) + 1)):
        return [f"run {job.run}: heard events {numbers}"]
    if heard != ledger.log(job.run):
        return [f"run {job.run}: heard {heard}, told {ledger.log(job.run)}"]
    return []
