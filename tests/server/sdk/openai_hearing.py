"""Event handlers of the SDK that write down what they are told, and what every stream must have told in the end."""

from typing import Any

from openai import AssistantEventHandler, AsyncAssistantEventHandler
from typing_extensions import override

HOOKS = [
    "on_run_step_created",
    "on_run_step_delta",
    "on_run_step_done",
    "on_tool_call_created",
    "on_tool_call_delta",
    "on_tool_call_done",
    "on_message_created",
    "on_message_delta",
    "on_message_done",
    "on_text_created",
    "on_text_delta",
    "on_text_done",
]


class Hearing(AssistantEventHandler):
    """Notes every call of a hook with a copy of what came; names of events apart."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []
        self.told: list[tuple[str, Any]] = []
        self.ended = 0
        self.exceptions: list[Exception] = []
        for hook in HOOKS:
            setattr(self, hook, lambda *things, hook=hook: self.told.append((hook, _copy(things[-1]))))

    @override
    def on_event(self, event: Any) -> None:
        self.events.append(event)

    @override
    def on_end(self) -> None:
        self.ended += 1

    @override
    def on_exception(self, exception: Exception) -> None:
        self.exceptions.append(exception)


class AsyncHearing(AsyncAssistantEventHandler):
    """The same, for the asynchronous client."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []
        self.told: list[tuple[str, Any]] = []
        self.ended = 0
        self.exceptions: list[Exception] = []
        for hook in HOOKS:
            setattr(self, hook, self._noting(hook))

    def _noting(self, hook: str) -> Any:
        async def note(*things: Any) -> None:
            self.told.append((hook, _copy(things[-1])))

        return note

    @override
    async def on_event(self, event: Any) -> None:
        self.events.append(event)

    @override
    async def on_end(self) -> None:
        self.ended += 1

    @override
    async def on_exception(self, exception: Exception) -> None:
        self.exceptions.append(exception)


def _copy(thing: Any) -> Any:
    return thing.model_copy(deep=True)


def names(events: list[Any]) -> list[str]:
    """The events' names, repeated ones once."""
    found = [event.event for event in events]
    return [name for before, name in zip(["", *found], found, strict=False) if name != before]


def of(heard: Hearing | AsyncHearing, hook: str) -> list[Any]:
    """What one hook was told."""
    return [thing for name, thing in heard.told if name == hook]


def check_complete(heard: Hearing | AsyncHearing) -> None:
    """A stream that was told well: what the hooks heard is what the events say, and all of it has come to an end."""
    assert (heard.ended, heard.exceptions) == (1, [])
    data = {name: [e.data for e in heard.events if e.event == name] for name in {e.event for e in heard.events}}
    messages = data.get("thread.message.created", [])
    whole = {m.id: m for name in ("completed", "incomplete") for m in data.get(f"thread.message.{name}", [])}
    assert [m.id for m in of(heard, "on_message_created")] == [m.id for m in messages]
    assert {m.id for m in of(heard, "on_message_done")} == {m.id for m in messages} == whole.keys()
    for message in whole.values():
        pieces = [d.delta for d in data.get("thread.message.delta", []) if d.id == message.id]
        text = "".join(part.text.value for piece in pieces for part in piece.content)
        assert text == "".join(part.text.value for part in message.content)
    spoken = {m.content[0].text.value for m in whole.values() if m.content[0].text.value}
    assert spoken <= {t.value for t in of(heard, "on_text_done")}
    steps = [s.id for s in data.get("thread.run.step.created", [])]
    assert [s.id for s in of(heard, "on_run_step_created")] == steps
    over = [s for n in ("completed", "failed", "cancelled", "expired") for s in data.get(f"thread.run.step.{n}", [])]
    assert {s.id for s in of(heard, "on_run_step_done")} == {s.id for s in over}
    _check_calls(heard, over)
    assert heard.current_run is not None
    assert heard.events[-1].data.id == heard.current_run.id


def _check_calls(heard: Hearing | AsyncHearing, over: list[Any]) -> None:
    """Each call of a step that this stream told from its beginning was told with all that is known of it."""
    begun = {step.id for step in of(heard, "on_run_step_created")}
    done = {call.id: call for call in of(heard, "on_tool_call_done")}
    for step in over:
        if step.type == "tool_calls" and step.id in begun:
            for call in step.step_details.tool_calls:
                told = done[call.id].to_dict(warnings=False)
                told.pop("index")
                for output in told.get("code_interpreter", {}).get("outputs", []):
                    output.pop("index")
                assert told == call.to_dict(warnings=False)
