"""The laws of the dialect: what is written is read back, nothing is nothing, every answer has a family."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
import strategies
from hypothesis import given

from orchestrator.errors import (
    CannotUnderstand,
    NotFound,
    RefusedKey,
    Rejected,
    SlowDown,
    TargetError,
    TheirFault,
)
from orchestrator.reconcile.body import comparable
from orchestrator.reconcile.observed import Observed
from orchestrator.reconcile.stamp import STAMP_KEY, Stamp, read_stamp
from orchestrator.targets.dashscope import DashScope
from orchestrator.tools import ToolKind, decode
from orchestrator.transport import Answer
from orchestrator.wire.faults import MISSING, NO_KEY

SPEAK = DashScope()
STAMP = Stamp(owner="shop/prod", manifest="weather", fields={})


def _over_the_wire(wire: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps({"id": "asst_1", "object": "assistant", "created_at": 7, **wire}))


@given(strategies.bodies, strategies.stamps)
def test_a_body_and_its_stamp_come_back_as_they_were_sent(body: dict[str, Any], stamp: Stamp) -> None:
    back = SPEAK.decode(_over_the_wire(SPEAK.encode(body, stamp)))
    assert (back.body, back.stamp, back.created_at) == (body, stamp, 7)


@given(strategies.bodies_that_clear, strategies.stamps)
def test_what_is_cleared_comes_back_as_not_set(body: dict[str, Any], stamp: Stamp) -> None:
    wire = SPEAK.encode(body, stamp)
    back = SPEAK.decode(_over_the_wire(wire)).body
    assert wire.keys() == body.keys() | {"metadata"}
    assert None not in wire.values()
    assert {f: comparable(f, back.get(f)) for f in body} == {f: comparable(f, v) for f, v in body.items()}


@pytest.mark.parametrize("kind", strategies.ALL_KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_of_tool_survives_the_journey(kind: type[ToolKind]) -> None:
    @given(strategies.tools_of(kind))
    def check(tool: ToolKind) -> None:
        assert decode(json.loads(json.dumps(tool.encode()))) == tool

    check()


@given(strategies.stamps)
def test_a_stamp_is_read_back_as_it_was_written(stamp: Stamp) -> None:
    assert read_stamp({STAMP_KEY: stamp.encode()}) == stamp


def test_a_stamp_that_does_not_fit_is_rejected_before_anything_is_sent() -> None:
    with pytest.raises(Rejected) as caught:
        SPEAK.encode({"model": "m"}, Stamp(owner="o" * 600, manifest="weather", fields={}))
    assert caught.value.sent is False


@pytest.mark.parametrize("nothing", [None, "", {}, []], ids=repr)
def test_all_spellings_of_nothing_are_not_set(nothing: object) -> None:
    wire = dict.fromkeys(("name", "tools", "file_ids", "metadata", "temperature", "max_tokens"), nothing)
    assert SPEAK.decode({"id": "a", "model": "m", **wire}).body == {"model": "m"}


def test_zero_is_a_temperature() -> None:
    assert SPEAK.decode({"id": "a", "temperature": 0}).body == {"temperature": 0}


def test_what_the_service_adds_is_dropped() -> None:
    extra = {"request_id": "r", "account_id": "sk-secret", "gmt_crete": 1, "gmt_update": 2, "is_deleted": False}
    assert SPEAK.decode({"id": "a", "model": "m", **extra}).body == {"model": "m"}


def test_a_mark_that_we_cannot_read_is_no_stamp() -> None:
    back = SPEAK.decode({"id": "a", "metadata": {STAMP_KEY: "{}", "team": "demo"}})
    assert (back.stamp, back.body) == (None, {"metadata": {"team": "demo"}})


@pytest.mark.parametrize(
    "wire",
    [
        None,
        [],
        "x",
        {},
        {"id": ""},
        {"id": 5},
        {"id": "a", "name": 5},
        {"id": "a", "tools": "x"},
        {"id": "a", "tools": ["x"]},
        {"id": "a", "metadata": "x"},
        {"id": "a", "file_ids": {"a": 1}},
        {"id": "a", "temperature": "hot"},
        {"id": "a", "top_k": True},
    ],
    ids=repr,
)
def test_what_is_no_assistant_is_not_understood(wire: object) -> None:
    with pytest.raises(CannotUnderstand):
        SPEAK.decode(wire)


@given(strategies.json_values)
def test_any_json_is_read_or_not_understood(wire: Any) -> None:
    result: object = None
    with suppress(CannotUnderstand):
        result = SPEAK.decode(wire)
    assert result is None or (isinstance(result, Observed) and result.id == wire["id"])


def _failure(status: int, code: str | None = None, message: str = "No.", **headers: str) -> TargetError:
    body = {"code": code, "message": message, "request_id": "r-1"} if code else message
    return SPEAK.failure(Answer(status=status, headers=headers, body=json.dumps(body).encode()))


@pytest.mark.parametrize(
    ("status", "code", "message", "family"),
    [
        (400, "InvalidParameter", MISSING["assistant"], NotFound),
        (400, "InvalidParameter", MISSING["thread"], NotFound),
        (400, "InvalidParameter", MISSING["file"], Rejected),
        (400, "InvalidParameter", NO_KEY, RefusedKey),
        (400, "InvalidParameter", "Limit must be between 1 and 100", Rejected),
        (400, "DataInspectionFailed", "No.", Rejected),
        (401, "InvalidApiKey", "Invalid API-key provided.", RefusedKey),
        (401, "NOT AUTHORIZED", "No.", RefusedKey),
        (403, "AccessDenied.Unpurchased", "No.", RefusedKey),
        (404, "ModelNotFound", "No.", Rejected),
        (404, "WorkSpaceNotFound", "No.", RefusedKey),
        (404, "NotFound", "No.", NotFound),
        (404, None, "<html>", CannotUnderstand),
        (408, None, "", TheirFault),
        (413, None, "", Rejected),
        (429, "Throttling", "No.", SlowDown),
        (429, "Throttling.RateQuota", "No.", SlowDown),
        (429, None, "", SlowDown),
        (429, "CommodityNotPurchased", "No.", Rejected),
        (429, "PrepaidBillOverdue", "No.", Rejected),
        (429, "PostpaidBillOverdue", "No.", Rejected),
        (500, "InternalError", "No.", TheirFault),
        (501, None, "", Rejected),
        (502, None, "<html>", TheirFault),
        (503, "ModelUnavailable", "No.", TheirFault),
        (504, None, "", TheirFault),
        (302, None, "", CannotUnderstand),
    ],
)
def test_every_refusal_has_its_family(status: int, code: str | None, message: str, family: type) -> None:
    error = _failure(status, code, message)
    assert (type(error), error.status, error.vendor_code) == (family, status, code)


def test_an_error_repeats_the_targets_words_and_its_request_id() -> None:
    error = _failure(400, "InvalidParameter", "Order must be 'asc' or 'desc'")
    assert (error.message, error.request_id) == ("InvalidParameter: Order must be 'asc' or 'desc'", "r-1")


def test_the_targets_words_cannot_write_to_the_terminal_and_are_bounded() -> None:
    error = _failure(400, "X", "\x1b[2J" + "a" * 10_000)
    assert "\x1b" not in error.message
    assert len(error.message) < 600


def test_a_pause_may_be_asked_for_in_seconds() -> None:
    assert _failure(429, "Throttling", **{"retry-after": "30"}).retry_after == 30


@given(strategies.json_values)
def test_any_error_body_makes_an_error(body: Any) -> None:
    error = SPEAK.failure(Answer(status=500, headers={}, body=json.dumps(body).encode()))
    assert isinstance(error, TheirFault)
