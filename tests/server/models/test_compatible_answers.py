"""What servers of many styles stream is understood, however the bytes are cut."""

import asyncio
import re
from collections.abc import Iterable
from itertools import pairwise

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_recordings import DASHSCOPE, OPENAI_CALLS, OPENAI_TEXT, RECORDINGS, Recording
from model_upstream import HELLO, Canned, answer_of, replay, upstream

from orchestrator.server.models.door import CallPiece, ModelEvent, Spent, Stop, TextPiece, ThoughtPiece
from orchestrator.server.models.questions import Manner

recordings = pytest.mark.parametrize("recording", RECORDINGS.values(), ids=list(RECORDINGS))


def calls_of(events: Iterable[ModelEvent]) -> list[tuple[str, str, str]]:
    """Put calls together as the server does: id and name come with the first piece only."""
    calls: dict[int, list[str]] = {}
    for event in events:
        if isinstance(event, CallPiece):
            if event.index not in calls:
                assert event.id
                assert event.name
                calls[event.index] = [event.id, event.name, ""]
            else:
                assert event.id is None
                assert event.name is None
            calls[event.index][2] += event.arguments
    assert list(calls) == list(range(len(calls)))
    return [(call[0], call[1], call[2]) for call in calls.values()]


def check(events: list[ModelEvent], recording: Recording) -> None:
    assert "".join(e.text for e in events if isinstance(e, TextPiece)) == recording.text
    assert all(e.text for e in events if isinstance(e, TextPiece))
    calls = calls_of(events)
    assert [c[1:] for c in calls] == [c[1:] for c in recording.calls]
    for (told, *_), (known, *_) in zip(calls, recording.calls, strict=True):
        assert told == known if known else re.fullmatch(r"call_[0-9a-f]{24}", told)
    assert len({c[0] for c in calls}) == len(calls)
    spent = [(e.prompt_tokens, e.completion_tokens) for e in events if isinstance(e, Spent)]
    assert spent == ([recording.spent] if recording.spent else [])
    assert [e for e in events if isinstance(e, Stop)] == [Stop(reason=recording.reason)] == events[-1:]


@recordings
async def test_a_recording_is_understood(recording: Recording) -> None:
    check(await replay(Canned(pieces=[recording.raw])), recording)


@recordings
async def test_a_recording_is_understood_byte_by_byte(recording: Recording) -> None:
    check(await replay(Canned(pieces=[bytes([b]) for b in recording.raw])), recording)


@recordings
async def test_a_recording_without_length_or_chunks_is_understood(recording: Recording) -> None:
    check(await replay(Canned(pieces=[recording.raw], chunked=False)), recording)


@recordings
@pytest.mark.parametrize("kind", ["application/json", "text/plain; charset=latin-1", ""])
async def test_the_content_type_does_not_matter(recording: Recording, kind: str) -> None:
    check(await replay(Canned(pieces=[recording.raw], headers={"content-type": kind})), recording)


@settings(max_examples=60, deadline=None)
@given(recording=st.sampled_from(list(RECORDINGS.values())), cuts=st.sets(st.floats(0, 1), max_size=12))
async def test_any_split_of_a_stream_gives_the_same_events(recording: Recording, cuts: set[float]) -> None:
    size = len(recording.raw)
    edges = [0, *sorted(round(cut * size) for cut in cuts), size]
    pieces = [recording.raw[a:b] for a, b in pairwise(edges)]
    check(await replay(Canned(pieces=pieces)), recording)


@settings(max_examples=40, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60))
async def test_any_text_arrives_as_it_was_sent(text: str) -> None:
    first = orjson.dumps({"choices": [{"delta": {"content": text}, "finish_reason": None}]})
    last = b'{"choices":[{"delta":{},"finish_reason":"stop"}]}'
    check(await replay(Canned(pieces=[b"data: ", first, b"\n\ndata: ", last])), Recording(raw=b"", text=text))


async def test_pieces_are_told_as_they_come() -> None:
    texts = [e.text for e in await replay(Canned(pieces=[OPENAI_TEXT.raw])) if isinstance(e, TextPiece)]
    assert texts == ["Grüße aus", " 杭州 🌤"]


async def test_reasoning_is_told_apart_from_the_answer_or_left_out() -> None:
    answer = Canned(pieces=[RECORDINGS["vllm"].raw])
    thoughts = [e for e in await replay(answer) if isinstance(e, ThoughtPiece)]
    assert thoughts == [ThoughtPiece(field="reasoning_content", text="secret thoughts")]
    assert "secret thoughts" not in str(await replay(answer, manner=Manner(thoughts=False)))


