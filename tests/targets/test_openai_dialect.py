"""The laws of OpenAI's dialect: what is written is read back, null clears, every answer has a family."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
import strategies
from hypothesis import given
from stub import opened, serving

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
from orchestrator.reconcile.stamp import STAMP_KEY, Stamp
from orchestrator.server.app import open_server
from orchestrator.server.models.directory import Directory
from orchestrator.targets.openai import OpenAI
from orchestrator.tools import HostedPlugin
from orchestrator.tools.quark_search import QuarkSearch
from orchestrator.transport import Answer
from orchestrator.wire.faults import MISSING

SPEAK = OpenAI()
STAMP = Stamp(owner="shop/prod", manifest="weather", fields={})


def _over_the_wire(wire: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps({"id": "asst_1", "object": "assistant", "created_at": 7, **wire}))


@given(strategies.openai_bodies, strategies.stamps)
def test_a_body_and_its_stamp_come_back_as_they_were_sent(body: dict[str, Any], stamp: Stamp) -> None:
    back = SPEAK.decode(_over_the_wire(SPEAK.encode(body, stamp)))
    assert (back.body, back.stamp, back.created_at) == (body, stamp, 7000)


@given(strategies.openai_bodies_that_clear, strategies.stamps)
def test_what_is_cleared_is_null_or_empty_and_comes_back_as_not_set(body: dict[str, Any], stamp: Stamp) -> None:
    wire = SPEAK.encode(body, stamp)
    back = SPEAK.decode(_over_the_wire(wire)).body
    named = {"tool_resources" if name == "file_ids" else name for name in body}
    assert wire.keys() == named | {"metadata"}
    assert "" not in [value for value in wire.values() if isinstance(value, str)]
    assert {f: comparable(f, back.get(f)) for f in body} == {f: comparable(f, v) for f, v in body.items()}


def test_files_are_those_of_the_code_interpreter_and_vector_stores_are_left_alone() -> None:
    wire = SPEAK.encode({"model": "m", "file_ids": ("file-1",)}, None)
    assert wire["tool_resources"] == {"code_interpreter": {"file_ids": ["file-1"]}}
    told = {"code_interpreter": {"file_ids": ["file-1"]}, "file_search": {"vector_store_ids": ["vs_1"]}}
    assert SPEAK.decode({"id": "a", "tool_resources": told}).body == {"file_ids": ("file-1",)}
    assert "tool_resources" not in SPEAK.encode({"model": "m"}, None)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"top_k": 20}, "'top_k'"),
        ({"max_tokens": 5}, "'max_tokens'"),
        ({"tools": (QuarkSearch(),)}, "tool 'quark_search'"),
        ({"tools": (HostedPlugin(id="plugin_1"),)}, "tool 'plugin_1'"),
    ],
    ids=str,
)
def test_what_it_has_no_words_for_is_refused_and_not_written_in_part(body: dict[str, Any], word: str) -> None:
    with pytest.raises(Rejected, match=word) as caught:
        SPEAK.encode({"model": "m", **body}, STAMP)
    assert caught.value.sent is False


def test_a_stamp_that_does_not_fit_is_rejected_before_anything_is_sent() -> None:
    with pytest.raises(Rejected) as caught:
        SPEAK.encode({"model": "m"}, Stamp(owner="o" * 600, manifest="weather", fields={}))
    assert caught.value.sent is False


def test_what_the_service_adds_is_dropped() -> None:
    extra = {"response_format": "auto", "reasoning_effort": None, "tool_resources": {}, "object": "assistant"}
    assert SPEAK.decode({"id": "a", "model": "m", **extra}).body == {"model": "m"}


def test_a_mark_that_we_cannot_read_is_told_and_is_no_stamp() -> None:
    back = SPEAK.decode({"id": "a", "metadata": {STAMP_KEY: "{}", "team": "demo"}})
    assert (back.stamp, back.unreadable, back.body) == (None, True, {"metadata": {"team": "demo"}})


@pytest.mark.parametrize(
    "wire",
    [
        None,
        [],
        {},
        {"id": ""},
        {"id": "a", "name": 5},
        {"id": "a", "tools": ["x"]},
        {"id": "a", "metadata": "x"},
        {"id": "a", "tool_resources": "x"},
        {"id": "a", "tool_resources": {"code_interpreter": ["x"]}},
        {"id": "a", "tool_resources": {"code_interpreter": {"file_ids": "x"}}},
        {"id": "a", "temperature": "hot"},
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


@pytest.mark.parametrize("wire", [{}, {"data": []}, {"data": {}, "has_more": False}, {"data": [], "has_more": "no"}])
def test_what_is_no_list_is_not_understood(wire: object) -> None:
    with pytest.raises(CannotUnderstand):
        SPEAK.page(wire)


def test_requests_carry_key_project_and_version() -> None:
    assert SPEAK.headers(key="k", workspace="proj_1") == {
        "Authorization": "Bearer k",
        "OpenAI-Project": "proj_1",
        "OpenAI-Beta": "assistants=v2",
    }
    assert SPEAK.headers(key=None, workspace=None) == {"OpenAI-Beta": "assistants=v2"}


def _failure(status: int, code: str | None, message: str | None, **headers: str) -> TargetError:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    body = "<html>" if message is None else json.dumps({"error": error})
    return SPEAK.failure(Answer(status=status, headers=headers, body=body.encode()))


@pytest.mark.parametrize(
    ("status", "code", "message", "family"),
    [
        (400, None, "Invalid 'limit'.", Rejected),
        (401, "invalid_api_key", "No.", RefusedKey),
        (403, None, "No.", RefusedKey),
        (404, None, MISSING["assistant"], NotFound),
        (404, None, "No assistant found with id 'asst_1'.", NotFound),
        (404, "model_not_found", "The model does not exist.", Rejected),
        (404, None, "Invalid URL (GET /v1/nothing)", CannotUnderstand),
        (404, None, None, CannotUnderstand),
        (409, None, "No.", TheirFault),
        (413, None, "No.", Rejected),
        (429, "rate_limit_exceeded", "No.", SlowDown),
        (429, "insufficient_quota", "No.", Rejected),
        (500, None, "No.", TheirFault),
        (501, None, "No.", Rejected),
        (503, None, None, TheirFault),
        (507, None, "Full.", Rejected),
        (302, None, None, CannotUnderstand),
    ],
)
def test_every_refusal_has_its_family(status: int, code: str | None, message: str | None, family: type) -> None:
    error = _failure(status, code, message)
    assert (type(error), error.status, error.vendor_code) == (family, status, code)


def test_an_error_repeats_the_targets_words_bounded_and_its_request_id() -> None:
    error = _failure(429, None, "\x1b[2J" + "a" * 10_000, **{"x-request-id": "req_1", "retry-after": "3"})
    assert "\x1b" not in error.message
    assert len(error.message) < 600
    assert (error.request_id, error.retry_after) == ("req_1", 3)


async def test_a_wrong_address_of_a_real_server_is_no_missing_assistant(tmp_path: Any) -> None:
    async with (
        open_server(tmp_path, models=Directory([])) as server,
        serving(server.app) as url,
        opened(f"{url}/v1/nowhere", dialect="openai") as target,
    ):
        with pytest.raises(CannotUnderstand, match="Invalid URL"):
            await target.observe()


async def test_both_dialects_of_one_server_see_the_same_assistant(tmp_path: Any) -> None:
    async with (
        open_server(tmp_path, models=Directory([])) as server,
        serving(server.app) as url,
        opened(url, dialect="openai") as one,
        opened(url) as other,
    ):
        made = await one.create({"model": "m", "name": "a", "temperature": 0.5, "file_ids": ("f-1",)}, STAMP)
        (seen,) = await other.observe()
        assert (seen.id, seen.body, seen.stamp) == (made.id, made.body, STAMP)
