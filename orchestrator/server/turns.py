"""What a turn needs and what becomes of its calls, as pure functions: no I/O, no clock.

A turn's messages are the instructions, the thread's history, and what this run did so far: its texts, its calls
and their outputs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from orchestrator.server.models.door import ModelRequest
from orchestrator.server.performers.door import Call, Limits
from orchestrator.server.records import Json, Message, Run, Step
from orchestrator.tools import Offer, offer
from orchestrator.tools.kind import as_object

HISTORY = 1_000  # messages of a thread that a model is told at most when nobody says how many
STRATEGY_HISTORY = 10  # what `last_messages` means without a number (Model Studio's default)
WRONG_ROUNDS = 3  # in which the same function is called wrongly, then the run has failed

_SEEN = ("https://", "http://", "data:image/")  # what models fetch or take
_NAMED = 200  # characters of an image's id or address that are told when it cannot be shown
_ERROR = '{"error":'
_WRONG_ARGUMENTS = frozenset({"bad_json", "bad_arguments"})  # how functions say that they were not called
Whose = Literal["server", "client", "nobody"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A tool that the model may call: what it is told, and the tool's wire type."""

    offer: Offer
    type: str


def offered(run: Run) -> dict[str, Offered]:
    """The run's tools that a model can call, by function name."""
    tools: dict[str, Offered] = {}
    for wire in run.tools:
        told = offer(wire)
        if told is not None:
            tools.setdefault(told.name, Offered(offer=told, type=str(wire.get("type"))))
    return tools


def request(run: Run, messages: Sequence[Json], steps: Sequence[Step]) -> ModelRequest:
    """The model's next turn, in which it is told these messages."""
    return ModelRequest(
        model=run.model,
        messages=messages,
        offers=[tool.offer for tool in offered(run).values()],
        settings=dict(run.settings),
        options=_options(run, steps),
    )


def told(message: Message, pictures: Mapping[str, str]) -> Json:
    """A message of the thread, as the model is told of it. `pictures`: files that are images, as URLs, by id."""
    shown = [_shown(part, pictures) for part in message.content] if message.role == "user" else []
    if not any(shown):
        return {"role": message.role, "content": content(message)}
    parts = zip(message.content, shown, strict=True)
    return {"role": message.role, "content": [show or {"type": "text", "text": _part(part)} for part, show in parts]}


def pictured(history: Sequence[Message]) -> list[str]:
    """Files that users show as images, the newest first."""
    parts = [part for message in reversed(history) if message.role == "user" for part in reversed(message.content)]
    return [_image(part) for part in parts if part.get("type") == "image_file"]


def span(run: Run, limits: Limits) -> int:
    """How many messages of the thread the model is told at most, however short they are."""
    strategy = as_object(run.options.get("truncation_strategy"))
    counts = [] if limits.context_messages is None else [limits.context_messages]
    if strategy.get("type") == "last_messages":
        asked = strategy.get("last_messages")
        counts.append(asked if isinstance(asked, int) else STRATEGY_HISTORY)
    return max(1, min(counts, default=HISTORY))


def done(steps: Sequence[Step], texts: Mapping[str, str]) -> Iterable[dict[str, Any]]:
    """What the run did: a text goes with the calls that were made in the same breath."""
    text = ""
    for step in steps:
        if step.status != "completed":
            continue
        if step.type == "message_creation":
            text = texts.get(step.message_id or "", "")
            continue
        said = {**_thoughts(step), "role": "assistant", "content": text or None}
        yield {**said, "tool_calls": [_said(call) for call in step.calls]}
        for call in step.calls:
            yield {"role": "tool", "tool_call_id": call["id"], "content": call["output"] or ""}
        text = ""


def content(message: Message) -> str:
    """A message as text; a part that is no text is named."""
    return "\n".join(_part(part) for part in message.content)


def calls(said: Iterable[Call], tools: Mapping[str, Offered], taken: set[str], fresh: Callable[[], str]) -> list[Call]:
    """The calls of a turn with the types of their tools, and ids that are unique within the run."""
    made: list[Call] = []
    for call in said:
        tool = tools.get(call.name)
        call_id = call.id if call.id and call.id not in taken else fresh()
        taken.add(call_id)
        kind = tool.type if tool else "function"
        arguments = call.arguments.strip() or "{}"
        made.append(Call(id=call_id, type=kind, name=call.name, arguments=arguments, extra=call.extra))
    return made


def complaint(call: Call, tools: Mapping[str, Offered]) -> str | None:
    """The output for a call that nobody can answer, so that the model can correct itself; None: it is right."""
    if call.name not in tools:
        known = ", ".join(sorted(tools)) or "none"
        return _error("unknown_function", f"There is no function '{call.name}'. Known functions: {known}.")
    try:
        arguments: object = orjson.loads(call.arguments)
    except orjson.JSONDecodeError as error:
        return _error("invalid_arguments", f"The arguments of '{call.name}' are not JSON: {error}.")
    if not isinstance(arguments, dict):
        return _error("invalid_arguments", f"The arguments of '{call.name}' are not a JSON object.")
    return None


