"""Whatever a server sends, it is read or left out; nothing is told twice."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import strategies
from hypothesis import given
from hypothesis import strategies as st
from scripted import message, says

from orchestrator.errors import CannotUnderstand
from orchestrator.runs import RunEvent, Said, read
from orchestrator.runs.telling import Teller

NAMES = st.sampled_from(
    [
        "",
        "error",
        "thread.created",
        "thread.run.completed",
        "thread.run.requires_action",
        "thread.run.step.completed",
        "thread.run.step.delta",
        "thread.message.delta",
        "thread.message.completed",
    ]
)
WORDS = st.sampled_from(
    [
        "id",
        "status",
        "delta",
        "content",
        "text",
        "value",
        "step_details",
        "tool_calls",
        "type",
        "function",
        "name",
        "arguments",
        "output",
        "required_action",
        "submit_tool_outputs",
        "last_error",
        "code",
        "message",
    ]
)
LIKELY = st.recursive(
    strategies.json_values,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(st.tuples(NAMES, st.dictionaries(WORDS, LIKELY, max_size=5)), max_size=6))
def test_any_events_are_read_without_a_fault(events: list[tuple[str, dict[str, Any]]]) -> None:
    teller = Teller()
    told = [one for name, data in events for one in teller.take(RunEvent(name=name, data=data))]
    with suppress(CannotUnderstand):
        read(teller.run)
    assert len({one.call for one in told if hasattr(one, "output")}) == sum(hasattr(one, "output") for one in told)


@given(st.lists(strategies.texts, max_size=6), st.integers(0, 6), st.integers(1, 2))
def test_pieces_and_whole_messages_make_the_text_once(pieces: list[str], heard: int, twice: int) -> None:
    teller = Teller()
    whole = message("".join(pieces))
    events = [*map(says, pieces[:heard]), *[whole] * twice]
    told = [one for event in events for one in teller.take(event)]
    assert "".join(one.text for one in told if isinstance(one, Said)) == "".join(pieces)
