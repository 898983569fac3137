"""Threads leave as JSON Lines and come back with their ids: all of a thread or nothing, and as often as one likes."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live import Live, live_server
from wire_kit import BASES, client, error, made, place, start, stream, until

from orchestrator.server.lines import native
from orchestrator.server.lines.reading import LINE, items, lines
from orchestrator.server.records import Message, Run, Step, Thread
from orchestrator.server.service.bundle import Bundle
from orchestrator.server.service.histories import Histories, Report
from orchestrator.server.store import rows
from orchestrator.server.store.histories import BATCH, TABLES, Part
from orchestrator.server.store.sqlite import SqliteStore
from orchestrator.wire.runs import TERMINAL

W = "ws"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_server(tmp_path_factory.mktemp("histories")) as running:
        yield running


@pytest.fixture(params=BASES)
def http(live: Live, request: pytest.FixtureRequest) -> Iterator[httpx2.Client]:
    with client(live, request.param) as opened:
        yield opened


def export(http: httpx2.Client, thread: str) -> bytes:
    answer = http.get(f"/threads/{thread}/export")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/jsonl"
    return answer.content


def take(http: httpx2.Client, data: bytes) -> dict[str, Any]:
    return made(http.post("/threads/import", content=data, headers={"content-type": "application/jsonl"}))


def outcomes(report: dict[str, Any]) -> dict[str, int]:
    return {name: count for name, count in report["threads"].items() if count}


def conversation(http: httpx2.Client) -> dict[str, Any]:
    """A thread with a run that called a function, and one that spoke; the last run."""
    run = until(http, start(http, "/call f", "f"))
    call = run["required_action"]["submit_tool_outputs"]["tool_calls"][0]["id"]
    made(http.post(f"{place(run)}/submit_tool_outputs", json={"tool_outputs": [{"tool_call_id": call, "output": "1"}]}))
    until(http, run, "completed")
    made(http.post(f"/threads/{run['thread_id']}/messages", json={"role": "user", "content": "und 四 \u2028 more"}))
    path = f"/threads/{run['thread_id']}/runs"
    return until(http, made(http.post(path, json={"assistant_id": run["assistant_id"]})))


def seen(http: httpx2.Client, run: dict[str, Any]) -> list[Any]:
    """What an application sees of a thread."""
    thread = f"/threads/{run['thread_id']}"
    paths = [thread, f"{thread}/messages", f"{thread}/runs", f"{place(run)}/steps"]
    answers = [made(http.get(path)) for path in paths]
    return [{name: value for name, value in answer.items() if name != "request_id"} for answer in answers]


# --- from server to server


@pytest.mark.parametrize("base", BASES)
def test_a_thread_lives_on_at_another_server(live: Live, base: str, tmp_path: Path) -> None:
    with client(live, base) as here, live_server(tmp_path) as other, client(other, base) as there:
        run = conversation(here)
        file = export(here, run["thread_id"])
        assert outcomes(take(there, file)) == {"created": 1}
        assert seen(there, run) == seen(here, run)
        assert export(there, run["thread_id"]) == file
        ended = stream(there, "GET", f"{place(run)}/stream")
        assert [frame.event for frame in ended] == ["thread.run.completed", "done"]
        assistant = made(there.post("/assistants", json={"model": "m"}))["id"]
        on = made(there.post(f"/threads/{run['thread_id']}/runs", json={"assistant_id": assistant}))
        assert until(there, on)["status"] == "completed"


def test_all_threads_of_a_workspace_and_nobody_elses_are_exported(live: Live, tmp_path: Path) -> None:
    headers = {"x-dashscope-workspace": "mine"}
    with client(live, "/api/v1", **headers) as here, client(live, "/api/v1") as other:
        stranger = made(other.post("/threads", json={}))["id"]
        threads = [made(here.post("/threads", json={"metadata": {"n": str(n)}}))["id"] for n in range(3)]
        file = here.get("/threads/export").content
    assert [json.loads(line)["thread"]["id"] for line in file.splitlines()[1:-1]] == threads
    assert stranger.encode() not in file
    with live_server(tmp_path) as fresh, client(fresh, "/api/v1") as there:
        assert outcomes(take(there, file)) == {"created": 3}
        assert [thread["id"] for thread in made(there.get("/threads?order=asc"))["data"]] == threads


def test_a_second_import_changes_nothing_and_says_so(http: httpx2.Client) -> None:
    run = conversation(http)
    file, before = export(http, run["thread_id"]), seen(http, run)
    report = take(http, file)
    assert outcomes(report) == {"unchanged": 1}
    assert report["objects"] == {"new": 0, "same": len(file.splitlines()) - 2, "back": 0, "left_out": 0}
    assert seen(http, run) == before


def test_what_was_deleted_comes_back(http: httpx2.Client) -> None:
    run = conversation(http)
    file, before = export(http, run["thread_id"]), seen(http, run)
    made(http.delete(f"/threads/{run['thread_id']}"))
    assert outcomes(take(http, file)) == {"restored": 1}
    assert seen(http, run) == before
    assert run["id"] in [other["id"] for other in made(http.get("/runs"))["data"]]


def test_a_longer_history_is_added_to_the_shorter_one(http: httpx2.Client) -> None:
    thread = made(http.post("/threads", json={"messages": [{"role": "user", "content": "one"}]}))["id"]
    lines = export(http, thread).splitlines(keepends=True)
    message = json.loads(lines[1 + 1])["message"]
    more = [json.dumps({"message": {**message, "id": f"message_more_{n}_{thread}"}}).encode() + b"\n" for n in (1, 2)]
    report = take(http, b"".join([*lines[1:-1], *more]))
    assert (outcomes(report), report["objects"]["new"]) == ({"extended": 1}, 2)
    assert len(made(http.get(f"/threads/{thread}/messages"))["data"]) == 3


# --- what is refused


def test_another_object_under_the_same_id_is_told_and_nothing_is_touched(http: httpx2.Client) -> None:
    run = conversation(http)
    file, before = export(http, run["thread_id"]), seen(http, run)
    changed = file.replace("und 四".encode(), "und 五".encode(), 1)
    extra = changed.replace(run["id"].encode(), b"run_new")
    for other in (changed, extra):
        report = take(http, other)
        assert outcomes(report) == {"refused": 1}
        (problem,) = report["problems"]
        assert problem["thread_id"] == run["thread_id"]
        assert re.search("another message '[^']+' here; it differs in content", problem["message"])
        assert b"\xe4\xba\x94" in file.splitlines()[problem["line"] - 1].replace(b"\xe5\x9b\x9b", b"\xe4\xba\x94")
        assert seen(http, run) == before


def test_ids_of_another_workspace_are_refused_like_ids_that_are_no_ids(live: Live) -> None:
    with client(live, "/api/v1", **{"x-dashscope-workspace": "a"}) as a, client(live, "/api/v1") as b:
        run = conversation(a)
        file = export(a, run["thread_id"])
        (problem,) = take(b, file)["problems"]
        assert problem["message"] == f"The id '{run['thread_id']}' cannot be used here."
        (same,) = take(b, file.replace(run["thread_id"].encode(), b"a/b"))["problems"]
        assert same["message"] == "The id 'a/b' cannot be used here."
        (inner,) = take(b, file.replace(run["thread_id"].encode(), b"thread_of_b"))["problems"]
        assert inner["message"].endswith("cannot be used here.")
        assert "thread_of_b" not in b.get("/threads/export").text
        assert outcomes(take(a, file)) == {"unchanged": 1}


WRONG = [
    ({"id": None}, "'message.id' must be given"),
    ({"id": "a b"}, "The id 'a b' cannot be used here"),
    ({"created_at": "now"}, "'message.created_at' must be an integer"),
    ({"created_at": None}, "'message.created_at' must be given"),
    ({"incomplete_at": 2**63}, "'message.incomplete_at' must be an integer, 0 or more, of at most 64 bits"),
    ({"role": "system"}, "'role' must be one of"),
    ({"status": "lost"}, "'status' must be one of"),
    ({"content": [{"type": "text"}]}, "'content[0].text' must be given"),
    ({"content": [{"type": "text", "text": {"value": 1}}]}, "'content[0].text.value' must be a string"),
    ({"content": [{"type": "image_file", "image_file": {}}]}, "'content[0].image_file.file_id' must be given"),
    ({"content": [7]}, "'message.content' must be a list of objects"),
    ({"metadata": {"a": 1}}, "metadata must be an object of strings"),
    ({"attachments": [{}]}, "'attachments[0].file_id' must be given"),
    ({"colour": "red"}, "'message.colour' is no field that is known here"),
]


@pytest.mark.parametrize(("change", "words"), WRONG, ids=[words for _, words in WRONG])
def test_a_wrong_line_is_told_and_the_whole_thread_with_it_is_refused(
    live: Live, change: dict[str, Any], words: str
) -> None:
    with client(live, BASES[0]) as http:
        thread = made(http.post("/threads", json={"messages": [{"role": "user", "content": "one"}] * 2}))["id"]
        head, own, first, second, _ = export(http, thread).splitlines()
        made(http.delete(f"/threads/{thread}"))
        broken = json.dumps({"message": {**json.loads(second)["message"], **change}}).encode()
        other = json.dumps({"thread": {**json.loads(own)["thread"], "id": f"{thread}-2"}}).encode()
        count = json.dumps({"end": {"lines": 4}}).encode()
        report = take(http, b"\n".join([head, own, first, broken, other, count]))
        assert outcomes(report) == {"created": 1, "refused": 1}
        (problem,) = report["problems"]
        assert (problem["line"], problem["thread_id"]) == (4, thread)
        assert words in problem["message"]
        assert http.get(f"/threads/{thread}").status_code == 400
        assert made(http.get(f"/threads/{thread}-2"))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "not a JSON object"),
        (b"\xff", "not valid JSON"),
        (b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", "nested deeper"),
        (b'{"a":"' + b"x" * LINE + b'"}', "longer than"),
        (b'{"format":"something"}', "names no format"),
        (b'{"format":"orchestrator.threads","version":2}', "upgrade"),
        (b'{"object":"thread"}', "'id' must be given"),
        (b'{"object":"thread.run.step","id":"step_x","thread_id":"t","run_id":"r"}', "'step_details' must be given"),
    ],
    ids=str,
)
def test_a_line_that_cannot_be_read_is_told(live: Live, line: bytes, words: str) -> None:
    with client(live, BASES[0]) as http:
        problems = take(http, b"\n\n" + line + b"\n")["problems"]
        assert problems[0]["line"] == 3
        assert words in problems[0]["message"]


def test_a_file_that_was_cut_off_is_known_as_such_and_its_last_thread_is_refused(http: httpx2.Client) -> None:
    first, second = conversation(http)["thread_id"], conversation(http)["thread_id"]
    one, two = (export(http, thread).splitlines(keepends=True) for thread in (first, second))
    for thread in (first, second):
        made(http.delete(f"/threads/{thread}"))
    report = take(http, b"".join([*one[:-1], *two[1:-3]]))
    assert outcomes(report) == {"restored": 1, "refused": 1}
    assert "cut off" in report["problems"][0]["message"]
    assert made(http.get(f"/threads/{first}"))
    assert error(http.get(f"/threads/{second}"))


def test_an_empty_file_is_nothing(http: httpx2.Client) -> None:
    assert outcomes(take(http, b"")) == outcomes(take(http, b"\n\r\n \n")) == {}


def test_runs_that_are_not_over_are_left_out_and_told(http: httpx2.Client) -> None:
    run = until(http, start(http, "/call f", "f"))
    file = export(http, run["thread_id"])
    renamed = re.sub(rb"(thread|run|step|message)_[0-9a-f-]{36}", rb"\g<0>-2", file)
    report = take(http, renamed)
    assert outcomes(report) == {"created": 1}
    assert [note["message"].split("_")[0] for note in report["notes"]] == ["The run 'run", "The step 'step"]
    thread = f"/threads/{run['thread_id']}-2"
    assert made(http.get(f"{thread}/runs"))["data"] == []
    assert made(http.post(f"{thread}/messages", json={"role": "user", "content": "goes on"}))


def test_a_busy_thread_is_not_added_to(http: httpx2.Client) -> None:
    run = until(http, start(http, "/call f", "f"))
    message = {"id": f"message_x{run['id']}", "object": "thread.message", "thread_id": run["thread_id"]}
    line = json.dumps({**message, "created_at": 1, "role": "user", "content": "more"}).encode()
    (problem,) = take(http, line)["problems"]
    assert run["id"] in problem["message"]


def test_a_thread_that_does_not_exist_cannot_be_exported(http: httpx2.Client) -> None:
    assert "does not exist" in error(http.get("/threads/thread_x/export"))["message"]


# --- from elsewhere

OPENAI = [
    {"id": "thread_abc", "object": "thread", "created_at": 1699014083, "metadata": {"user": "7"}, "tool_resources": {}},
    {
        "object": "list",
        "first_id": "msg_3",
        "last_id": "msg_1",
        "has_more": False,
        "data": [
            {
                "id": f"msg_{n}",
                "object": "thread.message",
                "created_at": 1699014083 + n // 2,
                "assistant_id": "asst_1" if n == 3 else None,
                "thread_id": "thread_abc",
                "run_id": "run_1" if n == 3 else None,
                "role": "assistant" if n == 3 else "user",
                "content": [{"type": "text", "text": {"value": f"text {n}", "annotations": [{"type": "x"}]}}],
                "attachments": [{"file_id": "file-1", "tools": [{"type": "code_interpreter"}]}] if n == 1 else [],
                "metadata": {},
            }
            for n in (3, 2, 1)
        ],
    },
    {
        "id": "run_1",
        "object": "thread.run",
        "created_at": 1699014090,
        "assistant_id": "asst_1",
        "thread_id": "thread_abc",
        "status": "completed",
        "started_at": 1699014090,
        "completed_at": 1699014095,
        "model": "gpt-4o",
        "instructions": "",
        "tools": [{"type": "code_interpreter"}],
        "metadata": {},
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
        "temperature": 0.5,
        "top_p": None,
        "truncation_strategy": {"type": "auto", "last_messages": None},
        "last_error": None,
        "required_action": None,
    },
    {
        "id": "step_1",
        "object": "thread.run.step",
        "created_at": 1699014091,
        "run_id": "run_1",
        "assistant_id": "asst_1",
        "thread_id": "thread_abc",
        "type": "tool_calls",
        "status": "completed",
        "completed_at": 1699014092,
        "step_details": {
            "type": "tool_calls",
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "code_interpreter",
                    "code_interpreter": {"input": "1+1", "outputs": [{"type": "logs", "logs": "2"}]},
                }
            ],
        },
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    },
    {"id": "asst_1", "object": "assistant", "model": "gpt-4o"},
]


def test_a_history_of_openai_lives_on(live: Live) -> None:
    file = b"\n".join(json.dumps(line).encode() for line in OPENAI)
    with client(live, "/v1") as http:
        report = take(http, file)
        assert (outcomes(report), report["problems"]) == ({"created": 1}, [])
        assert [note["line"] for note in report["notes"]] == [5]
        assert outcomes(take(http, file)) == {"unchanged": 1}
        messages = made(http.get("/threads/thread_abc/messages"))["data"]
        assert [message["id"] for message in messages] == ["msg_3", "msg_2", "msg_1"]
        given = OPENAI[1]["data"]
        assert [m["content"] for m in messages] == [m["content"] for m in given]  # type: ignore[index]
        assert [m["created_at"] for m in messages] == [m["created_at"] for m in given]  # type: ignore[index]
        assert messages[-1]["attachments"] == [{"file_id": "file-1", "tools": [{"type": "code_interpreter"}]}]
        run = made(http.get("/threads/thread_abc/runs/run_1"))
        wire = OPENAI[2]
        assert {name: run[name] for name in wire if name in run} == wire
        (step,) = made(http.get("/threads/thread_abc/runs/run_1/steps"))["data"]
        assert {name: step[name] for name in OPENAI[3]} == OPENAI[3]
        assistant = made(http.post("/assistants", json={"model": "m"}))["id"]
        on = until(http, made(http.post("/threads/thread_abc/runs", json={"assistant_id": assistant})))
        assert on["status"] == "completed"


DASHSCOPE = [
    {
        "id": "message_b",
        "object": "thread.message",
        "created_at": 1735543620000,
        "thread_id": "thread_elsewhere",
        "role": "assistant",
        "content": [{"type": "text", "text": {"value": "42", "annotations": []}}],
        "assistant_id": "asst_9",
        "run_id": "run_9",
        "file_ids": [],
        "metadata": {},
        "status": "completed",
        "incomplete_details": {},
        "completed_at": 0,
        "name": "",
        "request_id": "r",
    },
    {
        "id": "message_a",
        "object": "thread.message",
        "created_at": 1735543600000,
        "thread_id": "thread_elsewhere",
        "role": "user",
        "content": "how much?",
        "assistant_id": "",
        "run_id": "",
        "file_ids": ["file-7"],
        "metadata": {},
        "status": {},
    },
    {
        "id": "run_9",
        "object": "thread.run",
        "created_at": 1735543610000,
        "thread_id": "thread_elsewhere",
        "assistant_id": "asst_9",
        "status": "failed",
        "model": "qwen-max",
        "last_error": {"code": "", "message": "no luck"},
        "required_action": {},
        "started_at": -1,
        "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
    },
    {
        "id": "step_9",
        "object": "thread.run.step",
        "created_at": 1735543611000,
        "thread_id": "thread_elsewhere",
        "run_id": "run_9",
        "assistant_id": "asst_9",
        "type": "tool_calls",
        "status": "failed",
        "step_details": {
            "type": "tool_calls",
            "tool_calls": [{"id": "", "type": "quark_search", "quark_search": {"arguments": '{"q":1}', "output": "x"}}],
        },
        "last_error": {"code": "", "message": ""},
        "expired_at": -1,
        "usage": {},
    },
]


def test_a_history_of_model_studio_lives_on_also_without_its_thread(live: Live) -> None:
    with client(live, "/api/v1") as http:
        report = take(http, b"\r\n".join(json.dumps(line).encode() for line in DASHSCOPE))
        assert (outcomes(report), report["problems"]) == ({"created": 1}, [])
        thread = made(http.get("/threads/thread_elsewhere"))
        assert thread["created_at"] == 1735543600000
        messages = made(http.get("/threads/thread_elsewhere/messages?order=asc"))["data"]
        assert [message["id"] for message in messages] == ["message_a", "message_b"]
        assert messages[0]["content"][0]["text"]["value"] == "how much?"
        assert messages[0]["file_ids"] == ["file-7"]
        run = made(http.get("/threads/thread_elsewhere/runs/run_9"))
        assert run["last_error"] == {"code": "server_error", "message": "no luck"}
        assert run["usage"]["prompt_tokens"] == 1
        (step,) = made(http.get("/threads/thread_elsewhere/runs/run_9/steps"))["data"]
        assert step["step_details"]["tool_calls"][0]["quark_search"] == {"arguments": '{"q":1}', "output": "x"}


# --- laws

IDS = st.integers(0, 12).map(str)
TIMES = st.integers(1, 2**50)
SHORT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = SHORT.filter(bool)
OBJECTS: st.SearchStrategy[Any] = st.dictionaries(
    NAMES, st.recursive(st.none() | st.integers(-(2**53), 2**53) | SHORT, st.lists, max_leaves=3), max_size=2
)
METADATA = st.dictionaries(NAMES, SHORT, max_size=2)
USAGE = st.none() | st.fixed_dictionaries(
    dict.fromkeys(("prompt_tokens", "completion_tokens", "total_tokens"), st.integers(0, 2**40))
)
ERRORS = st.none() | st.fixed_dictionaries({"code": NAMES, "message": NAMES})
REASONS = st.none() | st.fixed_dictionaries({"reason": NAMES})
CONTENT = st.lists(
    st.fixed_dictionaries(
        {"type": st.just("text"), "text": st.fixed_dictionaries({"value": SHORT, "annotations": st.just([])})}
    )
    | st.fixed_dictionaries({"type": st.just("image_file"), "image_file": st.just({"file_id": "file-1"})}),
    max_size=2,
).map(tuple)
CALLS = st.lists(
    st.fixed_dictionaries(
        {
            **dict.fromkeys(("id", "type", "name"), NAMES),
            "arguments": SHORT,
            "output": st.none() | SHORT,
            "state": st.sampled_from(["announced", "started", "done"]),
        }
    ),
    max_size=2,
).map(tuple)


@st.composite
def histories(draw: st.DrawFn) -> list[Part]:
    """Threads with all that hangs on them, in the order in which they are exported."""
    parts: list[Part] = []
    for number in range(draw(st.integers(0, 3))):
        own = {"workspace": W, "created_at": draw(TIMES)}
        thread = Thread(id=f"thread_{number}", metadata=draw(METADATA), resources=draw(OBJECTS), **own)
        inside = {**own, "thread_id": thread.id}
        messages = [
            Message(
                id=f"message_{number}_{nth}",
                role=draw(st.sampled_from(["user", "assistant"])),
                content=draw(CONTENT),
                metadata=draw(METADATA),
                status=draw(st.sampled_from(["completed", "incomplete"])),
                incomplete_details=draw(REASONS),
                completed_at=draw(st.none() | TIMES),
                run_id=draw(st.none() | IDS),
                file_ids=tuple(draw(st.lists(IDS, max_size=2))),
                **inside,
            )
            for nth in range(draw(st.integers(0, 3)))
        ]
        parts += [thread, *messages]
        for nth in range(draw(st.integers(0, 2))):
            run = Run(
                id=f"run_{number}_{nth}",
                assistant_id=draw(IDS),
                status=draw(st.sampled_from(sorted(TERMINAL))),
                epoch=0,
                model=draw(NAMES),
                instructions=draw(st.none() | SHORT),
                tools=({"type": "function", "function": {"name": "f"}},),
                settings={"temperature": 0.5, "top_k": 3},
                options=draw(OBJECTS),
                last_error=draw(ERRORS),
                incomplete_details=draw(REASONS),
                usage=draw(USAGE),
                failed_at=draw(st.none() | TIMES),
                **inside,
            )
            steps = [
                Step(
                    id=f"step_{number}_{nth}_{place}",
                    run_id=run.id,
                    assistant_id=run.assistant_id,
                    type=draw(st.sampled_from(["message_creation", "tool_calls"])),
                    status=draw(st.sampled_from(["completed", "failed", "cancelled", "expired"])),
                    calls=draw(CALLS),
                    usage=draw(USAGE),
                    last_error=draw(ERRORS),
                    **inside,
                )
                for place in range(draw(st.integers(0, 2)))
            ]
            parts += [run, *steps]
    return parts


async def told(store: SqliteStore) -> list[Part]:
    return [part async for part in Histories(store).export(W)]


async def taken(store: SqliteStore, parts: list[Part], cut: int = 1000) -> Report:
    file = b"".join([native.header(), *map(native.show, parts), native.end(len(parts))])

    async def pieces() -> AsyncIterator[bytes]:
        for begin in range(0, len(file), cut):
            yield file[begin : begin + cut]

    return await Histories(store).take(W, items(W, pieces()))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteStore]:
    """One store for many examples, each on an event loop of its own."""
    store = asyncio.run(SqliteStore.open(tmp_path_factory.mktemp("law") / "server.db"))
    yield store
    asyncio.run(store.close())


@settings(max_examples=60, deadline=None)
@given(parts=histories(), cut=st.integers(1, 400), data=st.data())
def test_what_is_exported_and_imported_is_as_it_was_and_twice_is_as_once(
    shared: SqliteStore, parts: list[Part], cut: int, data: st.DataObject
) -> None:
    threads = [part.id for part in parts if isinstance(part, Thread)]
    there = data.draw(st.sets(st.sampled_from(threads)) if threads else st.just(set()))  # in part, before
    known = [
        part
        for part in parts
        if (part.id in there if isinstance(part, Thread) else part.thread_id in there and data.draw(st.booleans()))
        and not isinstance(part, Step)
    ]

    async def main() -> None:
        for table in ("events", "steps", "messages", "runs", "threads"):
            await shared.write(lambda tx, table=table: tx.change(f"DELETE FROM {table}"))
        assert (await taken(shared, known, cut)).threads.keys() <= {"created"}
        report = await taken(shared, parts, cut)
        assert (report.problems, report.threads["refused"]) == ([], 0)
        once = await told(shared)
        assert sorted(once, key=lambda part: part.id) == sorted(parts, key=lambda part: part.id)
        assert known or once == parts
        again = await taken(shared, parts, cut)
        assert await told(shared) == once
        assert again.threads.keys() <= {"unchanged"}

    asyncio.run(main())


@given(st.binary(max_size=60), st.data())
def test_lines_are_cut_the_same_wherever_pieces_end(data: bytes, choose: st.DataObject) -> None:
    async def cut() -> list[bytes | None]:
        async def pieces() -> AsyncIterator[bytes]:
            rest = data
            while rest:
                size = choose.draw(st.integers(1, len(rest)))
                yield rest[:size]
                rest = rest[size:]

        return [line async for line in lines(pieces())]

    expected = data.split(b"\n")
    assert asyncio.run(cut()) == (expected if expected[-1] else expected[:-1])


# --- long threads


@pytest.mark.anyio
async def test_a_long_thread_is_told_in_batches_and_in_order(store: SqliteStore) -> None:
    own: Any = {"workspace": W, "thread_id": "t", "created_at": 1}
    parts: list[Part] = [Thread(id="t", workspace=W, created_at=1)]
    parts += [Message(id=f"m{n}", role="user", **own) for n in range(2 * BATCH + 1)]
    for n in range(BATCH + 1):
        run = Run(id=f"r{n}", assistant_id="a", status="completed", epoch=0, model="m", **own)
        parts += [run, Step(id=f"s{n}", run_id=run.id, assistant_id="a", type="tool_calls", status="completed", **own)]
    report = await taken(store, parts)
    assert (dict(report.threads), report.parts["new"]) == ({"created": 1}, len(parts))
    assert await told(store) == parts


@pytest.mark.anyio
async def test_a_unit_that_breaks_leaves_nothing_of_a_thread(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    own: Any = {"workspace": W, "thread_id": "t", "created_at": 1}
    parts: list[Part] = [
        Thread(id="t", workspace=W, created_at=1),
        *(Message(id=f"m{n}", role="user", **own) for n in range(4)),
    ]
    inserted = rows.insert_new
    calls: list[str] = []

    def break_at_the_third(tx: Any, table: str, record: Any) -> bool:
        calls.append(record.id)
        if len(calls) == 3:
            raise ZeroDivisionError
        return inserted(tx, table, record)

    monkeypatch.setattr(rows, "insert_new", break_at_the_third)
    with pytest.raises(ZeroDivisionError):
        await taken(store, parts)
    assert await told(store) == []
    for table in TABLES.values():
        assert await store.read(lambda tx, table=table: tx.rows(f"SELECT * FROM {table}")) == []
    assert dict((await taken(store, parts)).threads) == {"created": 1}


def test_a_bundle_that_grows_goes_to_the_disk() -> None:
    bundle = Bundle("t")
    for n in range(20):
        text = {"type": "text", "text": {"value": "x" * 100_000, "annotations": []}}
        bundle.add(
            n, Message(id=f"m{n}", workspace=W, thread_id="t", created_at=n, role="user", content=(text,)), ordered=True
        )
    assert [part.id for _, part in bundle.parts()] == [f"m{n}" for n in range(20)]
    assert bundle._file._rolled  # type: ignore[attr-defined]
    bundle.close()
