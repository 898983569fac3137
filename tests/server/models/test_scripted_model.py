"""The offline model says what its script or the commands in a message ask for, and marks all of it."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestrator.server.models.door import CallPiece, ModelEvent, ModelFault, ModelRequest, Spent, Stop, TextPiece
from orchestrator.server.models.script import Script, load_script
from orchestrator.server.models.scripted import MARK, MOST_PIECES, ScriptedModel, tokens
from orchestrator.tools import Offer

SCRIPT = r"""
replies:
  - when: "weather in (?P<city>\\w+)"
    calls:
      - {name: get_forecast, arguments: {city: "{city}", days: 2, tags: ["{city}!", null]}}
    reply: "The forecast: {output}"
  - when: 'add (?P<a>\d+) (?P<b>\d+)?'
    calls:
      - {name: add, arguments: '{"a": {a}, "b": "{b}"}'}
      - {name: add}
  - when: '^hello (?P<who>.+)'
    reply: "Hello {who}, you said: {text}"
"""


@pytest.fixture
def script(tmp_path: Path) -> Script:
    (tmp_path / "demo.yaml").write_text(SCRIPT, encoding="utf-8")
    return load_script(tmp_path / "demo.yaml")


def request(text: str, *after: dict[str, Any], offers: Sequence[str] = ("get_forecast", "add")) -> ModelRequest:
    told = [Offer(name=name, description="", parameters={}) for name in offers]
    system = {"role": "system", "content": "Be kind."}
    return ModelRequest(model="demo", messages=[system, {"role": "user", "content": text}, *after], offers=told)


def outputs(*texts: str) -> list[dict[str, Any]]:
    calls = [
        {"id": str(i), "type": "function", "function": {"name": "f", "arguments": "{}"}} for i in range(len(texts))
    ]
    tools = [{"role": "tool", "tool_call_id": str(i), "content": text} for i, text in enumerate(texts)]
    return [{"role": "assistant", "content": None, "tool_calls": calls}, *tools]


async def events_of(request: ModelRequest, script: Script | None = None) -> list[ModelEvent]:
    return [event async for event in ScriptedModel(script).respond(request)]


async def said(request: ModelRequest, script: Script | None = None) -> str:
    events = await events_of(request, script)
    assert events[-1] == Stop(reason="stop")
    text = "".join(e.text for e in events if isinstance(e, TextPiece))
    assert text.startswith(MARK)
    return text.removeprefix(MARK)


async def called(request: ModelRequest, script: Script | None = None) -> list[tuple[str, str]]:
    events = await events_of(request, script)
    assert events[-1] == Stop(reason="tool_calls")
    pieces = [e for e in events if isinstance(e, CallPiece)]
    assert all(p.id.startswith("call_offline_") for p in pieces if p.id)
    names = {p.index: p.name for p in pieces if p.name}
    return [(name, "".join(p.arguments for p in pieces if p.index == i)) for i, name in names.items()]


async def test_a_message_is_echoed_where_nothing_else_fits() -> None:
    assert await said(request("What  a\n day ")) == "What  a\n day "


async def test_a_rule_calls_functions_with_the_groups_of_its_expression(script: Script) -> None:
    [(name, arguments)] = await called(request("Tell me the WEATHER in Hangzhou now"), script)
    assert name == "get_forecast"
    assert json.loads(arguments) == {"city": "Hangzhou", "days": 2, "tags": ["Hangzhou!", None]}


async def test_a_rule_replies_with_the_outputs(script: Script) -> None:
    assert await said(request("weather in Oslo", *outputs("rain", "5 °C")), script) == "The forecast: rain\n5 °C"


async def test_arguments_as_text_are_sent_as_they_are_and_missing_groups_are_empty(script: Script) -> None:
    assert await called(request("add 12 "), script) == [("add", '{"a": 12, "b": ""}'), ("add", "{}")]
    assert await said(request("add 12 ", *outputs("12", "0")), script) == "12\n0"


async def test_a_value_is_not_expanded_again(script: Script) -> None:
    assert await said(request("hello {text} {who}"), script) == "Hello {text} {who}, you said: hello {text} {who}"
    assert (
        await said(request("weather in Rome", *outputs("{city} {output}")), script) == "The forecast: {city} {output}"
    )


async def test_a_rule_whose_function_is_not_offered_does_not_match(script: Script) -> None:
    assert await said(request("weather in Oslo", offers=["add"]), script) == "weather in Oslo"


async def test_only_the_newest_user_message_counts(script: Script) -> None:
    again = request(
        "weather in Oslo",
        *outputs("rain"),
        {"role": "assistant", "content": "x"},
        {"role": "user", "content": "hello you"},
    )
    assert await said(again, script) == "Hello you, you said: hello you"


async def test_only_the_beginning_of_a_long_message_is_searched(script: Script) -> None:
    text = "x" * 2000 + " weather in Oslo"
    assert await said(request(text), script) == text


async def test_content_in_parts_is_read() -> None:
    parts = [
        {"type": "text", "text": "a"},
        {"type": "image_url", "image_url": {"url": "u"}},
        {"type": "text", "text": "b"},
    ]
    message = {"role": "user", "content": parts}
    assert await said(ModelRequest(model="m", messages=[message])) == "ab"


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ('/call add {"a": 1}', [("add", '{"a": 1}')]),
        ("/call add", [("add", "{}")]),
        ("/call nobody {not json", [("nobody", "{not json")]),
        ('first\n/call add {"a": 1}\n/call add   {"a": 2}  \nlast', [("add", '{"a": 1}'), ("add", '{"a": 2}')]),
        ("/call\tadd [1]", [("add", "[1]")]),
    ],
)
async def test_a_message_can_command_calls(text: str, calls: list[tuple[str, str]]) -> None:
    assert await called(request(text)) == calls


async def test_after_commanded_calls_their_outputs_are_said() -> None:
    assert await said(request("/call add {}", *outputs("3", "4"))) == "3\n4"


async def test_a_rule_comes_before_a_command(script: Script) -> None:
    assert [name for name, _ in await called(request("/call add weather in Oslo"), script)] == ["get_forecast"]


@pytest.mark.parametrize("text", ["/fail no power", "/fail"])
async def test_failing_can_be_commanded(text: str) -> None:
    with pytest.raises(ModelFault, match=r"\[offline model\] (no power|failed as asked)") as caught:
        await events_of(request(text))
    assert caught.value.code == "server_error"


@pytest.mark.parametrize(("seconds", "slept"), [("3", 3), ("0.5", 0.5), ("999999", 10), ("0", 0)])
async def test_slowness_can_be_commanded_within_bounds(seconds: str, slept: float) -> None:
    pauses: list[float] = []

    async def pause(length: float) -> None:
        pauses.append(length)

    events = [e async for e in ScriptedModel(None, pause=pause).respond(request(f"/slow {seconds} one two"))]
    assert "".join(e.text for e in events if isinstance(e, TextPiece)) == MARK + "one two"
    assert math.isclose(sum(pauses), slept)


@pytest.mark.parametrize(
    "text", ["/slow", "/slow down", "/slow -1 x", "/slow nan x", "/failure", "/calls x", "/call", " /fail"]
)
async def test_what_is_not_quite_a_command_is_echoed(text: str) -> None:
    assert await said(request(text)) == text


async def test_a_reply_comes_in_a_few_pieces() -> None:
    events = await events_of(request("word " * 5000))
    pieces = [e for e in events if isinstance(e, TextPiece)]
    assert 2 <= len(pieces) <= MOST_PIECES
    assert [e.text for e in await events_of(request("a b")) if isinstance(e, TextPiece)] == [
        "[offline ",
        "model] ",
        "a ",
        "b",
    ]


async def test_tokens_are_an_estimate_by_length() -> None:
    assert [tokens(t) for t in ("", "a", "abcd", "abcde", "杭州")] == [0, 1, 1, 2, 2]
    [spent] = [e for e in await events_of(request("abcd", *outputs("abcdefgh"))) if isinstance(e, Spent)]
    assert spent == Spent(prompt_tokens=2 + 1 + (1 + 1) + 2, completion_tokens=tokens(MARK + "abcdefgh"))


async def test_call_ids_differ_between_calls_and_conversations() -> None:
    def ids(events: list[ModelEvent]) -> list[str]:
        return [e.id for e in events if isinstance(e, CallPiece) and e.id]

    one = ids(await events_of(request("/call f\n/call f")))
    other = ids(await events_of(request("/call f", *outputs("x"), {"role": "user", "content": "/call f"})))
    assert len({*one, *other}) == 3
    assert one == ids(await events_of(request("/call f\n/call f")))


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=200) | st.from_regex(r"/(call|slow|fail) .*", fullmatch=True))
@example("")
@example("\ud800")
@example("/slow 0.000001 \ud800")
async def test_any_text_is_answered_in_the_same_way_each_time(text: str) -> None:
    async def at_once(_: float) -> None:
        return None

    async def answer() -> list[ModelEvent]:
        return [e async for e in ScriptedModel(None, pause=at_once).respond(request(text))]

    if text.startswith("/fail"):
        return
    events = await answer()
    assert events == await answer()
    assert isinstance(events[-1], Stop)
    told = "".join(e.text for e in events if isinstance(e, TextPiece))
    assert told.startswith(MARK) or events[-1].reason == "tool_calls"


@pytest.mark.parametrize(
    "messages", [[], [{"role": "tool", "content": None}], [{"role": "user"}], [{"role": "user", "content": 5}]]
)
async def test_odd_conversations_are_answered(messages: list[dict[str, Any]]) -> None:
    assert await said(ModelRequest(model="m", messages=messages)) == ""


async def test_a_text_is_cut_to_its_tokens() -> None:
    events = await events_of(replace(request("four words are 四个"), settings={"max_tokens": 8}))
    assert "".join(event.text for event in events if isinstance(event, TextPiece)) == "[offline model] four words are "
    assert isinstance(events[-2], Spent)
    assert events[-2].completion_tokens == 8
    assert events[-1] == Stop(reason="length")
