"""Model Studio's dialect, row by row: what is missing at each address, cursors of each list, all ways to be absent.

As raw requests, for the vendor's SDK hides much of it; the same lists are walked in OpenAI's dialect.
"""

from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from live import Live, live_server
from wire_kit import BASES, client, error, made

BASE = "/api/v1"
ASSISTANT = "The specified assistant has been deleted or does not exist."
THREAD = "The specified thread has been deleted or does not exist."
MESSAGE = "The specified message has been deleted or does not exist."
RUN = "The specified run has been deleted or does not exist."
STEP = "The specified run step does not exist."
ASSISTANT_FILE = "The specified assistant file has been deleted or does not exist."
MESSAGE_FILE = "The specified message file not exist."
FILE = "The specified file has been deleted or does not exist."
EMPTY = "The messages information cannot be empty."

MISSING = [
    ("GET", "/assistants/x", None, ASSISTANT),  # A3
    ("POST", "/assistants/x", {"name": "n"}, ASSISTANT),  # A4
    ("DELETE", "/assistants/x", None, ASSISTANT),  # A5
    ("POST", "/assistants/x/files", {"file_id": "f"}, ASSISTANT),  # A6
    ("GET", "/assistants/x/files", None, ASSISTANT),  # A7
    ("GET", "/assistants/x/files/f", None, ASSISTANT),  # A8
    ("GET", "/assistants/{a}/files/x", None, ASSISTANT_FILE),
    ("DELETE", "/assistants/x/files/f", None, ASSISTANT),  # A9
    ("DELETE", "/assistants/{a}/files/x", None, ASSISTANT_FILE),
    ("GET", "/threads/x", None, THREAD),  # T2
    ("POST", "/threads/x", {"metadata": {}}, THREAD),  # T3
    ("POST", "/threads/x", {}, THREAD),
    ("DELETE", "/threads/x", None, THREAD),  # T4
    ("POST", "/threads/x/messages", {"role": "user", "content": "hi"}, THREAD),  # M1
    ("GET", "/threads/x/messages", None, THREAD),  # M2
    ("GET", "/threads/x/messages/{m}", None, THREAD),  # M3
    ("GET", "/threads/{t}/messages/x", None, MESSAGE),
    ("POST", "/threads/{t}/messages/x", {"metadata": {}}, MESSAGE),  # M4
    ("POST", "/threads/{t}/messages/x", {}, MESSAGE),
    ("GET", "/threads/{t}/messages/x/files", None, MESSAGE),  # M5
    ("GET", "/threads/x/messages/{m}/files", None, THREAD),
    ("GET", "/threads/{t}/messages/x/files/f", None, MESSAGE),  # M6
    ("GET", "/threads/{t}/messages/{m}/files/x", None, MESSAGE_FILE),
    ("POST", "/threads/x/runs", {"assistant_id": "{a}"}, THREAD),  # R1
    ("POST", "/threads/{t}/runs", {"assistant_id": "x"}, ASSISTANT),
    ("GET", "/threads/x/runs", None, THREAD),  # R2
    ("GET", "/threads/x/runs/{r}", None, THREAD),  # R3
    ("GET", "/threads/{t}/runs/x", None, RUN),
    ("POST", "/threads/{t}/runs/x", {"metadata": {}}, RUN),  # R4
    ("POST", "/threads/{t}/runs/x", {}, RUN),
    ("POST", "/threads/{t}/runs/x/cancel", None, RUN),  # R5
    ("POST", "/threads/{t}/runs/x/submit_tool_outputs", {"tool_outputs": [{"output": "o"}]}, RUN),  # R6
    ("POST", "/threads/runs", {"assistant_id": "x"}, ASSISTANT),  # R7
    ("GET", "/threads/{t}/runs/x/steps", None, RUN),  # S1
    ("GET", "/threads/{t}/runs/x/steps/{s}", None, RUN),  # S2
    ("GET", "/threads/{t}/runs/{r}/steps/x", None, STEP),
    ("GET", "/files/x", None, FILE),  # F2
    ("DELETE", "/files/x", None, FILE),
]
LACKING = [  # bodies that lack what must be there
    ("/assistants", {}, "'model' must be given."),
    ("/assistants", {"model": ""}, "'model' must be given."),
    ("/assistants/{a}/files", {}, "'file_id' must be given."),
    ("/threads", {"messages": [{"role": "user", "content": ""}]}, EMPTY),
    ("/threads", {"messages": [{"role": "user"}]}, EMPTY),
    ("/threads/{t}/messages", {"role": "user"}, EMPTY),
    ("/threads/{t}/messages", {"role": "user", "content": []}, EMPTY),
    ("/threads/{t}/messages", {"content": "hi"}, "'role' must be given."),
    ("/threads/{t}/runs", {}, "'assistant_id' must be given."),
    ("/threads/{t}/runs", {"assistant_id": "{a}", "additional_messages": [{"role": "user", "content": ""}]}, EMPTY),
    ("/threads/runs", {"thread": {}}, "'assistant_id' must be given."),
    ("/threads/runs", {"assistant_id": "{a}", "thread": {"messages": [{"role": "user", "content": ""}]}}, EMPTY),
    ("/threads/{t}/runs/{r}/submit_tool_outputs", {}, "'tool_outputs' must be given."),
    ("/threads/{t}/runs/{r}/submit_tool_outputs", {"tool_outputs": []}, "'tool_outputs' must be given."),
]
Http = httpx2.Client
Ids = dict[str, str]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_server(tmp_path_factory.mktemp("table")) as running:
        yield running


