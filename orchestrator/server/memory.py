"""What the model is told in each turn of a run: read from the store once, cut to what the model takes.

A short conversation is told whole without counting a token, for its bytes show that it fits. Only a longer one is
counted, off the event loop when that may take long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.server import context, turns
from orchestrator.server.context import Conversation, Line, Message, Room, Scale
from orchestrator.server.performers.door import Bounds
from orchestrator.server.records import Assistant, Json, Run, Step
from orchestrator.server.records import Message as Kept
from orchestrator.server.store import assistants, runs
from orchestrator.server.store.door import Tx
from orchestrator.server.tokens import Counts, Tokenizer, most, tokenizer

BYTES_PER_TOKEN = 8  # so much is read of a thread for each token that there is room for; hardly a text has more
AT_ONCE = 8_192  # characters that are counted on the event loop, within a millisecond


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is recorded: the assistant, the thread before the run, the run's steps, and its texts by message id."""

    assistant: Assistant
    history: Sequence[Kept]
    steps: tuple[Step, ...]
    texts: Mapping[str, str]


def scene(tx: Tx, run: Run, bounds: Bounds, tokens: int) -> Scene:
    """As many of the newest messages as are told, or what is surely more than `tokens`; the user's newest always."""
    assistant = assistants.of_run(tx, run)
    count = turns.span(run, bounds.limits(assistant))
    steps = runs.steps(tx, run.id)
    own = [runs.message(tx, step.message_id) for step in steps if step.message_id is not None]
    history = runs.history(tx, run.thread_id, run.id, count, BYTES_PER_TOKEN * tokens)
    texts = {message.id: message.text for message in own}
    return Scene(assistant=assistant, history=history, steps=steps, texts=texts)


class Memory:
    """The conversation of a run that is being carried out."""

    def __init__(self, run: Run, history: Sequence[Kept], counts: Counts, pictures: Mapping[str, str]) -> None:
        self._run = run
        self._offers = [tool.offer for tool in turns.offered(run).values()]
        self._history = [Line(message.id, turns.told(message, pictures)) for message in history]
        self._rough = Scale(most)
        self._tokenizer: Tokenizer = tokenizer(run.model)
        self._exact = Scale(self._tokenizer.count, self._tokenizer.name, counts)

    async def messages(self, steps: Sequence[Step], texts: Mapping[str, str], room: Room) -> Sequence[Message]:
        """The messages of the next turn. Raises: TooLong."""
        conversation = Conversation(
            instructions=self._run.instructions,
            offers=self._offers,
            history=self._history,
            done=list(turns.done(steps, texts)),
        )
        if self._rough.whole(conversation) <= room.narrow:
            lines = [line.told for line in self._history]
            return [*context.told_first(conversation.instructions), *lines, *conversation.done]
        if self._quick(conversation):
            return context.fit(conversation, room, self._exact)
        return await asyncio.to_thread(context.fit, conversation, room, self._exact)

    def _quick(self, conversation: Conversation) -> bool:
        """Whether little has to be counted."""
        if not self._tokenizer.ready:
            return False
        new = sum(_letters(line.told["content"]) for line in self._history if not self._exact.knows(line))
        done = sum(len(str(message.get("content"))) for message in conversation.done)
        return new + done + len(conversation.instructions or "") <= AT_ONCE


def _letters(content: str | Sequence[Json]) -> int:
    """Characters that have to be counted; images need not be."""
    return len(content) if isinstance(content, str) else sum(len(part.get("text", "")) for part in content)
