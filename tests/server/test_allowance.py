"""Runs with `max_prompt_tokens` and `max_completion_tokens`: what they may spend over all turns, and how they end."""

from pathlib import Path

import pytest
from runs_kit import START, TEXT_START, Hands, House, W, ask, house, say, user

from orchestrator.server.allowance import Allowance
from orchestrator.server.models.door import ModelRequest, Spent, Stop, TextPiece
from orchestrator.server.records import Page, Run
from orchestrator.server.service.runs import NewRun, ToolOutput

LONG = [TextPiece(text="half"), Spent(prompt_tokens=10, completion_tokens=8), Stop(reason="length")]
CUT = {"reason": "max_tokens"}


async def ended(h: House, run: Run) -> Run:
    await h.told(run)
    return await h.get(run)


async def messages(h: House, run: Run) -> list[tuple[str, str, object]]:
    listed = await h.threads.list_messages(W, run.thread_id, Page(), run.id)
    return [(m.text, m.status, m.incomplete_details) for m in listed.items]


async def test_an_answer_that_the_limit_cuts_ends_the_run_as_incomplete(tmp_path: Path) -> None:
    async with house(tmp_path, LONG) as h:
        run = await h.run(options={"max_completion_tokens": 8})
        end = ["message.delta", "message.incomplete", "step.completed", "run.incomplete"]
        assert await h.names(run) == [*START, *TEXT_START, *end]
        run = await h.get(run)
        assert (run.status, run.incomplete_details) == ("incomplete", {"reason": "max_completion_tokens"})
        assert run.usage == {"prompt_tokens": 10, "completion_tokens": 8, "total_tokens": 18}
        assert await messages(h, run) == [("half", "incomplete", CUT)]
        assert h.model.requests[0].settings["max_tokens"] == 8


async def test_the_assistants_own_limit_does_not_end_the_run_as_incomplete(tmp_path: Path) -> None:
    async with house(tmp_path, LONG) as h:
        run = await ended(h, await h.run(settings={"max_tokens": 8}, options={"max_completion_tokens": 100}))
        assert run.status == "completed"
        assert await messages(h, run) == [("half", "incomplete", CUT)]
        assert h.model.requests[0].settings["max_tokens"] == 8


async def test_what_was_cut_is_still_part_of_the_conversation(tmp_path: Path) -> None:
    async with house(tmp_path, LONG) as h:
        run = await ended(h, await h.run(options={"max_completion_tokens": 8}))
        new = NewRun(assistant_id=run.assistant_id, additional_messages=(user("go on"),))
        await ended(h, await h.runs.create(W, run.thread_id, new))
        assert [m["content"] for m in h.model.requests[1].messages[1:]] == ["hi", "half", "go on"]


async def test_later_turns_get_what_earlier_ones_left(tmp_path: Path) -> None:
    async with house(tmp_path, ask(("f", "{}")), say("done"), hands=Hands(["f"])) as h:
        run = await ended(h, await h.run(tools=["f"], options={"max_completion_tokens": 10}))
        assert run.status == "completed"
        assert [r.settings["max_tokens"] for r in h.model.requests] == [10, 9]


@pytest.mark.parametrize("limit", [{"max_completion_tokens": 1}, {"max_prompt_tokens": 5}])
async def test_a_call_after_which_nothing_would_be_left_is_not_made(tmp_path: Path, limit: dict[str, int]) -> None:
    async with house(tmp_path, ask(("f", "{}")), hands=Hands(["f"])) as h:
        run = await ended(h, await h.run(tools=["f"], options=limit))
        assert (run.status, run.incomplete_details) == ("incomplete", {"reason": next(iter(limit))})
        assert h.hands.made == []
        assert run.usage == {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6}


async def test_a_limit_that_was_not_kept_is_told_although_the_answer_is_there(tmp_path: Path) -> None:
    async with house(tmp_path, say("whole")) as h:
        run = await ended(h, await h.run(options={"max_prompt_tokens": 9}))
        assert (run.status, run.incomplete_details) == ("incomplete", {"reason": "max_prompt_tokens"})
        assert await messages(h, run) == [("whole", "completed", None)]


async def test_a_limit_that_was_just_kept_is_kept(tmp_path: Path) -> None:
    async with house(tmp_path, say("whole")) as h:
        run = await ended(h, await h.run(options={"max_prompt_tokens": 10, "max_completion_tokens": 2}))
        assert run.status == "completed"


async def test_tokens_count_over_the_wait_for_the_client(tmp_path: Path) -> None:
    async with house(tmp_path, ask(("f", "{}"))) as h:
        run = await h.run(tools=["f"], options={"max_prompt_tokens": 14})
        await h.until(run, "requires_action")
        await h.runs.submit_tool_outputs(W, run.thread_id, run.id, [ToolOutput(output="x")])
        assert (await h.until(run, "incomplete")).usage == {
            "prompt_tokens": 15,
            "completion_tokens": 3,
            "total_tokens": 18,
        }


def test_what_is_left_may_be_less_than_nothing() -> None:
    left = Allowance(left={"max_prompt_tokens": 5}).less({"prompt_tokens": 5})
    assert (left.used_up, left.exceeded) == ("max_prompt_tokens", None)
    assert left.less({"prompt_tokens": 1}).exceeded == "max_prompt_tokens"
    assert left.less(None) == left


def test_without_limits_nothing_is_bound() -> None:
    request = ModelRequest(model="m", messages=[])
    assert Allowance(left={}).bound(request) is request
    assert Allowance(left={}).used_up is None
