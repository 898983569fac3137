"""One vocabulary over both SDKs, so that one script can be played through either; each verb is one call of the SDK."""

import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import openai
import pytest
import vendor
from openai import OpenAI

Event = tuple[str, Any]


class Speaker(Protocol):
    def assistant(self, **fields: Any) -> Any: ...
    def change(self, assistant: str, **fields: Any) -> Any: ...
    def thread(self, *texts: str) -> Any: ...
    def say(self, thread: str, text: str) -> Any: ...
    def message(self, message: str, thread: str) -> Any: ...
    def messages(self, thread: str, **page: Any) -> list[Any]: ...
    def run(self, thread: str, assistant: str, **fields: Any) -> Any: ...
    def told(self, thread: str, assistant: str) -> list[Event]: ...
    def look(self, run: Any) -> Any: ...
    def submit(self, run: Any, outputs: list[Any]) -> Any: ...
    def submit_told(self, run: Any, outputs: list[Any]) -> list[Event]: ...
    def cancel(self, run: Any) -> Any: ...
    def steps(self, run: Any) -> list[Any]: ...
    def runs(self, thread: str) -> list[Any]: ...
    def delete(self, assistant: str, thread: str) -> None: ...
    def refusal(self, call: Callable[[], Any]) -> str: ...


class Dashscope:
    """The vendor's SDK."""

    def assistant(self, **fields: Any) -> Any:
        return vendor.Assistants.create(**fields)

    def change(self, assistant: str, **fields: Any) -> Any:
        return vendor.Assistants.update(assistant, **fields)

    def thread(self, *texts: str) -> Any:
        return vendor.Threads.create(messages=_messages(texts))

    def say(self, thread: str, text: str) -> Any:
        return vendor.Messages.create(thread, content=text)

    def message(self, message: str, thread: str) -> Any:
        return vendor.Messages.get(message, thread_id=thread)

    def messages(self, thread: str, **page: Any) -> list[Any]:
        return vendor.Messages.list(thread, **page).data

    def run(self, thread: str, assistant: str, **fields: Any) -> Any:
        return vendor.Runs.create(thread, assistant_id=assistant, extra_body=fields)

    def told(self, thread: str, assistant: str) -> list[Event]:
        return list(vendor.Runs.create(thread, assistant_id=assistant, stream=True))

    def look(self, run: Any) -> Any:
        return vendor.Runs.get(run.id, thread_id=run.thread_id)

    def submit(self, run: Any, outputs: list[Any]) -> Any:
        return vendor.Runs.submit_tool_outputs(run.id, thread_id=run.thread_id, tool_outputs=outputs)

    def submit_told(self, run: Any, outputs: list[Any]) -> list[Event]:
        return list(vendor.Runs.submit_tool_outputs(run.id, thread_id=run.thread_id, tool_outputs=outputs, stream=True))

    def cancel(self, run: Any) -> Any:
        return vendor.Runs.cancel(run.id, thread_id=run.thread_id)

    def steps(self, run: Any) -> list[Any]:
        return vendor.Steps.list(run.id, thread_id=run.thread_id, order="asc").data

    def runs(self, thread: str) -> list[Any]:
        return vendor.Runs.list(thread).data

    def delete(self, assistant: str, thread: str) -> None:
        vendor.Assistants.delete(assistant)
        vendor.Threads.delete(thread)

    def refusal(self, call: Callable[[], Any]) -> str:
        refused = call()
        assert refused.status_code == 400
        return refused.message


class Openai:
    """OpenAI's SDK."""

    def __init__(self, client: OpenAI) -> None:
        self._beta = client.beta

    def assistant(self, **fields: Any) -> Any:
        return self._beta.assistants.create(**fields)

    def change(self, assistant: str, **fields: Any) -> Any:
        return self._beta.assistants.update(assistant, **fields)

    def thread(self, *texts: str) -> Any:
        return self._beta.threads.create(messages=_messages(texts))

    def say(self, thread: str, text: str) -> Any:
        return self._beta.threads.messages.create(thread, role="user", content=text)

    def message(self, message: str, thread: str) -> Any:
        return self._beta.threads.messages.retrieve(message, thread_id=thread)

    def messages(self, thread: str, **page: Any) -> list[Any]:
        return self._beta.threads.messages.list(thread, **page).data

    def run(self, thread: str, assistant: str, **fields: Any) -> Any:
        return self._beta.threads.runs.create(thread, assistant_id=assistant, **fields)

    def told(self, thread: str, assistant: str) -> list[Event]:
        return _pairs(self._beta.threads.runs.create(thread, assistant_id=assistant, stream=True))

    def look(self, run: Any) -> Any:
        return self._beta.threads.runs.retrieve(run.id, thread_id=run.thread_id)

    def submit(self, run: Any, outputs: list[Any]) -> Any:
        return self._beta.threads.runs.submit_tool_outputs(run.id, thread_id=run.thread_id, tool_outputs=outputs)

    def submit_told(self, run: Any, outputs: list[Any]) -> list[Event]:
        submit = self._beta.threads.runs.submit_tool_outputs
        return _pairs(submit(run.id, thread_id=run.thread_id, tool_outputs=outputs, stream=True))

    def cancel(self, run: Any) -> Any:
        return self._beta.threads.runs.cancel(run.id, thread_id=run.thread_id)

    def steps(self, run: Any) -> list[Any]:
        return self._beta.threads.runs.steps.list(run.id, thread_id=run.thread_id, order="asc").data

    def runs(self, thread: str) -> list[Any]:
        return self._beta.threads.runs.list(thread).data

    def delete(self, assistant: str, thread: str) -> None:
        self._beta.assistants.delete(assistant)
        self._beta.threads.delete(thread)

    def refusal(self, call: Callable[[], Any]) -> str:
        with pytest.raises(openai.APIStatusError) as caught:
            call()
        assert caught.value.status_code in (400, 404)
        assert isinstance(caught.value.body, dict)
        return str(caught.value.body["message"])


def ended(speaker: Speaker, run: Any) -> Any:
    """The run when it is over or waits for the client."""
    deadline = time.monotonic() + 20
    while run.status in ("queued", "in_progress", "cancelling"):
        assert time.monotonic() < deadline, run.status
        time.sleep(0.02)
        run = speaker.look(run)
    return run


def outputs(run: Any, text: str) -> list[Any]:
    """An output for each call that a run waits for."""
    calls = run.required_action.submit_tool_outputs.tool_calls
    return [{"tool_call_id": call.id, "output": text} for call in calls]


def _messages(texts: Iterable[str]) -> list[Any]:
    return [{"role": "user", "content": text} for text in texts]


def _pairs(events: Iterable[Any]) -> list[Event]:
    return [(event.event, event.data) for event in events]
