"""Lists of a whole workspace, assistants that old runs refer to, cancelling, and threads that are busy."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from live import Live, live_server
from wire_kit import BASES, client, error, made, place, run_body, start, until

CALL = "/call f"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_server(tmp_path_factory.mktemp("workspace")) as running:
        yield running


@pytest.fixture(params=BASES)
def http(live: Live, request: pytest.FixtureRequest) -> Iterator[httpx2.Client]:
    with client(live, request.param) as opened:
        yield opened


def ids(answer: httpx2.Response) -> list[str]:
    return [item["id"] for item in made(answer)["data"]]


def all_pages(http: httpx2.Client, path: str, **query: str) -> list[str]:
    found: list[str] = []
    while True:
        after = {"after": found[-1]} if found else {}
        page = made(http.get(path, params={"limit": "2", "order": "asc", **query, **after}))
        found += [item["id"] for item in page["data"]]
        if not page["has_more"]:
            return found


# --- lists


def test_threads_are_listed_in_pages(http: httpx2.Client) -> None:
    threads = [made(http.post("/threads", json={}))["id"] for _ in range(5)]
    made(http.delete(f"/threads/{threads[2]}"))
    left = [thread for thread in threads if thread != threads[2]]
    assert [thread for thread in all_pages(http, "/threads") if thread in threads] == left
    assert ids(http.get("/threads", params={"limit": 3, "before": left[0]}))[-1] == left[1]


def test_runs_are_listed_over_all_threads_and_by_what_they_are(http: httpx2.Client) -> None:
    done, waiting = start(http, "hi"), start(http, CALL, "f")
    until(http, done), until(http, waiting)
    mine = {done["id"], waiting["id"]}

    def found(**query: str) -> set[str]:
        return mine & set(all_pages(http, "/runs", **query))

    assert found() == mine
    assert found(status="requires_action") == {waiting["id"]}
    assert found(status="completed,requires_action") == mine
    assert found(assistant_id=done["assistant_id"]) == {done["id"]}
    assert found(thread_id=waiting["thread_id"], status="requires_action") == {waiting["id"]}
    assert found(thread_id=waiting["thread_id"], status="completed") == set()


def test_an_unknown_status_is_refused_with_those_there_are(http: httpx2.Client) -> None:
    told = error(http.get("/runs", params={"status": "sleeping"}))
    assert "completed" in told["message"]
    assert "requires_action" in told["message"]


def test_runs_of_a_deleted_thread_are_listed_no_more_and_still_serve_as_cursors(http: httpx2.Client) -> None:
    before, gone, after = (until(http, start(http, "hi")) for _ in range(3))
    made(http.delete(f"/threads/{gone['thread_id']}"))
    listed = all_pages(http, "/runs")
    assert gone["id"] not in listed
    assert {before["id"], after["id"]} <= set(listed)
    assert ids(http.get("/runs", params={"after": gone["id"], "order": "asc"}))[0] == after["id"]


# --- assistants that are gone


def test_runs_of_a_deleted_assistant_stay_readable_and_go_on(http: httpx2.Client) -> None:
    old, waiting = until(http, start(http, "hi")), until(http, start(http, CALL, "f"))
    for run in (old, waiting):
        made(http.delete(f"/assistants/{run['assistant_id']}"))
    assert until(http, old)["status"] == "completed"
    assert made(http.get(f"{place(old)}/steps"))["data"]
    call = waiting["required_action"]["submit_tool_outputs"]["tool_calls"][0]["id"]
    outputs = {"tool_outputs": [{"tool_call_id": call, "output": "fine"}]}
    made(http.post(f"{place(waiting)}/submit_tool_outputs", json=outputs))
    assert until(http, waiting)["status"] == "completed"
    new = http.post(f"/threads/{old['thread_id']}/runs", json={"assistant_id": old["assistant_id"]})
    assert "assistant" in error(new)["message"].lower()


# --- cancelling


@pytest.mark.parametrize("state", ["in_progress", "requires_action"])
def test_cancel_is_idempotent_and_frees_the_thread(http: httpx2.Client, state: str) -> None:
    run = until(http, start(http, "/slow 20 a b c" if state == "in_progress" else CALL, "f"), state)
    assert made(http.post(f"{place(run)}/cancel"))["status"] in ("cancelling", "cancelled")
    assert made(http.post(f"{place(run)}/cancel"))["status"] in ("cancelling", "cancelled")
    assert until(http, run)["status"] == "cancelled"
    assert made(http.post(f"{place(run)}/cancel"))["status"] == "cancelled"
    made(http.post(f"/threads/{run['thread_id']}/messages", json={"role": "user", "content": "next"}))
    again = made(http.post(f"/threads/{run['thread_id']}/runs", json={"assistant_id": run["assistant_id"]}))
    assert until(http, again)["status"] == "completed"


def test_a_run_that_came_to_another_end_was_not_cancelled(http: httpx2.Client) -> None:
    run = until(http, start(http, "hi"))
    refused = http.post(f"{place(run)}/cancel")
    assert (refused.status_code, error(refused)["message"]) == (400, "Cannot cancel run with status 'completed'.")


# --- busy threads


def test_a_busy_thread_names_its_run_to_people_and_to_programs(http: httpx2.Client) -> None:
    run = until(http, start(http, CALL, "f"))
    thread = f"/threads/{run['thread_id']}"
    for path, body in (
        (f"{thread}/messages", {"role": "user", "content": "and?"}),
        (f"{thread}/runs", {"assistant_id": run["assistant_id"]}),
    ):
        refused = http.post(path, json=body)
        assert refused.status_code == 400
        assert run["id"] in error(refused)["message"]
        assert error(refused)["run_id"] == run["id"]


@pytest.mark.parametrize("end", ["completed", "failed", "cancelled"])
def test_a_thread_takes_messages_again_as_soon_as_its_run_is_over(http: httpx2.Client, end: str) -> None:
    run = start(http, {"completed": "hi", "failed": "/fail no", "cancelled": "/slow 20 a b"}[end])
    if end == "cancelled":
        made(http.post(f"{place(run)}/cancel"))
    assert until(http, run)["status"] == end
    made(http.post(f"/threads/{run['thread_id']}/messages", json={"role": "user", "content": "next"}))


def test_of_fifty_runs_at_once_one_is_taken_and_the_others_name_it(http: httpx2.Client) -> None:
    body = run_body(http, "")
    thread = made(http.post("/threads", json={"messages": [{"role": "user", "content": "/slow 5 a b"}]}))["id"]

    def create(_: int) -> httpx2.Response:
        return http.post(f"/threads/{thread}/runs", json={"assistant_id": body["assistant_id"]})

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(create, range(50)))
    taken = [answer.json()["id"] for answer in answers if answer.status_code == 200]
    assert len(taken) == 1
    refused = [error(answer) for answer in answers if answer.status_code == 400]
    assert len(refused) == 49
    assert {told["run_id"] for told in refused} == set(taken)
    assert all(taken[0] in told["message"] for told in refused)
    made(http.post(f"/threads/{thread}/runs/{taken[0]}/cancel"))
