"""A target over a real socket that misbehaves in every way we know of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import anyio
import pytest
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from stub import KEY, FakeTime, Stub, broken, html, js, listed, opened, refusal, serving

from orchestrator.errors import (
    CannotUnderstand,
    NotFound,
    RefusedKey,
    Rejected,
    SettingsError,
    SlowDown,
    TargetError,
    TheirFault,
    Unreachable,
)
from orchestrator.reconcile.stamp import Stamp
from orchestrator.targets import open_target
from orchestrator.tools import HostedPlugin

STAMP = Stamp(owner="shop/prod", manifest="weather", fields={})
BODY: dict[str, Any] = {"model": "m", "name": "weather", "metadata": {}}


def _always(response: Any) -> list[Any]:
    return [lambda _: response() for _ in range(50)]


async def test_the_key_and_the_workspace_go_along() -> None:
    stub = Stub()
    async with serving(stub.app()) as url, opened(url, workspace="ws-1") as target:
        await target.create(BODY, STAMP)
    (headers,) = stub.headers
    assert (headers["authorization"], headers["x-dashscope-workspace"]) == (f"Bearer {KEY}", "ws-1")
    assert headers["content-type"] == "application/json"


async def test_the_metadata_holds_the_pairs_and_the_stamp() -> None:
    stub = Stub()
    async with serving(stub.app()) as url, opened(url) as target:
        await target.create({**BODY, "metadata": {"team": "demo"}}, STAMP)
    (made,) = stub.objects.values()
    assert made["metadata"] == {"team": "demo", "orchestrator": STAMP.encode()}


@pytest.mark.parametrize(
    "asked",
    ["30", lambda: format_datetime(datetime.now(UTC) + timedelta(seconds=31), usegmt=True)],
    ids=["seconds", "date"],
)
async def test_nothing_is_sent_before_the_time_that_the_target_asked_for(asked: Any) -> None:
    stub, time = Stub(), FakeTime()
    text = asked if isinstance(asked, str) else asked()
    stub.faults = [lambda _: refusal(429, "Throttling", Retry_After=text)]
    async with serving(stub.app()) as url, opened(url, time) as target:
        await target.observe()
    assert len(stub.log) == 2
    assert 29 <= sum(time.slept) <= 36


async def test_a_pause_asked_of_one_request_holds_all_the_others() -> None:
    stub, time = Stub(), FakeTime()
    began: list[float] = []

    def throttle(_: Request) -> Response:
        return refusal(429, "Throttling", Retry_After="30")

    def note(_: Request) -> None:
        began.append(time.now)

    stub.faults = [throttle, *[note] * 10]
    async with (
        serving(stub.app()) as url,
        opened(url, time, concurrency=1) as target,
        anyio.create_task_group() as tasks,
    ):
        for _ in range(4):
            tasks.start_soon(target.create, BODY, STAMP)
    assert len(began) == 4
    assert min(began) >= 1030


async def test_an_endless_pause_is_cut_to_two_minutes() -> None:
    stub, time = Stub(), FakeTime()
    stub.faults = [lambda _: refusal(429, "Throttling", Retry_After="99999999")]
    async with serving(stub.app()) as url, opened(url, time) as target:
        await target.observe()
    assert sum(time.slept) == pytest.approx(120)


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
async def test_a_burst_of_their_faults_is_sat_out(status: int) -> None:
    stub, time = Stub(), FakeTime()
    made = stub.add(model="m")
    stub.faults = [lambda _: html(status)] * 5
    async with serving(stub.app()) as url, opened(url, time) as target:
        await target.delete(made["id"])
    assert (len(stub.log), stub.objects) == (6, {})
    assert time.slept == [0.5, 1.0, 2.0, 4.0, 8.0]


async def test_after_six_attempts_the_last_error_is_told() -> None:
    stub = Stub(faults=_always(lambda: refusal(500, "InternalError", "worker lost")))
    async with serving(stub.app()) as url, opened(url) as target:
        with pytest.raises(TheirFault, match="worker lost"):
            await target.observe()
    assert len(stub.log) == 6


@pytest.mark.parametrize(
    ("answer", "family"),
    [
        (lambda: refusal(400, "InvalidParameter"), Rejected),
        (lambda: refusal(401, "InvalidApiKey"), RefusedKey),
        (lambda: refusal(403, "AccessDenied"), RefusedKey),
        (lambda: refusal(429, "PostpaidBillOverdue"), Rejected),
        (lambda: html(200), CannotUnderstand),
        (lambda: html(404), CannotUnderstand),
        (lambda: Response(b'{"id": "as', 200, media_type="application/json"), CannotUnderstand),
        (lambda: Response(b"", 200), CannotUnderstand),
        (lambda: Response(b"\xff\xfe", 200), CannotUnderstand),
        (lambda: js([]), CannotUnderstand),
        (lambda: js({"object": "list"}), CannotUnderstand),
        (lambda: js({"data": None, "has_more": False}), CannotUnderstand),
        (lambda: js(listed([None], more=False)), CannotUnderstand),
        (lambda: js(listed([{"model": "no id"}], more=False)), CannotUnderstand),
        (lambda: js(listed([], more="yes")), CannotUnderstand),
        (lambda: js(listed([], more=True)), CannotUnderstand),
    ],
)
async def test_what_will_not_get_better_is_told_at_once(answer: Any, family: type[TargetError]) -> None:
    stub = Stub(faults=_always(answer))
    async with serving(stub.app()) as url, opened(url) as target:
        with pytest.raises(family) as caught:
            await target.observe()
    assert (type(caught.value), len(stub.log)) == (family, 1)


@pytest.mark.parametrize("fault", [500, 502, 503, 504])
async def test_a_create_that_may_have_happened_is_sent_once(fault: int) -> None:
    stub = Stub(faults=_always(lambda: refusal(fault, "InternalError")))
    async with serving(stub.app()) as url, opened(url) as target:
        with pytest.raises(TheirFault) as caught:
            await target.create(BODY, STAMP)
    assert (stub.count("POST"), caught.value.sent) == (1, True)


async def test_a_create_whose_answer_is_cut_off_is_sent_once() -> None:
    stub = Stub(losses={1})
    async with serving(stub.app()) as url, opened(url) as target:
        with pytest.raises(Unreachable) as caught:
            await target.create(BODY, STAMP)
    assert (stub.count("POST"), caught.value.sent, len(stub.objects)) == (1, True, 1)


@pytest.mark.parametrize("committed", [False, True])
async def test_a_create_that_times_out_is_sent_once(*, committed: bool) -> None:
    stub = Stub(slow_answer=0.5) if committed else Stub(delay=0.5)
    async with serving(stub.app()) as url, opened(url, timeout=0.1) as target:
        with pytest.raises(Unreachable) as caught:
            await target.create(BODY, STAMP)
        seen = len(stub.objects)
    assert (stub.count("POST"), caught.value.sent, seen) == (1, True, int(committed))


async def test_a_create_that_was_refused_for_its_pace_is_sent_again() -> None:
    stub = Stub(faults=[lambda _: refusal(429, "Throttling.RateQuota")] * 2)
    async with serving(stub.app()) as url, opened(url) as target:
        await target.create(BODY, STAMP)
    assert (stub.count("POST"), len(stub.objects)) == (3, 1)


async def test_a_create_that_never_arrived_is_tried_again() -> None:
    time = FakeTime()
    async with opened("http://127.0.0.1:9", time) as target:
        with pytest.raises(Unreachable) as caught:
            await target.create(BODY, STAMP)
    assert (len(time.slept), caught.value.sent) == (5, False)


async def test_updates_and_reads_survive_lost_answers() -> None:
    stub = Stub(losses={1, 3})
    made = stub.add(model="m")
    async with serving(stub.app()) as url, opened(url) as target:
        written = await target.update(made["id"], BODY, STAMP)
        (seen,) = await target.observe()
    assert (written.body, seen.body) == ({"model": "m", "name": "weather"},) * 2


async def test_a_delete_whose_answer_was_lost_is_done() -> None:
    stub = Stub(losses={1})
    made = stub.add(model="m")
    async with serving(stub.app()) as url, opened(url) as target:
        await target.delete(made["id"])
    assert (stub.count("DELETE"), stub.objects) == (2, {})


async def test_a_delete_at_a_wrong_address_is_not_taken_for_done() -> None:
    stub = Stub(faults=_always(lambda: html(404)))
    async with serving(stub.app()) as url, opened(url) as target:
        with pytest.raises(CannotUnderstand):
            await target.delete("asst_1")


async def test_a_delete_that_the_target_did_not_do_is_told() -> None:
    stub = Stub(faults=[lambda _: js({"id": "asst_1", "deleted": False})])
    async with serving(stub.app()) as url, opened(url) as target:
        with pytest.raises(Rejected, match="did not delete"):
            await target.delete("asst_1")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_the_key_does_not_follow_a_redirect(status: int) -> None:
    elsewhere, stub = Stub(), Stub()
    async with serving(elsewhere.app()) as other, serving(stub.app()) as url, opened(url) as target:
        stub.faults = _always(lambda: RedirectResponse(f"{other}/api/v1/assistants", status))
        with pytest.raises(CannotUnderstand, match="redirect"):
            await target.observe()
    assert (len(stub.log), elsewhere.log) == (1, [])


async def test_an_object_that_two_pages_show_counts_once() -> None:
    pages = {None: ([1, 2], True), "a2": ([2, 3], True), "a3": ([3, 4], False)}

    def page(request: Request) -> Response:
        ids, more = pages[request.query_params.get("after")]
        return js(listed([{"id": f"a{n}", "created_at": n} for n in ids], more=more))

    stub = Stub(page=page)
    async with serving(stub.app()) as url, opened(url) as target:
        seen = await target.observe()
    assert [one.id for one in seen] == ["a1", "a2", "a3", "a4"]


async def test_a_list_that_does_not_advance_is_not_followed_for_ever() -> None:
    stub = Stub(page=lambda _: js(listed([{"id": "a1"}], more=True)))
    async with serving(stub.app()) as url, opened(url) as target:
        with pytest.raises(CannotUnderstand, match="does not advance"):
            await target.observe()
    assert len(stub.log) == 2


async def test_a_page_that_fails_is_no_shorter_list() -> None:
    stub = Stub()
    for _ in range(150):
        stub.add(model="m")
    stub.faults = [None, *_always(lambda: refusal(400, "InvalidParameter"))]
    async with serving(stub.app()) as url, opened(url) as target:
        with pytest.raises(Rejected):
            await target.observe()


async def test_a_full_page_without_has_more_is_followed() -> None:
    stub = Stub()
    for _ in range(150):
        stub.add(model="m")

    def page(request: Request) -> Response:
        after = request.query_params.get("after", "")
        found = [one for one in stub.objects.values() if one["id"] > after]
        return js({"data": found[:100]})

    stub.page = page
    async with serving(stub.app()) as url, opened(url) as target:
        assert len(await target.observe()) == 150


async def test_pages_are_as_large_as_they_may_be() -> None:
    asked: list[dict[str, str]] = []

    def page(request: Request) -> Response:
        asked.append(dict(request.query_params))
        return js(listed([], more=False))

    async with serving(Stub(page=page).app()) as url, opened(url) as target:
        await target.observe()
    assert asked == [{"limit": "100", "order": "asc"}]


async def test_no_more_requests_run_at_a_time_than_agreed() -> None:
    stub = Stub(delay=0.02)
    async with serving(stub.app()) as url, opened(url, concurrency=3) as target, anyio.create_task_group() as tasks:
        for _ in range(12):
            tasks.start_soon(target.create, BODY, STAMP)
    assert (stub.busiest, len(stub.objects)) == (3, 12)


async def test_no_more_requests_begin_per_second_than_agreed() -> None:
    stub, time = Stub(), FakeTime()
    async with serving(stub.app()) as url, opened(url, time, per_second=2) as target:
        for _ in range(9):
            await target.create(BODY, STAMP)
    assert time.now == pytest.approx(1004)


async def test_files_that_an_empty_list_does_not_clear_are_taken_away() -> None:
    stub = Stub()
    made = stub.add(model="m", file_ids=["file-1", "file 2"])
    async with serving(stub.app()) as url, opened(url) as target:
        written = await target.update(made["id"], {**BODY, "file_ids": ()}, STAMP)
    assert "file_ids" not in written.body
    assert stub.count("DELETE") == 2


async def test_no_secret_comes_back_in_an_error() -> None:
    plugin = HostedPlugin.model_validate({"id": "plugin_1", "user_token": "tok-canary"})
    stub = Stub(faults=[lambda _: refusal(400, "InvalidParameter", f"bad token tok-canary for {KEY}")])
    async with serving(stub.app()) as url, opened(url) as target:
        with pytest.raises(Rejected) as caught:
            await target.create({**BODY, "tools": (plugin,)}, STAMP)
    assert caught.value.message == "InvalidParameter: bad token *** for ***"


async def test_what_cannot_be_written_as_json_is_not_sent() -> None:
    stub = Stub()
    async with serving(stub.app()) as url, opened(url) as target:
        with pytest.raises(Rejected) as caught:
            await target.create({"model": "\ud800"}, STAMP)
    assert (stub.log, caught.value.sent) == ([], False)


async def test_ids_are_escaped_in_the_path() -> None:
    stub = Stub()
    async with serving(stub.app()) as url, opened(url) as target:
        with pytest.raises(NotFound):
            await target.update("a?x=1 ü#", BODY, STAMP)
    assert stub.log == [("POST", "/assistants/a?x=1 ü#")]


async def test_a_cut_page_is_asked_for_again() -> None:
    stub = Stub(faults=[lambda _: broken(b'{"data": [')])
    stub.add(model="m")
    async with serving(stub.app()) as url, opened(url) as target:
        assert len(await target.observe()) == 1
    assert len(stub.log) == 2


def test_a_dialect_that_nobody_speaks_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsError) as caught:
        open_target("dashscop", "http://127.0.0.1/api/v1")
    assert caught.value.hint == "did you mean 'dashscope'?"


async def test_slow_down_for_ever_ends_in_an_error() -> None:
    stub = Stub(faults=_always(lambda: refusal(429, "Throttling")))
    async with serving(stub.app()) as url, opened(url) as target:
        with pytest.raises(SlowDown):
            await target.create(BODY, STAMP)
    assert (stub.count("POST"), stub.objects) == (6, {})
