"""A door to runs that plays a script: streams of events, with errors in their middle, and runs to be polled."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.errors import TargetError
from orchestrator.runs import RunEvent

RUN = "run_1"
Script = list[RunEvent | TargetError]


def run(status: str, **fields: Any) -> RunEvent:
    return RunEvent(name=f"thread.run.{status}", data={"id": RUN, "status": status, **fields})


def asks(*calls: tuple[str, str, str]) -> dict[str, Any]:
    wire = [{"id": key, "type": "function", "function": {"name": name, "arguments": text}} for key, name, text in calls]
    return {"required_action": {"submit_tool_outputs": {"tool_calls": wire}}}


def wants(*calls: tuple[str, str, str]) -> RunEvent:
    return run("requires_action", **asks(*calls))


def says(text: str, message: str = "message_1") -> RunEvent:
    part = {"type": "text", "text": {"value": text, "annotations": []}}
    return RunEvent(name="thread.message.delta", data={"id": message, "delta": {"content": [part]}})


def message(text: str, key: str = "message_1", event: str = "completed", **fields: Any) -> RunEvent:
    content = [{"type": "text", "text": {"value": text}}]
    data = {"id": key, "role": "assistant", "run_id": RUN, "content": content, **fields}
    return RunEvent(name=f"thread.message.{event}", data=data)


def step(event: str, *calls: dict[str, Any], key: str = "step_1", status: str = "in_progress") -> RunEvent:
    details = {"type": "tool_calls", "tool_calls": list(calls)}
    data = {"id": key, "run_id": RUN, "status": status, "step_details": details}
    return RunEvent(name=f"thread.run.step.{event}", data=data)


def tool(kind: str, arguments: str, output: Any, key: str = "") -> dict[str, Any]:
    return {"id": key, "type": kind, kind: {"arguments": arguments, "output": output}}


def function(name: str, arguments: str, output: str | None, key: str = "") -> dict[str, Any]:
    return {"id": key, "type": "function", "function": {"name": name, "arguments": arguments, "output": output}}


@dataclass
class ScriptedApi:
    """`streams`: one per start or submission; `runs`: what retrieving gives, the last one again and again."""

    streams: list[Script]
    runs: list[dict[str, Any] | TargetError] = field(default_factory=list)
    newest: Mapping[str, Any] | None = None
    said: list[str] = field(default_factory=list)
    started: list[dict[str, object]] = field(default_factory=list)
    submitted: list[list[tuple[str, str]]] = field(default_factory=list)
    cancelled: int = 0
    slept: list[float] = field(default_factory=list)
    open_streams: int = 0

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def create_thread(self) -> str:
        return "thread_1"

    async def add_message(self, thread_id: str, text: str) -> None:
        self.said.append(text)

    def start_run(self, thread_id: str, assistant_id: str, **options: object) -> AsyncGenerator[RunEvent]:
        self.started.append(options)
        return self._play()

    def submit_tool_outputs(
        self, thread_id: str, run_id: str, outputs: Sequence[tuple[str, str]]
    ) -> AsyncGenerator[RunEvent]:
        self.submitted.append(list(outputs))
        return self._play()

    async def retrieve_run(self, thread_id: str, run_id: str) -> Mapping[str, Any]:
        found = self.runs.pop(0) if len(self.runs) > 1 else self.runs[0]
        if isinstance(found, TargetError):
            raise found
        return {"id": RUN, **found}

    async def cancel_run(self, thread_id: str, run_id: str) -> None:
        self.cancelled += 1

    async def latest_message(self, thread_id: str) -> Mapping[str, Any] | None:
        return self.newest

    async def _play(self) -> AsyncGenerator[RunEvent]:
        self.open_streams += 1
        try:
            for event in self.streams.pop(0):
                if isinstance(event, TargetError):
                    raise event
                yield event
        finally:
            self.open_streams -= 1