@pytest.fixture(scope="module")
def http(live: Live) -> Iterator[Http]:
    with client(live, BASE) as http:
        yield http


@pytest.fixture(scope="module")
def ids(http: Http) -> Ids:
    """An assistant, and a thread with a message, a run that is over and its step."""
    a = made(http.post("/assistants", json={"model": "m"}))["id"]
    body = {"assistant_id": a, "thread": {"messages": [{"role": "user", "content": "hi"}]}}
    run = made(http.post("/threads/runs", json=body))
    t, r = run["thread_id"], run["id"]
    assert "event:done" in http.get(f"/threads/{t}/runs/{r}/stream").text
    m = made(http.get(f"/threads/{t}/messages"))["data"][0]["id"]
    return {"a": a, "t": t, "m": m, "r": r, "s": made(http.get(f"/threads/{t}/runs/{r}/steps"))["data"][0]["id"]}


def filled(value: Any, ids: Ids) -> Any:
    """The value with ids in place of `{a}` and the like."""
    if isinstance(value, str):
        return value.format(**ids) if value.startswith(("/", "{")) else value
    if isinstance(value, dict):
        return {key: filled(item, ids) for key, item in value.items()}
    return [filled(item, ids) for item in value] if isinstance(value, list) else value


def refused(answer: httpx2.Response) -> str:
    body = answer.json()
    assert (answer.status_code, body["code"], answer.headers["content-type"]) == (
        400,
        "InvalidParameter",
        "application/json",
    )
    assert len(body["request_id"]) == 36
    return str(body["message"])


@pytest.mark.parametrize("row", MISSING, ids=lambda row: f"{row[0]} {row[1]}")
def test_what_is_missing_is_told_in_the_vendors_words(http: Http, ids: Ids, row: tuple[str, str, Any, str]) -> None:
    method, path, body, message = row
    assert refused(http.request(method, filled(path, ids), json=filled(body, ids))) == message


@pytest.mark.parametrize(("path", "body", "message"), LACKING)
def test_what_a_body_lacks_is_named(http: Http, ids: Ids, path: str, body: Any, message: str) -> None:
    assert refused(http.post(filled(path, ids), json=filled(body, ids))) == message


def test_what_was_deleted_is_missing(http: Http) -> None:
    for path, body, message in (("/assistants", {"model": "m"}, ASSISTANT), ("/threads", {}, THREAD)):
        place = f"{path}/{made(http.post(path, json=body))['id']}"
        gone = made(http.delete(place))
        assert (gone["deleted"], gone["object"]) == (True, f"{path[1:-1]}.deleted")
        for method in ("GET", "POST", "DELETE"):
            assert refused(http.request(method, place, json={})) == message