async def test_the_end_of_the_connection_after_finish_reason_loses_nothing_but_usage() -> None:
    until = DASHSCOPE.raw.index(b'data:{"choices":[],')
    events = await replay(Canned(pieces=[DASHSCOPE.raw[:until]], then="cut"))
    assert events[-1] == Stop(reason="tool_calls")
    assert not any(isinstance(e, Spent) for e in events)


async def test_a_connection_that_stays_open_after_done_is_left_soon() -> None:
    check(await replay(Canned(pieces=[OPENAI_TEXT.raw], then="stall")), OPENAI_TEXT)


async def test_what_follows_done_is_not_read() -> None:
    check(await replay(Canned(pieces=[OPENAI_TEXT.raw, b"data: rubbish\n\n"])), OPENAI_TEXT)


async def test_turns_share_one_connection() -> None:
    async with upstream(Canned(pieces=[OPENAI_CALLS.raw])) as server:
        model = server.model()
        for _ in range(3):
            check([e async for e in model.respond(HELLO)], OPENAI_CALLS)
            await asyncio.gather(*model._farewells)
        await model.close()
    assert (len(server.asked), server.connections) == (3, 1)


async def test_leaving_a_stream_in_the_middle_does_no_harm() -> None:
    async with upstream(Canned(pieces=[OPENAI_TEXT.raw])) as server:
        model = server.model()
        stream = model.respond(HELLO)
        assert isinstance(await anext(stream), TextPiece)
        await stream.aclose()
        check(await answer_of(model), OPENAI_TEXT)


def piece(**fields: object) -> bytes:
    chunk = {"choices": [{"index": 0, "delta": {"tool_calls": [fields]}, "finish_reason": None}]}
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


END = b'data: {"choices":[{"delta":{},"finish_reason":"tool_calls"}]}\n\n'


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        pytest.param(
            [
                piece(id="a", function={"name": "f", "arguments": "{"}),
                piece(id="a", function={"arguments": "}"}),
                piece(id="b", function={"name": "g", "arguments": "{}"}),
            ],
            [("f", "{}"), ("g", "{}")],
            id="no index, the id repeated",
        ),
        pytest.param(
            [
                piece(function={"name": "f", "arguments": "{"}),
                piece(function={"arguments": "}"}),
                piece(function={"name": "g"}),
            ],
            [("f", "{}"), ("g", "{}")],
            id="neither index nor id",
        ),
        pytest.param(
            [
                piece(index=0, id="a", function={"name": "f", "arguments": "{"}),
                piece(index=0, id="z", function={"arguments": "}"}),
            ],
            [("f", "{}")],
            id="another id in each piece",
        ),
        pytest.param(
            [
                piece(index=0, id="a", function={"name": "f", "arguments": "{"}),
                piece(index=0, id="a", function={"name": "f", "arguments": "}"}),
            ],
            [("f", "{}")],
            id="the name repeated",
        ),
        pytest.param(
            [
                piece(index=0, id="a"),
                piece(index=0, function={"arguments": "{"}),
                piece(index=0, function={"name": "f"}),
            ],
            [("f", "{")],
            id="the name comes late",
        ),
        pytest.param(
            [piece(index=4, id="a", function={"name": "f"}), piece(index=7, id="a", function={"name": "g"})],
            [("f", "{}"), ("g", "{}")],
            id="odd indexes, one id twice",
        ),
        pytest.param(
            [
                piece(index=0, id="a", function={"name": "f", "arguments": "{"}),
                piece(index=1, id="b", function={"name": "g", "arguments": "["}),
                piece(index=0, function={"arguments": "}"}),
                piece(index=1, function={"arguments": "]"}),
            ],
            [("f", "{}"), ("g", "[]")],
            id="two calls in turn, by index",
        ),
        pytest.param(
            [
                piece(id="a", function={"name": "f", "arguments": "{"}),
                piece(id="b", function={"name": "g", "arguments": "["}),
                piece(id="a", function={"arguments": "}"}),
                piece(id="b", function={"arguments": "]"}),
            ],
            [("f", "{}"), ("g", "[]")],
            id="two calls in turn, by id",
        ),
        pytest.param(
            [piece(index=0, id="a", function={"name": "f", "arguments": {"x": [1]}})],
            [("f", '{"x":[1]}')],
            id="arguments as an object",
        ),
        pytest.param(
            [piece(index=0, id="a", function={"name": "f", "arguments": "{not JSON"})],
            [("f", "{not JSON")],
            id="arguments that are not JSON pass",
        ),
    ],
)
async def test_calls_are_put_together(pieces: list[bytes], expected: list[tuple[str, str]]) -> None:
    calls = calls_of(await replay(Canned(pieces=[*pieces, END])))
    assert [c[1:] for c in calls] == expected
    assert len({c[0] for c in calls}) == len(calls)


