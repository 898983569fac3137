"""A request is tried again a bounded number of times, and only before an answer has begun."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from model_recordings import OPENAI_TEXT
from model_upstream import Canned, answer_of, refusal, upstream

from orchestrator.server.models.door import ModelFault, TextPiece


@pytest.mark.parametrize("status", [408, 429, 500, 503, 529])
async def test_a_temporary_refusal_is_tried_again_twice(status: int) -> None:
    refused = refusal(status, b"{}")
    async with upstream(refused, refused, Canned(pieces=[OPENAI_TEXT.raw])) as server:
        events = await answer_of(server.model())
    assert events
    assert len(server.asked) == 3
    async with upstream(refused) as server:
        with pytest.raises(ModelFault):
            await answer_of(server.model())
    assert len(server.asked) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 302])
async def test_a_permanent_refusal_is_not_tried_again(status: int) -> None:
    async with upstream(refusal(status, b"{}", location="http://127.0.0.1:1/")) as server:
        with pytest.raises(ModelFault):
            await answer_of(server.model())
    assert len(server.asked) == 1


async def test_a_connection_that_breaks_before_the_answer_is_tried_again() -> None:
    broken = Canned(status=500, pieces=[b"x"], then="cut")
    async with upstream(broken, Canned(pieces=[OPENAI_TEXT.raw])) as server:
        assert await answer_of(server.model())
    assert len(server.asked) == 2


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_connection_that_breaks_before_the_first_token_is_tried_again(chunked: bool) -> None:
    broken = Canned(pieces=[b": ping\n\n"], then="cut", chunked=chunked)
    async with upstream(broken, Canned(pieces=[OPENAI_TEXT.raw])) as server:
        events = await answer_of(server.model())
    assert events.count(TextPiece(text="Grüße aus")) == 1
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "first", [b'{"content":"hi"}', b'{"reasoning":"hm"}', b'{"tool_calls":[{"function":{"name":"f"}}]}']
)
async def test_nothing_is_tried_again_once_something_was_told(first: bytes) -> None:
    raw = b'data: {"choices":[{"delta":%b}]}\n\ndata: {"error":{"code":503,"message":"gone"}}\n\n' % first
    async with upstream(Canned(pieces=[raw])) as server:
        with pytest.raises(ModelFault, match="gone"):
            await answer_of(server.model())
    assert len(server.asked) == 1


async def test_what_is_used_up_is_not_asked_for_again() -> None:
    async with upstream(refusal(429, b'{"error":{"message":"no more","code":"insufficient_quota"}}')) as server:
        with pytest.raises(ModelFault, match="no more") as caught:
            await answer_of(server.model())
    assert (caught.value.code, len(server.asked)) == ("rate_limit_exceeded", 1)


async def test_retry_after_is_honoured_for_a_few_seconds() -> None:
    async with upstream(refusal(429, b"{}", retry_after="1"), Canned(pieces=[OPENAI_TEXT.raw])) as server:
        began = time.monotonic()
        assert await answer_of(server.model())
    assert 1.0 <= time.monotonic() - began < 3


@pytest.mark.parametrize("after", ["60", format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)])
async def test_a_longer_retry_after_ends_the_tries(after: str) -> None:
    async with upstream(refusal(429, b'{"message":"later"}', retry_after=after)) as server:
        with pytest.raises(ModelFault, match="later"):
            await answer_of(server.model())
    assert len(server.asked) == 1


@pytest.mark.parametrize("after", ["soon", "-1", "1e3", "Wed, 21 Oct 2015 07:28:00 GMT", "٣"])
async def test_a_retry_after_without_sense_is_no_hindrance(after: str) -> None:
    refused = Canned(status=503, headers={"retry-after": after.encode().decode("latin-1")})
    async with upstream(refused, Canned(pieces=[OPENAI_TEXT.raw])) as server:
        assert await answer_of(server.model())
