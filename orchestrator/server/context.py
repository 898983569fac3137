"""Cuts a conversation to what a model takes. Pure: no I/O, no clock; the same conversation is always cut alike.

What is told, in this order: instructions, the thread's messages, what the run did so far. What must be told comes
first: instructions, tools, the newest user message, the run's own calls with their outputs. Where that leaves room,
older messages are told, from the newest backwards, without gaps. If even what must be told is too much, outputs of the
run's calls are shortened, oldest first; if that is not enough, the run cannot go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import orjson

from orchestrator.server.records import Json, Run
from orchestrator.server.tokens import Counts
from orchestrator.tools import Offer

CONTEXT_TOKENS = 32_768  # of a model of which nobody says what it takes: the least of Model Studio's
ANSWER_TOKENS = 2_048  # kept for an answer that nobody bounds, but at most a quarter of the context
SHORT = 200  # characters that a shortened output has at least, unless even these are too many

PICTURE_TOKENS = 1_280  # of an image, as Qwen's models count one of about a megapixel

_START = 40  # tokens that a model's template adds around a conversation
_MESSAGE = 6  # … around a message
_CALL = 16  # … around a call
_TOOLS = 160  # … in front of tools
_TOOL = 16  # … around a tool

Message = Mapping[str, Any]


class TooLong(Exception):
    """What must be told is more than the model takes; the text is for the client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """The tokens that a prompt may have, and where that comes from.

    `wished`: within these the run's `max_prompt_tokens` would have it; what must be told is told even so, and the run
    ends when the model's own count is known.
    """

    tokens: int
    why: str
    wished: int | None = None

    @property
    def narrow(self) -> int:
        """The tokens within which history is told."""
        return self.tokens if self.wished is None else min(self.tokens, self.wished)