LISTS = ["assistants", "threads", "messages", "runs", "steps", "all runs"]
OF_THIS_DIALECT = ["assistant files", "message files"]
EVERY_LIST = [*((base, name) for base in BASES for name in LISTS), *((BASE, name) for name in OF_THIS_DIALECT)]


def five(http: Http, name: str) -> tuple[str, list[str]]:
    """A list of five things, oldest first, and where it is."""

    def post(path: str, body: Any) -> str:
        return made(http.post(path, json=body))["id"]

    many: Callable[[str, Any], list[str]] = lambda path, body: [post(path, body) for _ in range(5)]  # noqa: E731
    a = post("/assistants", {"model": "m"})
    files = [f"file-{n}" for n in range(5)]
    match name:
        case "assistants":
            return "/assistants", [a, *(post("/assistants", {"model": "m"}) for _ in range(4))]
        case "threads":
            return "/threads", many("/threads", {})
        case "assistant files":
            for file in files:
                post(f"/assistants/{a}/files", {"file_id": file})
            return f"/assistants/{a}/files", files
    t = post("/threads", {})
    match name:
        case "messages":
            return f"/threads/{t}/messages", many(f"/threads/{t}/messages", {"role": "user", "content": "hi"})
        case "message files":
            m = post(f"/threads/{t}/messages", {"role": "user", "content": "hi", "file_ids": files})
            return f"/threads/{t}/messages/{m}/files", files
        case "runs" | "all runs":
            runs = [_run(http, t, a, "hi") for _ in range(5)]
            return ("/runs" if name == "all runs" else f"/threads/{t}/runs"), runs
    calls = [{"type": "function", "function": {"name": "f"}}]
    b = post("/assistants", {"model": "m", "tools": calls})
    r = _run(http, t, b, "/call g {}")
    steps = f"/threads/{t}/runs/{r}/steps"
    found = made(http.get(steps, params={"order": "asc"}))["data"]
    return steps, [step["id"] for step in found]


def _run(http: Http, thread: str, assistant: str, text: str) -> str:
    """A run that is over. A wrong call is made three times, which makes three steps."""
    made(http.post(f"/threads/{thread}/messages", json={"role": "user", "content": text}))
    run = made(http.post(f"/threads/{thread}/runs", json={"assistant_id": assistant}))["id"]
    http.get(f"/threads/{thread}/runs/{run}/stream")
    return run


@pytest.mark.parametrize(("base", "name"), EVERY_LIST)
def test_every_list_has_both_cursors_and_both_orders(live: Live, base: str, name: str) -> None:
    workspace = f"lists-{name.replace(' ', '-')}"
    headers = {"x-dashscope-workspace": workspace} if base == BASE else {"openai-project": workspace + "-v2"}
    with client(live, base, **headers) as http:
        path, things = five(http, name)
        assert len(things) >= 2

        def look(**page: Any) -> list[str]:
            found = made(http.get(path, params=page))
            shown = [item["id"] for item in found["data"]]
            assert (found["object"], found["first_id"], found["last_id"]) == ("list", shown[0], shown[-1])
            return shown

        assert look(limit=100) == look(order="desc") == things[::-1]
        assert look(order="asc") == things
        assert look(order="asc", after=things[0]) == things[1:]
        assert look(after=things[-1]) == things[-2::-1]
        assert look(order="asc", before=things[-1], limit=1) == things[-2:-1]
        assert look(before=things[0], limit=1) == things[1:2]
        assert made(http.get(path, params={"order": "asc", "limit": len(things) - 1}))["has_more"] is True
        assert made(http.get(path, params={"limit": len(things)}))["has_more"] is False
        between = made(http.get(path, params={"order": "asc", "after": things[0], "before": things[-1]}))
        assert [item["id"] for item in between["data"]] == things[1:-1]
        for page, words in (
            ({"limit": 0}, "Limit must be between 1 and 100"),
            ({"limit": 101}, "Limit must be between 1 and 100"),
            ({"limit": "ten"}, "Limit must be between 1 and 100"),
            ({"order": "up"}, "Order must be 'asc' or 'desc'"),
            ({"after": "x"}, "No object of this list has the id 'x' given as 'after'."),
            ({"before": "x"}, "No object of this list has the id 'x' given as 'before'."),
        ):
            answer = http.get(path, params=page)
            assert (answer.status_code, error(answer)["message"]) == (400, words)