async def test_a_refusal_is_text_and_other_choices_are_left_out() -> None:
    raw = (
        b'data: {"choices":[{"index":1,"delta":{"content":"other"},"finish_reason":"stop"}]}\n\n'
        b'data: {"choices":[{"index":0,"delta":{"refusal":"No."},"finish_reason":"content_filter"}]}\n\n'
    )
    assert await replay(Canned(pieces=[raw])) == [TextPiece(text="No."), Stop(reason="content_filter")]


def delta(fields: object, finish: object = None) -> bytes:
    return b"data: " + orjson.dumps({"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}) + b"\n\n"


async def test_a_call_in_the_older_form_is_a_call() -> None:
    pieces = [
        delta({"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": ""}}),
        delta({"function_call": {"arguments": '{"x":'}}),
        delta({"function_call": {"arguments": " 1}"}}),
        delta({}, "function_call"),
    ]
    events = await replay(Canned(pieces=pieces))
    assert [call[1:] for call in calls_of(events)] == [("f", '{"x": 1}')]
    assert events[-1] == Stop(reason="tool_calls")


async def test_what_an_endpoint_wants_back_with_a_call_is_kept() -> None:
    extra = {"google": {"thought_signature": "c2ln"}}
    events = await replay(Canned(pieces=[piece(index=0, id="a", function={"name": "f"}, extra_content=extra), END]))
    assert next(e.extra for e in events if isinstance(e, CallPiece)) == extra


@pytest.mark.parametrize("ends", [b"data: [DONE]\n\n", b"data: [DONE]"])
async def test_done_ends_an_answer_that_has_no_finish_reason(ends: bytes) -> None:
    text = [e for e in await replay(Canned(pieces=[delta({"content": "hi"}), ends])) if not isinstance(e, Spent)]
    assert text == [TextPiece(text="hi"), Stop(reason="stop")]
    events = await replay(Canned(pieces=[piece(index=0, id="a", function={"name": "f"}), ends]))
    assert events[-1] == Stop(reason="tool_calls")


@pytest.mark.parametrize(
    ("said", "means"),
    [("eos", "stop"), ("function_call", "stop"), ("MAX_TOKENS", "length"), ("SAFETY", "content_filter")],
)
async def test_a_finish_reason_of_another_tongue_is_understood(said: str, means: str) -> None:
    assert (await replay(Canned(pieces=[delta({"content": "hi"}, said)])))[-1] == Stop(reason=means)


async def test_a_chunk_may_hold_no_choices_a_null_delta_or_a_whole_message() -> None:
    pieces = [
        b'data: {"choices":[],"prompt_filter_results":[]}\n\ndata: {"choices":null}\n\n',
        b'data: {"choices":[{"delta":null,"message":{"content":"hi"},"finish_reason":"stop"}]}\n\n',
    ]
    assert await replay(Canned(pieces=pieces)) == [TextPiece(text="hi"), Stop(reason="stop")]


async def test_all_tokens_that_an_endpoint_tells_of_are_told() -> None:
    usage = {
        "prompt_tokens": 40,
        "completion_tokens": 20,
        "total_tokens": 75,
        "prompt_tokens_details": {"cached_tokens": 32, "audio_tokens": None},
        "completion_tokens_details": {"reasoning_tokens": 15},
    }
    last = b"data: " + orjson.dumps({"choices": [], "usage": usage}) + b"\n\ndata: [DONE]\n\n"
    events = await replay(Canned(pieces=[delta({"content": "hi"}, "stop"), last]))
    told = Spent(prompt_tokens=40, completion_tokens=20, total_tokens=75, cached_tokens=32, reasoning_tokens=15)
    assert events[-2:] == [told, Stop(reason="stop")]


async def test_think_inside_of_the_text_is_text() -> None:
    events = await replay(Canned(pieces=[delta({"content": "<think>hm</think>"}), delta({"content": "Yes."}, "stop")]))
    assert "".join(e.text for e in events if isinstance(e, TextPiece)) == "<think>hm</think>Yes."


async def test_an_endpoint_that_says_nothing_after_the_end_is_left_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.server.models.compatible.AFTERMATH", 0.05)
    answer = Canned(pieces=[delta({"content": "hi"}, "stop")], then="stall")
    assert await replay(answer, timeout=60.0) == [TextPiece(text="hi"), Stop(reason="stop")]
