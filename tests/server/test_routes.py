"""What the SDK never sends: odd bodies, wrong types, unknown addresses; over a socket, as bytes."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from live import Live, live_server

BASE = "/api/v1"
BAD_URL = "Invalid URL provided in your request."


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_server(tmp_path_factory.mktemp("routes")) as running:
        yield running


@pytest.fixture(scope="module")
def http(live: Live) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=live.url, trust_env=False, timeout=20) as client:
        yield client


def refused(answer: httpx2.Response, status: int = 400, code: str = "InvalidParameter") -> str:
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/json"
    assert len(body["request_id"]) == 36
    assert set(body) >= {"code", "message", "request_id"}
    return str(body["message"])


def made(answer: httpx2.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_it_says_that_it_is_well(http: httpx2.Client) -> None:
    assert http.get("/healthz").json() == {"status": "ok"}


@pytest.mark.parametrize("body", [b"", b'""', b"null", b"[]", b"5", b'"text"', b"  ", b"{}", b'{"metadata": null}'])
def test_a_body_that_is_no_object_counts_as_an_empty_one(http: httpx2.Client, body: bytes) -> None:
    assert made(http.post(f"{BASE}/threads", content=body))["metadata"] == {}


@pytest.mark.parametrize("body", [b"{", b"{'a': 1}", b'{"a": NaN}', b'"\xff"', b'{"a": "\\ud800"}', b"\xef\xbb\xbf{}x"])
def test_what_is_no_json_is_refused(http: httpx2.Client, body: bytes) -> None:
    assert "not valid JSON" in refused(http.post(f"{BASE}/threads", content=body))


@pytest.mark.parametrize("levels", [65, 1000, 100_000])
@pytest.mark.parametrize("unit", ["[", '{"a":'])
def test_deep_json_is_refused_and_crashes_nothing(http: httpx2.Client, levels: int, unit: str) -> None:
    deep = unit * levels + "0" + ("]" if unit == "[" else "}") * levels
    refused(http.post(f"{BASE}/threads", content=f'{{"metadata": {deep}}}'.encode()))
    refused(http.post(f"{BASE}/threads", content=deep.encode()))
    assert http.get("/healthz").status_code == 200


def test_json_of_a_bearable_depth_is_taken(http: httpx2.Client) -> None:
    schema: dict[str, Any] = {}
    for _ in range(50):
        schema = {"a": schema}
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    assert made(http.post(f"{BASE}/assistants", json={"model": "m", "tools": [tool]}))["tools"] == [tool]


@pytest.mark.parametrize("size", [1024 * 1024, 3 * 1024 * 1024])
def test_a_large_body_is_refused_with_an_answer(http: httpx2.Client, size: int) -> None:
    assert "larger" in refused(http.post(f"{BASE}/threads", content=b'{"a": "' + b"x" * size + b'"}'))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/nothing"),
        ("GET", f"{BASE}"),
        ("GET", f"{BASE}/"),
        ("GET", f"{BASE}/nothing"),
        ("PUT", f"{BASE}/threads"),
        ("GET", f"{BASE}/assistants/"),
        ("PUT", f"{BASE}/assistants"),
        ("PATCH", f"{BASE}/assistants/asst_x"),
        ("HEAD", f"{BASE}/nothing/at/all"),
        ("OPTIONS", f"{BASE}/assistants"),
        ("POST", f"{BASE}/assistants/asst_x/cancel"),
        ("DELETE", f"{BASE}/threads/t/runs/r"),
        ("GET", f"{BASE}/assistants/a%2Fb/c"),
        ("GET", f"{BASE}/nothing/%0A/at/all"),
        ("GET", f"{BASE}/assistants%0A"),
        ("GET", "/nothing%0Aat%0Dall"),
    ],
)
def test_an_unknown_address_is_400(http: httpx2.Client, method: str, path: str) -> None:
    answer = http.request(method, path)
    if method == "HEAD":
        assert answer.status_code == 400
    else:
        assert refused(answer) == BAD_URL


def test_what_is_outside_of_all_dialects_can_only_be_looked_at(http: httpx2.Client) -> None:
    answer = http.post("/healthz")
    assert (answer.status_code, set(answer.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/assistants", {}, "model"),
        ("/assistants", {"model": 5}, "model"),
        ("/assistants", {"model": ""}, "model"),
        ("/assistants", {"model": "m", "name": []}, "name"),
        ("/assistants", {"model": "m", "instructions": {}}, "instructions"),
        ("/assistants", {"model": "m", "tools": {}}, "tools"),
        ("/assistants", {"model": "m", "tools": ["f"]}, "tools"),
        ("/assistants", {"model": "m", "tools": [{}]}, "tools[0].type"),
        ("/assistants", {"model": "m", "tools": [{"type": "function"}]}, "tools[0].function"),
        ("/assistants", {"model": "m", "tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ("/assistants", {"model": "m", "file_ids": "f"}, "file_ids"),
        ("/assistants", {"model": "m", "file_ids": [1]}, "file_ids"),
        ("/assistants", {"model": "m", "metadata": []}, "metadata"),
        ("/assistants", {"model": "m", "metadata": {"a": 1}}, "metadata"),
        ("/assistants", {"model": "m", "temperature": "0.5"}, "temperature"),
        ("/assistants", {"model": "m", "temperature": True}, "temperature"),
        ("/assistants", {"model": "m", "temperature": 2.5}, "temperature"),
        ("/assistants", {"model": "m", "top_p": -0.1}, "top_p"),
        ("/assistants", {"model": "m", "top_k": 1.5}, "top_k"),
        ("/assistants", {"model": "m", "max_tokens": 0}, "max_tokens"),
        ("/assistants/asst_x/files", {}, "file_id"),
        ("/threads", {"messages": "hi"}, "messages"),
        ("/threads", {"messages": [{"role": 5, "content": "hi"}]}, "messages[0].role"),
        ("/threads", {"messages": [{"role": "user", "content": {"a": 1}}]}, "messages[0].content"),
        ("/threads", {"messages": [{"role": "user", "content": [{"type": "x"}]}]}, "messages[0].content[0].type"),
        ("/threads/t/messages", {"role": "user", "content": 5}, "content"),
        ("/threads/t/runs", {}, "assistant_id"),
        ("/threads/t/runs", {"assistant_id": "a", "stream": "yes"}, "stream"),
        ("/threads/t/runs", {"assistant_id": "a", "truncation_strategy": "auto"}, "truncation_strategy"),
        ("/threads/t/runs", {"assistant_id": "a", "tool_choice": 5}, "tool_choice"),
        ("/threads/runs", {"assistant_id": "a", "thread": []}, "thread"),
        ("/threads/t/runs/r/submit_tool_outputs", {}, "tool_outputs"),
        ("/threads/t/runs/r/submit_tool_outputs", {"tool_outputs": [{"output": 5}]}, "tool_outputs[0].output"),
    ],
)
def test_a_wrong_type_is_refused_by_name(http: httpx2.Client, path: str, body: Any, field: str) -> None:
    assert field in refused(http.post(BASE + path, json=body))


def test_null_means_absent(http: httpx2.Client) -> None:
    fields = ("name", "description", "instructions", "tools", "file_ids", "metadata", "temperature", "max_tokens")
    one = made(http.post(f"{BASE}/assistants", json={"model": "m", **dict.fromkeys(fields)}))
    assert (one["tools"], one["file_ids"], one["metadata"], one["temperature"]) == ([], [], {}, None)


def test_null_in_an_update_changes_nothing(http: httpx2.Client) -> None:
    one = made(http.post(f"{BASE}/assistants", json={"model": "m", "name": "n", "file_ids": ["f"], "top_k": 3}))
    nulls = dict.fromkeys(key for key in one if key != "id")
    after = made(http.post(f"{BASE}/assistants/{one['id']}", json=nulls))
    assert {**after, "request_id": ""} == {**one, "request_id": ""}


def test_unknown_fields_are_let_pass(http: httpx2.Client) -> None:
    one = made(http.post(f"{BASE}/assistants", json={"model": "m", "enable_search": True, "id": "asst_mine"}))
    assert one["id"] != "asst_mine"


def test_a_content_type_is_not_asked_for(http: httpx2.Client) -> None:
    body = json.dumps({"model": "m"}).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-8"):
        made(http.post(f"{BASE}/assistants", content=body, headers={"content-type": kind}))


def test_text_of_any_language_comes_back(http: httpx2.Client) -> None:
    text = "多少 🐍 \u2028 \x00 \x7f \\ \" '"
    one = made(http.post(f"{BASE}/assistants", json={"model": "m", "instructions": text}))
    assert made(http.get(f"{BASE}/assistants/{one['id']}"))["instructions"] == text


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "x", "", "9" * 400, "٣"])
def test_a_limit_is_a_number_from_1_to_100(http: httpx2.Client, limit: str) -> None:
    assert refused(http.get(f"{BASE}/assistants", params={"limit": limit})) == "Limit must be between 1 and 100"


@pytest.mark.parametrize("name", ["a b", "-a", "a" * 65, "ä", "a/b", "../x"])
def test_a_workspace_is_a_short_word(http: httpx2.Client, name: str) -> None:
    refused(http.get(f"{BASE}/assistants", headers={"x-dashscope-workspace": name.encode("utf-8")}))


def test_an_empty_workspace_is_the_default_one(http: httpx2.Client) -> None:
    one = made(http.post(f"{BASE}/assistants", json={"model": "m"}, headers={"X-DashScope-WorkSpace": ""}))
    made(http.get(f"{BASE}/assistants/{one['id']}", headers={"x-dashscope-workspace": "default"}))


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer x"}, {"authorization": "nonsense"}])
def test_every_key_is_as_good_as_none(http: httpx2.Client, headers: dict[str, str]) -> None:
    made(http.get(f"{BASE}/assistants", headers=headers))


def test_a_page_of_another_site_is_refused(http: httpx2.Client, live: Live) -> None:
    made(http.get(f"{BASE}/assistants", headers={"origin": live.url}))
    for origin in ("https://evil.example", "null", f"http://localhost.evil.example:{live.port}"):
        assert "web pages" in refused(http.post(f"{BASE}/threads", headers={"origin": origin}))


def test_every_answer_has_a_request_id_of_its_own(http: httpx2.Client) -> None:
    ids = {made(http.get(f"{BASE}/assistants"))["request_id"] for _ in range(5)}
    assert len(ids) == 5
