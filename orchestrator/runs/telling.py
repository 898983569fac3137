"""From the events of a run to what a person is shown: text, tool calls, the end. Pure; each thing is told once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from orchestrator.runs.lifecycle import Call, as_list, as_object, is_run_event, told_by
from orchestrator.wire.events import MESSAGE_DELTA, STEP_DELTA, message_event, step_event

_STEP = step_event("")
_MESSAGE = message_event("")
_FULL_STEPS = (step_event("completed"), step_event("failed"))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent:
    """One event of a run's stream: its name and its data, a JSON object."""

    name: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A piece of the assistant's text; a new `message` begins a new paragraph."""

    text: str
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """A tool is called, by the server or by us. `call` ties it to its `CallDone`; `arguments` is mostly JSON text."""

    call: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDone:
    """What a call gave. `here`: we answered it; else the server performed it."""

    call: str
    name: str
    output: str
    here: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The run has its answer; `usage` as the server counts, `{}` if it does not tell."""

    run: str
    status: str
    usage: Mapping[str, Any]


Happening = Said | Called | CallDone | Ended


class Teller:
    """Remembers what was told of one run, so that repetitions on the wire are not repeated to the person."""

    def __init__(self) -> None:
        self.run: Mapping[str, Any] = {}
        self.run_id = ""
        self._said: dict[str, str] = {}
        self._called: set[str] = set()
        self._done: set[str] = set()
        self._nameless: Counter[tuple[str, str]] = Counter()  # calls without an id that we answered

    def take(self, event: RunEvent) -> Iterator[Happening]:
        """What an event tells that was not told yet."""
        name, data = event.name, event.data
        if is_run_event(name, data):
            self.run = told_by(name, data)
            self.run_id = str(data["id"])
        elif name == MESSAGE_DELTA:
            delta = as_object(data.get("delta"))
            yield from self._say(str(data.get("id") or ""), _text(delta.get("content")))
        elif name.startswith(_MESSAGE):
            yield from self.message(data)
        elif name.startswith(_STEP) and name != STEP_DELTA:
            yield from self._step(name, data)

    def message(self, message: Mapping[str, Any]) -> Iterator[Happening]:
        """What a whole message says beyond the pieces that were told already."""
        key = str(message.get("id") or "")
        text, said = _text(message.get("content")), self._said.get(key, "")
        if text.startswith(said):
            yield from self._say(key, text[len(said) :])

    def is_own(self, message: Mapping[str, Any]) -> bool:
        """Whether a message was written by this run."""
        return message.get("role") == "assistant" and message.get("run_id") in (self.run_id, "", None)

    def calls(self, calls: tuple[Call, ...]) -> Iterator[Called]:
        """Calls that are to be answered here."""
        for place, call in enumerate(calls):
            key = _key(call, place)
            if key not in self._called:
                yield Called(call=key, name=call.name, arguments=call.arguments)
            self._called.add(key)

    def outputs(self, calls: tuple[Call, ...], outputs: list[str]) -> Iterator[CallDone]:
        """Calls that were answered here; when the server repeats them in a step, they are not told again."""
        for place, (call, output) in enumerate(zip(calls, outputs, strict=True)):
            key = _key(call, place)
            yield CallDone(call=key, name=call.name, output=output, here=True)
            if call.id:
                self._done.add(key)
            else:
                self._called.discard(key)
                self._nameless[call.name, call.arguments] += 1

    def _say(self, message: str, text: str) -> Iterator[Said]:
        self._said[message] = self._said.get(message, "") + text
        if text:
            yield Said(text=text, message=message)

    def _step(self, event: str, step: Mapping[str, Any]) -> Iterator[Happening]:
        """A step's calls. The event's name tells that they are whole; the status inside may lag behind."""
        details = as_object(step.get("step_details"))
        for place, wire in enumerate(as_list(details.get("tool_calls"))):
            tool = as_object(wire)
            name, arguments, output = _tool_call(tool)
            key = str(tool.get("id") or f"{step.get('id')}/{place}")
            whole = event in _FULL_STEPS
            if not name or (whole and self._is_ours(key, tool, name, arguments)):
                continue
            if key not in self._called and (whole or (arguments and tool.get("id"))):
                self._called.add(key)
                yield Called(call=key, name=name, arguments=arguments)
            if whole and key not in self._done:
                self._done.add(key)
                yield CallDone(call=key, name=name, output=output, here=False)

    def _is_ours(self, key: str, tool: Mapping[str, Any], name: str, arguments: str) -> bool:
        if tool.get("id") or key in self._done or not self._nameless[name, arguments]:
            return False
        self._nameless[name, arguments] -= 1
        self._called.add(key)
        self._done.add(key)
        return True


def _key(call: Call, place: int) -> str:
    return call.id or f"#{place}"


def _tool_call(tool: Mapping[str, Any]) -> tuple[str, str, str]:
    """Name, arguments and output: below `function`, below the tool's type, or (seen once) below `plugin_name`."""
    kind = str(tool.get("type") or "")
    inner = as_object(tool.get(kind)) or as_object(tool.get("plugin_name"))
    name = str(inner.get("name") or "") if kind == "function" else kind
    return name, _plain(inner.get("arguments")), _plain(inner.get("output"))


def _plain(value: object) -> str:
    if value in (None, [], {}):
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _text(content: object) -> str:
    """The text of content parts; what is no text is left out. A single part need not be in a list."""
    parts = as_list(content) or [content]
    texts = [as_object(as_object(part).get("text")).get("value") for part in parts]
    return "".join(text for text in texts if isinstance(text, str))
