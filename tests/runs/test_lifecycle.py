"""What a run wants, whatever spelling of nothing the server uses."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.errors import CannotUnderstand
from orchestrator.runs import Answer, Call, Finished, Wait, read
from orchestrator.wire.runs import TERMINAL

ACTION = {
    "type": "submit_tool_outputs",
    "submit_tool_outputs": {
        "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    },
}


@pytest.mark.parametrize("status", ["queued", "in_progress", "cancelling"])
def test_a_run_that_is_worked_on_is_waited_for(status: str) -> None:
    assert read({"status": status, "required_action": None}) == Wait(status=status)


def test_a_run_that_requires_action_names_its_calls() -> None:
    run = {"status": "requires_action", "required_action": ACTION}
    assert read(run) == Answer(calls=(Call(id="call_1", name="f", arguments="{}"),))


def test_an_old_required_action_means_nothing() -> None:
    assert read({"status": "in_progress", "required_action": ACTION}) == Wait(status="in_progress")


@pytest.mark.parametrize(
    "nothing", [None, {}, "", {"submit_tool_outputs": None}, {"submit_tool_outputs": {}}], ids=repr
)
def test_a_run_that_requires_no_calls_yet_is_waited_for(nothing: object) -> None:
    assert read({"status": "requires_action", "required_action": nothing}) == Wait(status="requires_action")


def test_a_call_may_lack_its_id_and_arguments() -> None:
    call = {"type": "function", "function": {"name": "f", "arguments": None}}
    run = {"status": "requires_action", "required_action": {"submit_tool_outputs": {"tool_calls": [call]}}}
    assert read(run) == Answer(calls=(Call(id="", name="f", arguments=""),))


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_only_completed_is_well(status: str) -> None:
    assert read({"status": status}) == Finished(ok=status == "completed", status=status)


@pytest.mark.parametrize("nothing", [None, {}, "", {"code": "", "message": ""}, {"code": None}], ids=repr)
def test_all_spellings_of_no_error_are_none(nothing: object) -> None:
    assert read({"status": "failed", "last_error": nothing, "incomplete_details": {}}) == Finished(
        ok=False, status="failed"
    )


@pytest.mark.parametrize(
    ("run", "text"),
    [
        ({"last_error": {"code": "server_error", "message": "boom"}}, "server_error: boom"),
        ({"last_error": {"message": "boom"}}, "boom"),
        ({"incomplete_details": {"reason": "max_tokens"}}, "max_tokens"),
    ],
)
def test_the_servers_reason_is_kept(run: dict[str, Any], text: str) -> None:
    assert read({"status": "failed", **run}) == Finished(ok=False, status="failed", error=text)


@pytest.mark.parametrize("status", [None, "", "sleeping", 5, {}], ids=repr)
def test_an_unknown_status_is_not_guessed(status: object) -> None:
    with pytest.raises(CannotUnderstand):
        read({"status": status})
