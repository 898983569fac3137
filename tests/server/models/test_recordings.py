"""What real servers sent is understood as it was meant, wherever the network cuts it.

The recordings were made by `benchmarks/record_models.py`; each folder's `recording.json` says of what. The official
`openai` client, which knows nothing of us, reads the same bytes and has to agree.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_upstream import Canned, answer_of, upstream, upstream_thread

from orchestrator.server.models.door import (
    CallPiece,
    ModelEvent,
    ModelFault,
    ModelRequest,
    Spent,
    Stop,
    TextPiece,
    ThoughtPiece,
)

PLACE = Path(__file__).parent / "recordings"
ASKED = ModelRequest(model="m", messages=[{"role": "user", "content": "hello"}])
FINISH = re.compile(rb'"finish_reason": ?"')


@dataclass(frozen=True)
class Recording:
    name: str
    raw: bytes
    meant: dict[str, Any]

    def __str__(self) -> str:
        return self.name

    @property
    def good(self) -> bool:
        return "fault" not in self.meant


@cache
def recordings() -> tuple[Recording, ...]:
    return tuple(
        Recording(f"{about.parent.name}-{case}", (about.parent / f"{case}.http").read_bytes(), meant)
        for about in sorted(PLACE.glob("*/recording.json"))
        for case, meant in json.loads(about.read_text())["cases"].items()
    )


every = pytest.mark.parametrize("recording", recordings(), ids=str)
good = pytest.mark.parametrize("recording", [one for one in recordings() if one.good], ids=str)


def understood(events: Iterable[ModelEvent]) -> dict[str, Any]:
    told: dict[str, Any] = {"text": "", "thoughts": "", "calls": [], "usage": None, "reason": None}
    for event in events:
        match event:
            case TextPiece():
                told["text"] += event.text
            case ThoughtPiece():
                told["thoughts"] += event.text
            case CallPiece() if event.name:
                told["calls"].append({"name": event.name, "arguments": event.arguments})
            case CallPiece():
                told["calls"][event.index]["arguments"] += event.arguments
            case Spent():
                told["usage"] = [event.prompt_tokens, event.completion_tokens]
            case Stop():
                told["reason"] = event.reason
    return told


async def replayed(raw: bytes, edges: Sequence[int]) -> dict[str, Any]:
    """What we understand when the network cuts the bytes at these places."""
    pieces = [raw[a:b] for a, b in pairwise([0, *sorted(edges), len(raw)])]
    async with upstream(Canned(pieces=pieces, whole=True)) as server:
        try:
            return understood(await answer_of(server.model(), ASKED))
        except ModelFault as fault:
            return {"fault": fault.code, "message": str(fault), "temporary": fault.temporary}


def test_six_implementations_have_been_recorded() -> None:
    abouts = [json.loads(about.read_text())["about"] for about in PLACE.glob("*/recording.json")]
    assert {about.split()[0] for about in abouts} == {
        "fakellm", "litellm", "llama-cpp-python", "llmock", "mlx-lm", "mockllm",
    }  # fmt: skip


@every
async def test_a_recording_means_what_it_says(recording: Recording) -> None:
    assert await replayed(recording.raw, ()) == recording.meant


@every
async def test_a_recording_means_the_same_byte_by_byte(recording: Recording) -> None:
    head = recording.raw.index(b"\r\n\r\n")
    edges = range(head, min(len(recording.raw), head + 3000))
    assert await replayed(recording.raw, edges) == recording.meant


@settings(max_examples=80, deadline=None)
@given(recording=st.sampled_from(recordings()), cuts=st.sets(st.floats(0, 1), max_size=10))
async def test_a_recording_means_the_same_wherever_it_is_cut(recording: Recording, cuts: set[float]) -> None:
    assert await replayed(recording.raw, [round(cut * len(recording.raw)) for cut in cuts]) == recording.meant


@good
async def test_a_recording_that_breaks_off_is_never_taken_for_whole(recording: Recording) -> None:
    """Cut before the end is announced, it is a fault; no half answer passes for an answer."""
    finish = FINISH.search(recording.raw)
    assert finish is not None
    told = await replayed(recording.raw[: finish.start()], ())
    assert told["fault"] == "server_error"


@good
def test_the_official_client_reads_the_same(recording: Recording) -> None:
    with upstream_thread(Canned(pieces=[recording.raw], whole=True)) as server:
        told = by_the_official_client(server.url)
    assert told == {**recording.meant, "thoughts": ""}


def by_the_official_client(url: str) -> dict[str, Any]:
    told: dict[str, Any] = {"text": "", "thoughts": "", "calls": [], "usage": None, "reason": None}
    with openai.OpenAI(base_url=url, api_key="k", max_retries=0) as client:
        messages: Any = ASKED.messages
        for chunk in client.chat.completions.create(model="m", messages=messages, stream=True):
            if chunk.usage:
                told["usage"] = [chunk.usage.prompt_tokens, chunk.usage.completion_tokens]
            for choice in chunk.choices:
                told["text"] += choice.delta.content or ""
                told["reason"] = choice.finish_reason or told["reason"]
                for piece in choice.delta.tool_calls or ():
                    if piece.index == len(told["calls"]):
                        told["calls"].append({"name": "", "arguments": ""})
                    assert piece.function is not None
                    told["calls"][piece.index]["name"] = piece.function.name or told["calls"][piece.index]["name"]
                    told["calls"][piece.index]["arguments"] += piece.function.arguments or ""
    return told
