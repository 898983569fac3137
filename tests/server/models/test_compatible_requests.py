"""What an endpoint is asked."""

from typing import Any

import pytest
from model_recordings import OPENAI_TEXT
from model_upstream import KEY, Asked, Canned, answer_of, upstream

from orchestrator.server.models.compatible import CompatibleModel
from orchestrator.server.models.door import ModelRequest
from orchestrator.server.models.questions import Manner
from orchestrator.tools import Offer

OFFER = Offer(name="get_forecast", description="Tells.", parameters={"type": "object", "properties": {}})
MESSAGES = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "héllo"}]


async def asked(request: ModelRequest, **options: Any) -> Asked:
    async with upstream(Canned(pieces=[OPENAI_TEXT.raw])) as server:
        await answer_of(server.model(**options), request)
    return server.asked[0]


async def body(**fields: Any) -> dict[str, Any]:
    return (await asked(ModelRequest(model="qwen-plus", messages=MESSAGES, **fields))).body


async def test_a_request_asks_for_a_stream_with_usage() -> None:
    ask = await asked(ModelRequest(model="qwen-plus", messages=MESSAGES))
    assert ask.target == "POST /v1/chat/completions HTTP/1.1"
    assert ask.headers["authorization"] == f"Bearer {KEY}"
    assert ask.body == {
        "model": "qwen-plus",
        "messages": MESSAGES,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_the_endpoint_may_know_the_model_by_another_name() -> None:
    assert (await asked(ModelRequest(model="qwen-plus", messages=MESSAGES), manner=Manner(model="qwen3:8b"))).body[
        "model"
    ] == "qwen3:8b"


async def test_settings_are_passed_when_given() -> None:
    given = {"temperature": 0, "top_p": 0.5, "top_k": None, "max_tokens": 7, "other": 1}
    sent = await body(settings=given)
    assert {k: sent.get(k) for k in ("temperature", "top_p", "max_tokens")} == {
        "temperature": 0,
        "top_p": 0.5,
        "max_tokens": 7,
    }
    assert sent.keys().isdisjoint({"top_k", "other"})
    assert (await body(settings={"top_k": 20}))["top_k"] == 20


async def test_offers_become_tools() -> None:
    function = {"name": "get_forecast", "description": "Tells.", "parameters": {"type": "object", "properties": {}}}
    assert (await body(offers=[OFFER]))["tools"] == [{"type": "function", "function": function}]


async def test_strict_is_passed_when_given() -> None:
    (tool,) = (await body(offers=[OFFER.model_copy(update={"strict": True})]))["tools"]
    assert tool["function"]["strict"] is True


async def test_the_effort_of_reasoning_is_passed_when_given() -> None:
    assert (await body(options={"reasoning_effort": "low"}))["reasoning_effort"] == "low"
    assert "reasoning_effort" not in await body(options={"reasoning_effort": None})


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"tool_choice": "required"}, {"tool_choice": "required"}),
        ({"tool_choice": "auto", "parallel_tool_calls": False}, {"tool_choice": "auto", "parallel_tool_calls": False}),
        (
            {"tool_choice": {"type": "function", "function": {"name": "f", "x": 1}}},
            {"tool_choice": {"type": "function", "function": {"name": "f"}}},
        ),
        (
            {"tool_choice": {"type": "code_interpreter"}},
            {"tool_choice": {"type": "function", "function": {"name": "code_interpreter"}}},
        ),
        ({"tool_choice": "sometimes", "parallel_tool_calls": None}, {}),
        ({"tool_choice": None, "truncation_strategy": {"type": "auto"}}, {}),
    ],
)
async def test_options_about_tools_go_with_tools(given: dict[str, Any], sent: dict[str, Any]) -> None:
    names = {"tool_choice", "parallel_tool_calls", "truncation_strategy"}
    assert {k: v for k, v in (await body(offers=[OFFER], options=given)).items() if k in names} == sent
    assert (await body(options=given)).keys().isdisjoint(names)


SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("auto", None),
        ("text", None),
        (None, None),
        (7, None),
        ({"type": "text"}, None),
        ("json_object", {"type": "json_object"}),
        ({"type": "json_object"}, {"type": "json_object"}),
        (SCHEMA, SCHEMA),
    ],
)
async def test_a_response_format_is_written_as_chat_completions_has_it(given: object, sent: object) -> None:
    assert (await body(options={"response_format": given})).get("response_format") == sent


async def test_without_a_key_no_authorization_is_sent() -> None:
    async with upstream(Canned(pieces=[OPENAI_TEXT.raw])) as server:
        await answer_of(CompatibleModel(server.url + "/", None), ModelRequest(model="m", messages=MESSAGES))
    assert "authorization" not in server.asked[0].headers
    assert server.asked[0].target.startswith("POST /v1/chat/completions ")


async def test_what_an_endpoint_wants_more_is_laid_over_the_body() -> None:
    extra = {"enable_thinking": False, "stream_options": None, "temperature": 0.1}
    sent = (
        await asked(ModelRequest(model="m", messages=MESSAGES, settings={"temperature": 1}), manner=Manner(extra=extra))
    ).body
    assert sent == {"model": "m", "messages": MESSAGES, "stream": True, "enable_thinking": False, "temperature": 0.1}


async def test_the_limit_of_a_completion_may_have_its_newer_name() -> None:
    manner = Manner(limit_field="max_completion_tokens")
    sent = (await asked(ModelRequest(model="m", messages=MESSAGES, settings={"max_tokens": 7}), manner=manner)).body
    assert sent["max_completion_tokens"] == 7
    assert "max_tokens" not in sent
