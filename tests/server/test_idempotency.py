"""Idempotency-Key: a request is carried out once, however often it comes, whoever dies in between."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from live import Live, live_server
from mortal import mortal_server
from runs_kit import Time
from wire_kit import BASES, client, error, made, place, run_body, start, stream, until

from orchestrator.server.dialects import DIALECTS
from orchestrator.server.fingerprints import Passing
from orchestrator.server.kept import revive, shelve
from orchestrator.server.once import KEPT_MS, Repeats
from orchestrator.server.routes import name, paths
from orchestrator.server.service.threads import Threads
from orchestrator.server.store.sqlite import SqliteStore
from orchestrator.wire.faults import Fault

KEY = "Idempotency-Key"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_server(tmp_path_factory.mktemp("idempotency")) as running:
        yield running


@pytest.fixture(params=BASES)
def http(live: Live, request: pytest.FixtureRequest) -> Iterator[httpx2.Client]:
    with client(live, request.param) as opened:
        yield opened


@pytest.fixture
def key(request: pytest.FixtureRequest) -> dict[str, str]:
    return {KEY: request.node.name}


def plain(answer: httpx2.Response) -> dict[str, Any]:
    return {name: value for name, value in made(answer).items() if name != "request_id"}


def replayed(answer: httpx2.Response) -> bool:
    return answer.headers.get("Idempotency-Replayed") == "true"


def count(http: httpx2.Client, path: str) -> int:
    return len(made(http.get(path, params={"limit": 100}))["data"])


# --- every POST


def posts(http: httpx2.Client, verb: str) -> tuple[str, Any]:
    """A request that can be carried out."""
    body = run_body(http, "hi")
    assistant = body["assistant_id"]
    early = {
        "create_assistant": ("/assistants", {"model": "m", "name": "n"}),
        "update_assistant": (f"/assistants/{assistant}", {"name": "new"}),
        "attach_file": (f"/assistants/{assistant}/files", {"file_id": "file_x"}),
        "create_thread": ("/threads", {"metadata": {"a": "b"}}),
        "create_thread_and_run": ("/threads/runs", body),
    }
    if verb in early:
        return early[verb]
    run = until(http, start(http, "/call f", "f"))
    message = made(http.get(f"/threads/{run['thread_id']}/messages"))["data"][0]["id"]
    other = made(http.post("/threads", json={}))["id"]
    call = run["required_action"]["submit_tool_outputs"]["tool_calls"][0]["id"]
    outputs = {"tool_outputs": [{"tool_call_id": call, "output": "1"}]}
    return {
        "update_thread": (f"/threads/{run['thread_id']}", {"metadata": {"x": "y"}}),
        "create_message": (f"/threads/{other}/messages", {"role": "user", "content": "hi"}),
        "update_message": (f"/threads/{run['thread_id']}/messages/{message}", {"metadata": {"x": "y"}}),
        "create_run": (f"/threads/{other}/runs", {"assistant_id": assistant}),
        "update_run": (place(run), {"metadata": {"x": "y"}}),
        "cancel_run": (f"{place(run)}/cancel", None),
        "submit_tool_outputs": (f"{place(run)}/submit_tool_outputs", outputs),
    }[verb]


ELSEWHERE = {"upload_file", "import_threads"}  # the one has its own test, the other needs no key
EVERY = [
    (dialect.base, name(path.verbs["POST"])) for dialect in DIALECTS for path in paths(dialect) if "POST" in path.verbs
]


@pytest.mark.parametrize(("base", "verb"), [one for one in EVERY if one[1] not in ELSEWHERE])
def test_the_same_request_again_is_answered_as_before(live: Live, key: dict[str, str], base: str, verb: str) -> None:
    with client(live, base) as http:
        path, body = posts(http, verb)
        first = http.post(path, json=body, headers=key)
        again = http.post(path, json=body, headers=key)
        assert (replayed(first), replayed(again)) == (False, True)
        assert plain(first) == plain(again)


@pytest.mark.parametrize("verb", ["create_assistant", "create_thread", "create_message", "create_run"])
def test_another_request_under_the_same_key_is_refused_and_does_nothing(
    http: httpx2.Client, key: dict[str, str], verb: str
) -> None:
    path, body = posts(http, verb)
    made(http.post(path, json=body, headers=key))
    before = count(http, path)
    refused = http.post(path, json={**body, "metadata": {"other": "one"}}, headers=key)
    assert refused.status_code == 422
    assert key[KEY] in error(refused)["message"]
    assert http.post(f"{path}?x=1", json=body, headers=key).status_code == 422
    assert count(http, path) == before


def test_spaces_and_the_order_of_keys_make_no_other_request(http: httpx2.Client, key: dict[str, str]) -> None:
    one = http.post("/threads", content=b'{"metadata": {"a": "1", "b": "2"}}', headers=key)
    two = http.post("/threads", content=b'{"metadata":{"b":"2","a":"1"}}', headers=key)
    assert plain(one) == plain(two)


def test_what_is_refused_is_not_kept(http: httpx2.Client, key: dict[str, str]) -> None:
    run = until(http, start(http, "/call f", "f"))
    path, body = f"/threads/{run['thread_id']}/messages", {"role": "user", "content": "next"}
    assert "active" in error(http.post(path, json=body, headers=key))["message"]
    made(http.post(f"{place(run)}/cancel"))
    until(http, run, "cancelled")
    taken = http.post(path, json=body, headers=key)
    assert made(taken)["id"]
    assert not replayed(taken)


def test_what_is_gone_by_now_is_still_told(http: httpx2.Client, key: dict[str, str]) -> None:
    body = run_body(http, "hi")
    run = until(http, made(http.post("/threads/runs", json=body, headers=key)))
    made(http.delete(f"/assistants/{run['assistant_id']}"))
    made(http.delete(f"/threads/{run['thread_id']}"))
    again = http.post("/threads/runs", json=body, headers=key)
    assert (made(again)["id"], made(again)["status"], replayed(again)) == (run["id"], "queued", True)


@pytest.mark.parametrize("word", ["", "x" * 256, "a\tb", "ä"])
def test_a_key_is_a_short_line(http: httpx2.Client, word: str) -> None:
    refused = http.post("/threads", json={}, headers=[(KEY.encode(), word.encode())])
    assert "255" in error(refused)["message"]


def test_other_methods_have_no_keys(http: httpx2.Client, key: dict[str, str]) -> None:
    thread = made(http.post("/threads", json={}))["id"]
    for _ in range(2):
        assert not replayed(http.get(f"/threads/{thread}", headers=key))


def test_a_key_is_known_in_its_own_workspace_only(live: Live, key: dict[str, str]) -> None:
    with (
        client(live, "/api/v1", **{"x-dashscope-workspace": "one"}) as one,
        client(live, "/api/v1", **{"x-dashscope-workspace": "two"}) as two,
    ):
        first, second = (http.post("/threads", json={}, headers=key) for http in (one, two))
        assert made(first)["id"] != made(second)["id"]
        assert not replayed(second)
        other = two.post("/threads", json={"metadata": {"other": "one"}}, headers={KEY: key[KEY] + "2"})
        assert not replayed(other)


# --- uploads


@pytest.mark.parametrize("base", [dialect.base for dialect in DIALECTS])
def test_an_upload_again_is_the_same_file(live: Live, key: dict[str, str], base: str) -> None:
    with client(live, base) as http:
        field = "files" if base == "/api/v1" else "file"

        def upload(content: bytes) -> httpx2.Response:
            return http.post(
                "/files", files={field: ("a.txt", content)}, data={"purpose": "assistants"}, headers=key
            )  # with a new boundary each time

        before = len(files(http))
        first, again = upload(b"x" * 5000), upload(b"x" * 5000)
        assert (replayed(first), replayed(again)) == (False, True)
        assert plain(first) == plain(again)
        assert len(files(http)) == before + 1
        assert upload(b"x" * 4999 + b"y").status_code == 422
        assert len(files(http)) == before + 1


def files(http: httpx2.Client) -> list[Any]:
    body = made(http.get("/files"))
    return body["data"]["files"] if isinstance(body["data"], dict) else body["data"]


# --- streams


def test_a_stream_again_is_the_same_run_from_its_beginning(http: httpx2.Client, key: dict[str, str]) -> None:
    body = run_body(http, "one two three", stream=True)
    first = stream(http, "POST", "/threads/runs", body, **key)
    again = stream(http, "POST", "/threads/runs", body, **key)
    assert [frame.told for frame in again[:-1]] == [frame.told for frame in first[:-1]]
    assert made(http.get("/runs", params={"assistant_id": body["assistant_id"]}))["has_more"] is False


def test_a_stream_of_outputs_again_begins_behind_the_wait(http: httpx2.Client, key: dict[str, str]) -> None:
    run = until(http, start(http, "/call f", "f"))
    call = run["required_action"]["submit_tool_outputs"]["tool_calls"][0]["id"]
    body = {"tool_outputs": [{"tool_call_id": call, "output": "1"}], "stream": True}
    first, again = (stream(http, "POST", f"{place(run)}/submit_tool_outputs", body, **key) for _ in range(2))
    assert [frame.told for frame in again[:-1]] == [frame.told for frame in first[:-1]]
    assert again[0].event == "thread.run.step.completed"


# --- at once


def test_of_many_at_once_one_is_carried_out_and_the_others_are_told_of_it(
    http: httpx2.Client, key: dict[str, str]
) -> None:
    path, body = posts(http, "create_message")
    barrier = threading.Barrier(12)

    def ask(_: int) -> httpx2.Response:
        barrier.wait(10)
        return http.post(path, json=body, headers=key)

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(ask, range(12)))
    assert len({made(answer)["id"] for answer in answers}) == 1
    assert sum(not replayed(answer) for answer in answers) == 1
    assert count(http, path) == 1


# --- clients that try again by themselves


class Lossy(httpx2.BaseTransport):
    """Loses the first answer to each POST."""

    def __init__(self) -> None:
        self._inner = httpx2.HTTPTransport()
        self.sent: list[httpx2.Request] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.sent.append(request)
        answer = self._inner.handle_request(request)
        if request.method == "POST" and sum(other.url == request.url for other in self.sent) == 1:
            answer.read()
            raise httpx2.ReadError("the answer was lost", request=request)
        return answer

    def close(self) -> None:
        self._inner.close()


@pytest.mark.parametrize("base", BASES)
def test_a_client_that_tries_again_after_a_lost_answer_makes_one_run(live: Live, base: str) -> None:
    with httpx2.Client(base_url=live.url + base, transport=Lossy(), timeout=20) as http:

        def post(path: str, body: Any) -> Any:
            headers = {KEY: f"lossy {base} {path}"}
            with pytest.raises(httpx2.ReadError):
                http.post(path, json=body, headers=headers)
            return made(http.post(path, json=body, headers=headers))

        assistant = post("/assistants", {"model": "m"})["id"]
        run = post("/threads/runs", {"assistant_id": assistant})
        assert until(http, run)["status"] == "completed"
        assert [r["id"] for r in made(http.get("/runs", params={"assistant_id": assistant}))["data"]] == [run["id"]]


# --- a server that dies


def test_whoever_repeats_all_requests_after_a_kill_has_each_effect_once(tmp_path: Path) -> None:
    bodies = [{"metadata": {"n": str(n)}} for n in range(400)]

    def send(http: httpx2.Client, number: int) -> dict[str, Any]:
        return made(http.post("/threads", json=bodies[number], headers={KEY: f"k{number}"}))

    told: dict[int, str] = {}
    with mortal_server(tmp_path) as (live, kill), client(live, "/api/v1") as http, ThreadPoolExecutor(4) as pool:

        def tell(number: int) -> None:
            with suppress(httpx2.HTTPError):
                told[number] = send(http, number)["id"]
            if len(told) >= 100:
                kill()

        list(pool.map(tell, range(len(bodies))))
    assert 100 <= len(told) < len(bodies)
    with mortal_server(tmp_path) as (live, _), client(live, "/api/v1") as http:
        again = {number: send(http, number)["id"] for number in range(len(bodies))}
        assert {number: again[number] for number in told} == told
        numbers: list[str] = []
        after: dict[str, str] = {}
        while True:
            page = made(http.get("/threads", params={"limit": "100", **after}))
            numbers += [thread["metadata"]["n"] for thread in page["data"]]
            after = {"after": page["last_id"]}
            if not page["has_more"]:
                break
    assert sorted(numbers, key=int) == [str(n) for n in range(len(bodies))]


# --- time, and what is kept


@pytest.mark.anyio
async def test_after_a_day_a_key_is_as_good_as_new_and_old_ones_are_dropped(store: SqliteStore) -> None:
    clock = Time()
    repeats, threads = Repeats(store, clock), Threads(store, clock)

    async def create(request: str) -> tuple[str, bool]:
        once = repeats.once("w", "k", lambda: request)
        return (await threads.over(once).create("w")).id, once.replayed

    first, _ = await create("a")
    clock.now += KEPT_MS - 1
    assert await create("a") == (first, True)
    with pytest.raises(Fault, match="used before"):
        await create("b")
    clock.now += 1
    second, old = await create("b")
    assert (second != first, old) == (True, False)
    assert await create("b") == (second, True)
    clock.now += KEPT_MS
    await repeats.sweep()
    assert await store.read(lambda tx: tx.rows("SELECT * FROM idempotency")) == []


@pytest.mark.anyio
async def test_a_request_of_several_units_goes_on_where_it_was(store: SqliteStore) -> None:
    clock = Time()
    repeats, made_ids = Repeats(store, clock), []
    for stop in (1, 3, 3):
        threads = Threads(store, clock).over(repeats.once("w", "k", lambda: "same"))
        made_ids.append([(await threads.create("w")).id for _ in range(stop)])
    assert made_ids[1][:1] == made_ids[0]
    assert made_ids[2] == made_ids[1]


@pytest.mark.anyio
async def test_a_unit_that_fails_keeps_nothing(store: SqliteStore) -> None:
    def fail(tx: object) -> None:
        raise Fault("busy", "later")

    once = Repeats(store, Time()).once("w", "k", lambda: "same")
    with pytest.raises(Fault, match="later"):
        await once.write(fail)
    assert await store.read(lambda tx: tx.rows("SELECT * FROM idempotency")) == []


def test_what_cannot_be_kept_is_not_kept_silently() -> None:
    with pytest.raises(TypeError, match="object"):
        shelve(object())


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple),
    max_leaves=8,
)


@given(values)
def test_what_is_kept_comes_back_as_it_was(value: Any) -> None:
    assert revive(json.loads(json.dumps(shelve(value)))) == value


@given(st.lists(st.binary(max_size=30)), st.data())
def test_pieces_and_boundaries_do_not_change_a_fingerprint(parts: list[bytes], data: st.DataObject) -> None:
    def digest(boundary: str) -> str:
        passing = Passing("/files", f'multipart/form-data; boundary="{boundary}"')
        body = f"--{boundary}".encode().join(parts)
        while body:
            size = data.draw(st.integers(1, len(body)))
            passing.feed(body[:size])
            body = body[size:]
        return passing.digest()

    assert digest("==one==") == digest("==another==")