def hopeless(steps: Sequence[Step], tools: Mapping[str, Offered]) -> str | None:
    """Why the model will not find out of a wrong call; None: there is hope."""
    rounds: dict[str, int] = {}
    for step in steps:
        wrong = {row["name"] for row in step.calls if _is_wrong(row, tools)}
        for name in wrong:
            rounds[name] = rounds.get(name, 0) + 1
            if rounds[name] >= WRONG_ROUNDS:
                return f"The model called '{name}' wrongly {WRONG_ROUNDS} times."
    return None


def too_much(steps: Sequence[Step], calls: Sequence[Call], limits: Limits) -> str | None:
    """Why the calls of one more round may not be made; None: they may."""
    if rounds(steps) >= limits.tool_rounds:
        return f"The run used all of its {limits.tool_rounds} tool rounds without an answer."
    made = sum(len(step.calls) for step in steps)
    if made + len(calls) > limits.tool_calls:
        return f"The run may make {limits.tool_calls} tool calls in all; it made {made} and asks for {len(calls)} more."
    before = Counter(call for step in steps for call in {_same(as_call(row)) for row in step.calls})
    for call in calls:
        if before[_same(call)] >= limits.same_calls:
            times = before[_same(call)] + 1
            return f"The model called '{call.name}' with the same arguments {times} times: it goes round in circles."
    return None


def whose(call: Call, performed: bool) -> Whose:
    """Who answers a right call: this server if a performer does, else the client if it is a function."""
    if performed:
        return "server"
    return "client" if call.type == "function" else "nobody"


def unavailable(call: Call) -> str:
    """The output for a built-in tool that no performer claims."""
    return _error("tool_unavailable", f"The tool '{call.name}' is not available on this server.")


def broken(call: Call) -> str:
    """The output for a call whose performer broke its promise."""
    return _error("tool_failed", f"The tool '{call.name}' failed inside the server.")


def interrupted(call: Call) -> str:
    """The output for a call that was under way when the server died: it is not called again."""
    told = f"The server was restarted while '{call.name}' ran. Its outcome is unknown; it was not called again."
    return _error("outcome_unknown", told)


def tells_error(output: str) -> bool:
    """Whether an output tells the model of an error, in the one shape that errors have here."""
    return output.startswith(_ERROR)


def as_call(row: Json) -> Call:
    """A call as a step keeps it."""
    return Call(id=row["id"], type=row["type"], name=row["name"], arguments=row["arguments"])


def pending(row: Json) -> Json:
    """A call as `required_action` shows it."""
    return {"id": row["id"], "type": "function", "function": {"name": row["name"], "arguments": row["arguments"]}}


def rounds(steps: Iterable[Step]) -> int:
    """Tool rounds so far."""
    return sum(step.type == "tool_calls" for step in steps)


def clean(text: str) -> str:
    """Text that can be stored as UTF-8: what cannot becomes a question mark."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _is_wrong(row: Json, tools: Mapping[str, Offered]) -> bool:
    """Whether nobody could answer the call, or whoever performs it says that its arguments are wrong."""
    return complaint(as_call(row), tools) is not None or _code(row["output"] or "") in _WRONG_ARGUMENTS


def _code(output: str) -> object:
    """The code of an output that is an error."""
    if not output.startswith('{"error"'):
        return None
    try:
        return as_object(as_object(orjson.loads(output)).get("error")).get("code")
    except orjson.JSONDecodeError:
        return None


def _same(call: Call) -> tuple[str, str]:
    """What two calls have in common that are the same, however their arguments are written."""
    try:
        arguments = orjson.dumps(orjson.loads(call.arguments), option=orjson.OPT_SORT_KEYS).decode()
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        arguments = call.arguments
    return call.name, arguments


def _error(code: str, message: str) -> str:
    return orjson.dumps({"error": {"code": code, "message": clean(message)}}).decode()


def _part(part: Json) -> str:
    if part.get("type") == "text":
        return str(as_object(part.get("text")).get("value", ""))
    return f"[{part.get('type')}: {_image(part)[:_NAMED]}]"


def _shown(part: Json, pictures: Mapping[str, str]) -> Json | None:
    """An image as models are shown it; None: it can only be named."""
    url = pictures.get(_image(part)) if part.get("type") == "image_file" else _image(part)
    if url is None or not url.startswith(_SEEN):
        return None
    detail = as_object(part.get(str(part.get("type")))).get("detail")
    return {"type": "image_url", "image_url": {"url": url, **({"detail": detail} if detail else {})}}


def _image(part: Json) -> str:
    """Which image a part means: the id of a file, or a URL; empty for a text."""
    if part.get("type") == "image_file":
        return str(as_object(part.get("image_file")).get("file_id", "unknown"))
    return str(as_object(part.get("image_url")).get("url", "unknown")) if part.get("type") == "image_url" else ""


def _thoughts(step: Step) -> Json:
    """The reasoning that led to the calls: some models refuse to go on without it."""
    return as_object(step.calls[0].get("thoughts")) if step.calls else {}


def _said(row: Json) -> Json:
    """A call as the model made it: every tool is a function to a chat model."""
    extra = as_object(row.get("extra"))
    return {**pending(row), "extra_content": extra} if extra else pending(row)


def _options(run: Run, steps: Sequence[Step]) -> dict[str, Any]:
    """The options for the model. A forced call is forced once, or the run would call for ever."""
    options = {name: value for name, value in run.options.items() if name != "truncation_strategy"}
    forced = options.get("tool_choice") not in (None, "none", "auto")
    if forced and rounds(steps):
        options["tool_choice"] = "auto"
    return options
