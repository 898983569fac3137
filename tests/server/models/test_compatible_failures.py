"""Whatever an endpoint does wrong becomes one ModelFault that says so and holds no key."""

import logging
import re
import time
import traceback
from contextlib import suppress

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_recordings import OPENAI_CALLS, OPENAI_TEXT
from model_upstream import HELLO, KEY, Canned, answer_of, refusal, replay, upstream
from pydantic import SecretStr

from orchestrator.errors import SettingsError
from orchestrator.server.models.compatible import CompatibleModel
from orchestrator.server.models.completions import Completion
from orchestrator.server.models.door import ModelEvent, ModelFault, ModelRequest, TextPiece


async def fault_of(*answers: Canned, **options: object) -> ModelFault:
    with pytest.raises(ModelFault) as caught:
        await replay(*answers, **options)
    assert KEY not in "".join(traceback.format_exception(caught.value))
    context = caught.value.__context__
    while context:
        assert KEY not in str(context)
        context = context.__context__
    return caught.value


@pytest.mark.parametrize(
    ("status", "body", "says", "code"),
    [
        (
            401,
            b'{"error":{"message":"Incorrect API key provided: %b","code":"invalid_api_key"}}' % KEY.encode(),
            "401: Incorrect API key provided: ***",
            "server_error",
        ),
        (
            400,
            b'{"object":"error","message":"too long","type":"BadRequestError","code":400}',
            "400: too long",
            "server_error",
        ),
        (404, b'{"error":"model not found, try pulling it"}', "404: model not found, try pulling it", "server_error"),
        (
            400,
            b'{"code":"InvalidParameter","message":"bad\\n  range","request_id":"r"}',
            "400: bad range",
            "server_error",
        ),
        (422, b'{"detail":[{"loc":["body"],"msg":"missing"}]}', '"msg":"missing"', "server_error"),
        (400, b'[{"error":{"code":400,"message":"gemini says no"}}]', "400: gemini says no", "server_error"),
        (403, b"<html>nginx " + KEY.encode() + b"</html>", "403: <html>nginx ***</html>", "server_error"),
        (418, b"", "418: no message", "server_error"),
        (400, b"\xff\xfe", "400: \ufffd\ufffd", "server_error"),
        (301, b"", "301", "server_error"),
        (429, b'{"error":{"message":"slow down"}}', "429: slow down", "rate_limit_exceeded"),
        (500, b'{"error":{"code":500,"message":"oom"}}', "500: oom", "server_error"),
        (503, b'"loading"', "503: loading", "server_error"),
    ],
)
async def test_an_http_error_is_told_in_the_upstreams_words(status: int, body: bytes, says: str, code: str) -> None:
    fault = await fault_of(refusal(status, body))
    assert says in str(fault)
    assert fault.code == code


BOOM = b'data: {"error":{"message":"boom %b","code":400}}\n\ndata: [DONE]\n\n' % KEY.encode()
THROTTLED = b'id:1\nevent:error\n:HTTP_STATUS/429\ndata:{"code":"Throttling.RateQuota","message":"rate"}\n\n'
NAMELESS = b'data: {"choices":[{"delta":{"tool_calls":[{"index":0}]},"finish_reason":"stop"}]}\n\n'
SERVER, LIMIT = "server_error", "rate_limit_exceeded"


@pytest.mark.parametrize(
    ("raw", "says", "code", "tries"),
    [
        (BOOM, "boom ***", SERVER, 1),
        (b'data: {"object":"error","message":"aborted","code":400}\n\n', "aborted", SERVER, 1),
        (b'error: {"code":500,"message":"slot gone"}\n\n', "slot gone", SERVER, 3),
        (b"error: out of memory\n\n", "out of memory", SERVER, 1),
        (THROTTLED, "rate", LIMIT, 3),
        (b'data: {"error":{"message":"rate","type":"rate_limit_exceeded"}}\n\n', "rate", LIMIT, 3),
        (b'data: {"error":{"message":"pay","code":"insufficient_quota"}}\n\n', "pay", LIMIT, 1),
        (b'data: {"error":{"message":"busy","type":"overloaded_error"}}\n\n', "busy", SERVER, 3),
        (b'data: {"choices":[{"delta":{},"finish_reason":"error"}]}\n\n', "error", SERVER, 3),
        (b"data: {broken\n\n", "not JSON", SERVER, 1),
        (b"data: {broken", "not JSON", SERVER, 1),
        (b"data: {broken\ndata: [DONE]\n", "not JSON", SERVER, 1),
        (b"data: [1]\n\n", "[1]", SERVER, 1),
        (b"<!doctype html>\n<html>sign in</html>", "not JSON", SERVER, 1),
        (b'{"error":{"message":"no such model"}}', "no such model", SERVER, 1),
        (b"", "empty answer", SERVER, 3),
        (b"data: [DONE]\n\n", "empty answer", SERVER, 3),
        (b'data: {"choices":[{"delta":{"role":"assistant"}}]}\n\n', "before its end", SERVER, 3),
        (NAMELESS, "naming", SERVER, 1),
    ],
)
async def test_an_error_inside_of_a_stream_is_told(raw: bytes, says: str, code: str, tries: int) -> None:
    """What may pass is tried again, for nothing of the answer was told yet."""
    async with upstream(Canned(pieces=[raw])) as server:
        with pytest.raises(ModelFault, match=re.escape(says)) as caught:
            await answer_of(server.model())
    assert KEY not in str(caught.value)
    assert caught.value.code == code
    assert len(server.asked) == tries