@dataclass(frozen=True, slots=True)
class Line:
    """A message of the thread: its id, and what the model is told of it."""

    id: str
    told: Message

    @property
    def from_user(self) -> bool:
        """Whether the user said it."""
        return self.told["role"] == "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """All that a model could be told. `done`: what the run did, each call followed by its output."""

    instructions: str | None
    offers: Sequence[Offer]
    history: Sequence[Line]
    done: Sequence[Message]


class Scale:
    """What things weigh, in tokens as `count` counts them. Messages of threads are remembered in `counts`."""

    def __init__(self, count: Callable[[str], int], name: str = "", counts: Counts | None = None) -> None:
        self._count = count
        self._name = name
        self._counts = counts
        self._texts: dict[str, int] = {}

    def text(self, text: str) -> int:
        """A text."""
        known = self._texts.get(text)
        if known is None:
            known = self._texts[text] = self._count(text)
        return known

    def line(self, line: Line) -> int:
        """A message of a thread."""
        if self._counts is None:
            return self.message(line.told)
        known = self._counts.get((self._name, line.id))
        if known is None:
            known = _MESSAGE + sum(self._parts(line.told, self._count))
            self._counts.put((self._name, line.id), known)
        return known

    def knows(self, line: Line) -> bool:
        """Whether the message need not be counted any more."""
        return self._counts is not None and self._counts.get((self._name, line.id)) is not None

    def message(self, message: Message) -> int:
        """A message."""
        return _MESSAGE + sum(self._parts(message, self.text))

    def frame(self, conversation: Conversation) -> int:
        """Instructions and tools."""
        tools = [_TOOL + self.text(_json(_offer(offer))) for offer in conversation.offers]
        return _START + self.text(conversation.instructions or "") + sum(tools) + (_TOOLS if tools else 0)

    def whole(self, conversation: Conversation) -> int:
        """All of it."""
        lines = sum(map(self.line, conversation.history))
        return self.frame(conversation) + lines + sum(map(self.message, conversation.done))

    def _parts(self, message: Message, count: Callable[[str], int]) -> Iterable[int]:
        for name, value in message.items():
            if name == "tool_calls":
                yield sum(_CALL + count(_json(call["function"])) for call in value)
            elif name == "content" and isinstance(value, list):
                yield sum(map(partial(_seen, count), cast("list[Json]", value)))
            elif isinstance(value, str) and name != "role":
                yield count(value)
            elif value is not None and name != "role":
                yield count(_json(value))


def room(run: Run, model_takes: int | None, left: Mapping[str, int]) -> Room:
    """How long the prompt of a run's next turn may be. `left`: what the run may still spend, by limit."""
    takes = model_takes or CONTEXT_TOKENS
    bounds = [run.settings.get("max_tokens"), left.get("max_completion_tokens")]
    asked = min((bound for bound in bounds if isinstance(bound, int)), default=min(ANSWER_TOKENS, takes // 4))
    answer = min(max(1, asked), takes // 2)
    why = f"the model '{run.model}' takes {takes}, of which {answer} are kept for its answer"
    return Room(tokens=takes - answer, why=why, wished=left.get("max_prompt_tokens"))


def fit(conversation: Conversation, room: Room, scale: Scale) -> tuple[Message, ...]:
    """The messages to tell: at most as much as there is room for. Raises: TooLong."""
    lines = conversation.history
    newest = next((place for place in reversed(range(len(lines))) if lines[place].from_user), None)
    frame, asked = scale.frame(conversation), 0 if newest is None else scale.line(lines[newest])
    if frame > room.tokens:
        raise TooLong(f"The instructions and tools have {frame} tokens; {room.why}.")
    if frame + asked > room.tokens:
        said = f"The newest user message has {asked} tokens, the instructions and tools before it {frame}"
        raise TooLong(f"{said}; {room.why}.")
    done = _shortened(conversation.done, room.tokens - frame - asked, room, scale)
    must = frame + asked + sum(map(scale.message, done))
    first = _first(lines, newest, room.narrow - must, scale)
    kept = [line.told for place, line in enumerate(lines) if place >= first or place == newest]
    return (*told_first(conversation.instructions), *kept, *done)


def told_first(instructions: str | None) -> tuple[Message, ...]:
    """The instructions as the message that comes first."""
    return ({"role": "system", "content": instructions},) if instructions else ()


def _first(lines: Sequence[Line], newest: int | None, left: int, scale: Scale) -> int:
    """The place of the oldest message that, with all that follow, still fits. `newest` has its room already."""
    for place in reversed(range(len(lines))):
        left -= 0 if place == newest else scale.line(lines[place])
        if left < 0:
            return place + 1
    return 0


def _shortened(done: Sequence[Message], tokens: int, room: Room, scale: Scale) -> list[Message]:
    """What the run did, with outputs shortened until it fits. Raises: TooLong."""
    told = list(done)
    weights = [scale.message(message) for message in told]
    for place, message in enumerate(told):
        over = sum(weights) - tokens
        if over <= 0:
            return told
        if message["role"] == "tool":
            told[place] = {**message, "content": _short(message["content"], over, scale)}
            weights[place] = scale.message(told[place])
    if sum(weights) > tokens:
        text = f"The calls of this run have {sum(weights)} tokens, their outputs shortened; {tokens} are left for them"
        raise TooLong(f"{text}: {room.why}.")
    return told


def _short(text: str, over: int, scale: Scale) -> str:
    """The beginning of a text and a mark, `over` tokens less than the text if that can be."""
    weight = scale.text(text)
    keep = max(SHORT, len(text) * max(0, weight - over) // max(1, weight))
    while keep:
        short = text[:keep] + _mark(text, keep)
        if scale.text(short) <= weight - over:
            return short
        keep = keep // 2 if keep > SHORT else 0
    mark = _mark(text, 0).lstrip()
    return mark if scale.text(mark) < weight else text


def _mark(text: str, kept: int) -> str:
    return f"\n[shortened: {len(text) - kept} of {len(text)} characters left out]"


def _seen(count: Callable[[str], int], part: Json) -> int:
    """What a part weighs: a text, or an image."""
    return count(part["text"]) if part["type"] == "text" else PICTURE_TOKENS


def _offer(offer: Offer) -> Json:
    return {"name": offer.name, "description": offer.description, "parameters": offer.parameters}


def _json(value: object) -> str:
    return orjson.dumps(value, default=dict).decode()