ABSENT: dict[str, list[Any]] = {
    "name": [None, ""],
    "description": [None, ""],
    "instructions": [None, ""],
    "tools": [None, []],
    "file_ids": [None, []],
    "metadata": [None, {}],
    "temperature": [None],
    "top_p": [None],
    "top_k": [None],
    "max_tokens": [None],
}
ABSENT_IN_RUNS: dict[str, list[Any]] = {
    **{name: ways for name, ways in ABSENT.items() if name not in ("name", "description", "file_ids", "tools")},
    "tools": [None],  # a run may do without its assistant's tools
    "model": [None, ""],
    "additional_instructions": [None, ""],
    "additional_messages": [None, []],
    "stream": [None, False],
    "truncation_strategy": [None, {}],
    "tool_choice": [None, {}],
    "response_format": [None, {}, "auto", "json_object"],  # a bare word is what the Java SDK always sends
    "parallel_tool_calls": [None],
    "max_prompt_tokens": [None],
    "max_completion_tokens": [None],
}


def without_ids(answer: httpx2.Response) -> dict[str, Any]:
    return {k: v for k, v in made(answer).items() if k not in ("id", "created_at", "request_id", "thread_id")}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, ways in ABSENT.items() for v in ways])
def test_all_ways_to_be_absent_are_the_same_for_an_assistant(http: Http, name: str, value: Any) -> None:
    alike = without_ids(http.post("/assistants", json={"model": "m"}))
    given = without_ids(http.post("/assistants", json={"model": "m", name: value}))
    assert {**given, name: given[name] or alike[name]} == alike


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, ways in ABSENT_IN_RUNS.items() for v in ways])
def test_all_ways_to_be_absent_are_the_same_for_a_run(http: Http, ids: Ids, name: str, value: Any) -> None:
    body: dict[str, Any] = {"assistant_id": ids["a"]}
    alike = without_ids(http.post("/threads/runs", json=body))
    for thread in (None, {}, {"messages": None, "metadata": None}, {"messages": [], "metadata": {}}):
        assert without_ids(http.post("/threads/runs", json={**body, "thread": thread, name: value})) == alike


def test_absent_in_a_message_and_in_an_output(http: Http, ids: Ids) -> None:
    home = made(http.post("/threads", json={}))["id"]
    say = {"role": "user", "content": "hi"}
    alike = without_ids(http.post(f"/threads/{home}/messages", json=say))
    for more in ({"metadata": None, "file_ids": None}, {"metadata": {}, "file_ids": []}):
        assert without_ids(http.post(f"/threads/{home}/messages", json={**say, **more})) == alike
    assert (alike["assistant_id"], alike["run_id"], alike["status"], alike["incomplete_details"]) == ("", "", "", {})


def test_what_goes_through_extra_body_is_kept_and_shown(http: Http, ids: Ids) -> None:
    extra: dict[str, Any] = {
        "truncation_strategy": {"type": "last_messages", "last_messages": 5},
        "tool_choice": "none",
        "response_format": {"type": "json_object"},
        "parallel_tool_calls": False,
        "max_prompt_tokens": 100,
        "max_completion_tokens": 200,
        "temperature": 0.1,
        "top_p": 0.2,
        "top_k": 3,
        "max_tokens": 50,
    }
    run = made(http.post("/threads/runs", json={"assistant_id": ids["a"], **extra}))
    assert {name: run[name] for name in extra} == extra