LENGTHS = [
    b'{"error":{"message":"This model\'s maximum context length is 8192 tokens. However, your messages resulted in '
    b'9000 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}',
    b'{"object":"error","message":"This model\'s maximum context length is 2048 tokens.","type":"BadRequestError"}',
    b'{"error":{"code":400,"message":"request exceeds the available context size","type":"exceed_context_size_error"}}',
    b'{"code":"InvalidParameter","message":"Range of input length should be [1, 129024]","request_id":"r"}',
    b'{"error":{"message":"prompt is too long: 210000 tokens > 200000 maximum","type":"invalid_request_error"}}',
    b'[{"error":{"code":400,"message":"The input token count (9) exceeds the maximum number of tokens allowed (8)."}}]',
    b'{"error":{"message":"Requested tokens (84) exceed context window of 64","type":"invalid_request_error"}}',
]


@pytest.mark.parametrize("body", LENGTHS)
@pytest.mark.parametrize("status", [400, 500])
async def test_a_conversation_that_is_too_long_is_told_as_that_and_not_tried_again(body: bytes, status: int) -> None:
    async with upstream(refusal(status, body)) as server:
        with pytest.raises(ModelFault, match="does not fit into the model's context") as caught:
            await answer_of(server.model())
    assert (caught.value.code, len(server.asked)) == ("invalid_prompt", 1)


@pytest.mark.parametrize(
    "body",
    [
        b'{"code":"DataInspectionFailed","message":"Input data may contain inappropriate content."}',
        b'{"error":{"message":"The response was filtered","code":"content_filter"}}',
    ],
)
async def test_a_conversation_that_is_not_allowed_is_told_as_that(body: bytes) -> None:
    fault = await fault_of(refusal(400, body))
    assert fault.code == "invalid_prompt"
    assert "refuses the conversation" in str(fault)


async def until_fault(model: CompatibleModel) -> list[ModelEvent]:
    stream, seen = model.respond(HELLO), list[ModelEvent]()
    while True:
        try:
            seen.append(await anext(stream))
        except ModelFault:
            await model.close()
            return seen


@pytest.mark.parametrize("then", ["end", "cut"])
@pytest.mark.parametrize("chunked", [True, False])
async def test_a_stream_without_finish_reason_fails_after_its_pieces(then: str, chunked: bool) -> None:
    raw = OPENAI_TEXT.raw[: OPENAI_TEXT.raw.index(b'"stop"') - 60]
    async with upstream(Canned(pieces=[raw], then=then, chunked=chunked)) as server:
        seen = await until_fault(server.model())
    assert seen == [TextPiece(text="Grüße aus"), TextPiece(text=" 杭州 🌤")]
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Canned(then="mute"),
        Canned(then="stall"),
        Canned(pieces=[OPENAI_TEXT.raw[:300]], then="stall"),
        Canned(pieces=[b": ping\n\n"], then="stall"),
        Canned(status=503, then="stall"),
    ],
)
async def test_a_stall_is_told_and_not_tried_again(answer: Canned) -> None:
    async with upstream(answer) as server:
        began = time.monotonic()
        with pytest.raises(ModelFault, match="stalled"):
            await answer_of(server.model(timeout=0.2))
    assert time.monotonic() - began < 2
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:1/v1",
        "http://user:sk-very-secret-4711@127.0.0.1:1/v1",
        "ftp://x",
        "nonsense",
        "http://[::1",
        "http://127.0.0.1:99999",
        "",
    ],
)
async def test_an_address_where_nobody_answers_is_a_fault(address: str) -> None:
    with pytest.raises(ModelFault) as caught:
        await answer_of(CompatibleModel(address, SecretStr(KEY), retry_delay=0.001))
    assert KEY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("key", ["sk-böse-4711", "sk-a\nb: c", "sk-\x7f"])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        CompatibleModel("http://127.0.0.1:1", SecretStr(key))
    assert key not in "".join(traceback.format_exception(caught.value))


async def test_messages_that_are_not_json_are_a_fault() -> None:
    request = ModelRequest(model="m", messages=[{"role": "user", "content": "\ud800"}])
    async with upstream(Canned()) as server:
        with pytest.raises(ModelFault, match="JSON"):
            await answer_of(server.model(), request)


async def test_a_line_without_end_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.transport.client.MAX_LINE", 1000)
    assert "longer than" in str(await fault_of(Canned(pieces=[b"data: " + b"x" * 2000])))


async def test_lines_that_mean_nothing_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.server.models.completions.MAX_HELD", 1000)
    assert "too much" in str(await fault_of(Canned(pieces=[b"<p>hello</p>\n" * 200])))


async def test_the_key_reaches_neither_logs_nor_repr(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with upstream(refusal(401, KEY.encode())) as server:
        model = server.model()
        with pytest.raises(ModelFault):
            await answer_of(model)
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in caplog.text
    assert KEY not in repr(vars(model))


@settings(max_examples=80, deadline=None)
@given(
    raw=st.binary(max_size=300) | st.lists(st.sampled_from(OPENAI_CALLS.raw.splitlines(keepends=True))).map(b"".join)
)
async def test_any_bytes_give_an_answer_or_a_model_fault(raw: bytes) -> None:
    with suppress(ModelFault):
        assert await replay(Canned(pieces=[raw]))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "delta",
                    "tool_calls",
                    "function",
                    "name",
                    "arguments",
                    "index",
                    "id",
                    "usage",
                    "error",
                    "content",
                    "finish_reason",
                    "message",
                    "code",
                    "prompt_tokens",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=25,
)


@settings(max_examples=150, deadline=None)
@given(chunks=st.lists(json_values, max_size=4))
async def test_any_json_gives_an_answer_or_a_model_fault(chunks: list[object]) -> None:
    completion = Completion()
    with suppress(ModelFault):
        for chunk in chunks:
            list(completion.line("data: " + orjson.dumps(chunk).decode()))
        list(completion.end())
