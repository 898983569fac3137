"""Uploads over a socket, as bytes: hostile names and lengths, sizes, and what a browser may do with what comes back."""

import hashlib
import socket
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from live import Live, live_server
from starlette.types import Message

from orchestrator.server.app import open_server
from orchestrator.server.models.directory import Directory
from orchestrator.server.service.files import Rules

BASE = "/api/v1/files"
LIMIT = 4 * 1024 * 1024
MISSING = "The specified file has been deleted or does not exist."


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("upload")


@pytest.fixture(scope="module")
def live(data: Path) -> Iterator[Live]:
    with live_server(data, files=Rules(file=LIMIT, workspace=16 * LIMIT)) as running:
        yield running


@pytest.fixture(scope="module")
def http(live: Live) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=live.url, trust_env=False, timeout=20) as client:
        yield client


def upload(http: httpx2.Client, *files: tuple[str, bytes], field: str = "files", **more: Any) -> dict[str, Any]:
    answer = http.post(BASE, files=[(field, file) for file in files], **more)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def one(http: httpx2.Client, name: str, content: bytes, **more: Any) -> dict[str, Any]:
    file_id = upload(http, (name, content), **more)["uploaded_files"][0]["file_id"]
    return http.get(f"{BASE}/{file_id}", headers=more.get("headers")).json()["data"]


def refused(answer: httpx2.Response) -> str:
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidParameter"), answer.text
    return answer.json()["message"]


def arriving(data: Path) -> list[Path]:
    return list((data / "files" / "arriving").glob("*"))


def total(http: httpx2.Client) -> int:
    return http.get(BASE).json()["data"]["total"]


def settled(data: Path) -> bool:
    """Wait until no upload is under way."""
    end = time.monotonic() + 10
    while arriving(data):
        assert time.monotonic() < end, arriving(data)
        time.sleep(0.01)
    return True


POLYGLOT = b"GIF89a/*<html><script>alert(1)</script>*/"
SCRIPT = {"text/html", "image/svg+xml", "application/xhtml+xml", "text/javascript", "text/xml", "application/xml"}


@pytest.mark.parametrize(
    ("name", "content", "shown"),
    [
        ("../../x", b"up", "x"),
        ("..\\..\\x", b"up", "x"),
        ("/etc/passwd", b"root", "passwd"),
        ("a\0b.txt", b"nul", "a%00b.txt"),
        ("empty.txt", b"", "empty.txt"),
        ("poly.gif", POLYGLOT, "poly.gif"),
        ("page.html", b"<script>alert(1)</script>", "page.html"),
        ("image.svg", b"<svg onload='alert(1)'/>", "image.svg"),
        ("a\r\nX-Evil: 1.txt", b"split", "aX-Evil: 1.txt"),
        ('quote".txt', b"q", 'quote".txt'),
        ("库存.csv", "数量".encode(), "库存.csv"),
        ("bomb.zip", b"PK\x05\x06" + b"\0" * 18, "bomb.zip"),
        ("." * 50, b"dots", "unnamed"),
        ("n" * 900, b"long", "n" * 255),
    ],
)
def test_a_name_is_never_a_path_and_content_never_a_page(
    http: httpx2.Client, data: Path, name: str, content: bytes, shown: str
) -> None:
    file = one(http, name, content)
    assert (file["name"], file["size"], file["md5"]) == (shown, len(content), hashlib.md5(content).hexdigest())
    answer = http.get(file["url"])
    assert answer.content == content
    assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "x-evil" not in answer.headers
    assert answer.headers["content-type"].partition(";")[0] not in SCRIPT
    blobs = {path.relative_to(data / "files") for path in (data / "files").rglob("*") if path.is_file()}
    assert all(len(path.parts) == 2 and path.name.startswith("file-") for path in blobs)


def test_several_files_come_with_their_descriptions(http: httpx2.Client) -> None:
    done = upload(http, ("a.txt", b"a"), ("b.txt", b"b"), data={"descriptions": ["first"], "purpose": "inference"})
    assert [file["name"] for file in done["uploaded_files"]] == ["a.txt", "b.txt"]
    shown = [http.get(f"{BASE}/{file['file_id']}").json()["data"] for file in done["uploaded_files"]]
    assert [(file["description"], file["purpose"]) for file in shown] == [("first", "inference"), ("", "inference")]


def test_the_other_name_of_the_field_is_taken_too(http: httpx2.Client) -> None:
    assert one(http, "a.txt", b"a", field="file")["name"] == "a.txt"
    assert "came as 'document'" in refused(http.post(BASE, files={"document": ("a.txt", b"a")}))


@pytest.mark.parametrize("body", [b"", b"{}", b'{"files": []}'])
def test_what_is_no_form_is_refused(http: httpx2.Client, body: bytes) -> None:
    assert "multipart/form-data" in refused(http.post(BASE, content=body))


def test_a_form_without_files_is_refused(http: httpx2.Client) -> None:
    assert "'files' must be given" in refused(http.post(BASE, data={"purpose": "a"}, files={"purpose": (None, "a")}))


@pytest.mark.parametrize("query", ["page_no=0", "page_no=x", "page_size=101", "page_size=0", "page_no=99999999999999"])
def test_a_page_that_cannot_be_is_refused(http: httpx2.Client, query: str) -> None:
    assert "must be a number from 1 to" in refused(http.get(f"{BASE}?{query}"))


@pytest.mark.parametrize("file", ["nothing", "..%2f..%2fserver.db", "file-" + "0" * 32, "%00", "server.db"])
def test_a_file_that_is_not_there(http: httpx2.Client, file: str) -> None:
    for answer in (http.get(f"{BASE}/{file}"), http.delete(f"{BASE}/{file}"), http.get(f"{BASE}/{file}/content")):
        assert refused(answer) in (MISSING, "Invalid URL provided in your request.")


def test_a_file_of_another_workspace_does_not_exist(http: httpx2.Client) -> None:
    theirs = {"X-DashScope-WorkSpace": "ws-2"}
    file = one(http, "secret.txt", b"secret", headers=theirs)
    for path in (file["file_id"], f"{file['file_id']}/content"):
        assert refused(http.get(f"{BASE}/{path}")) == MISSING
    assert refused(http.delete(f"{BASE}/{file['file_id']}")) == MISSING
    listed = http.get(f"{BASE}?page_size=100").json()["data"]["files"]
    assert file["file_id"] not in {other["file_id"] for other in listed}
    assert http.get(file["url"], headers=theirs).content == b"secret"


def test_a_file_that_is_too_large_is_refused_and_leaves_nothing(http: httpx2.Client, data: Path) -> None:
    before = total(http)
    assert f"larger than {LIMIT} bytes" in refused(http.post(BASE, files={"files": ("big", b"x" * (LIMIT + 1))}))
    assert settled(data)
    assert total(http) == before
    assert one(http, "fits", b"x" * LIMIT)["size"] == LIMIT


def test_an_upload_that_is_hopeless_is_refused_before_it_is_sent(live: Live, data: Path) -> None:
    head = f"POST {BASE} HTTP/1.1\r\nHost: h\r\nContent-Length: {2**32}\r\nExpect: 100-continue\r\n"
    with socket.create_connection((live.host, live.port), timeout=10) as wire:
        wire.sendall(f"{head}Content-Type: multipart/form-data; boundary=b\r\n\r\n".encode())
        answer = wire.recv(4096)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"100 Continue" not in answer


FIRST = b'--b\r\nContent-Disposition: form-data; name="files"; filename="half.txt"\r\n\r\n'


@pytest.mark.parametrize(("length", "sent"), [(2**21, 1), (2**21, 2**20), (FIRST.__len__() + 500, 500)])
def test_a_length_that_lies_or_a_line_that_is_cut_leaves_nothing(
    live: Live, http: httpx2.Client, data: Path, length: int, sent: int
) -> None:
    before = total(http)
    head = f"POST {BASE} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n"
    with socket.create_connection((live.host, live.port), timeout=10) as wire:
        wire.sendall(f"{head}Content-Type: multipart/form-data; boundary=b\r\n\r\n".encode() + FIRST + b"x" * sent)
        if length > len(FIRST) + sent:
            end = time.monotonic() + 10
            while not arriving(data):
                assert time.monotonic() < end, "the upload did not begin"
                time.sleep(0.01)
        else:
            assert b"breaks off" in wire.recv(4096)
    assert settled(data)
    assert total(http) == before


async def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    piece, pieces = b"x" * 65536, 1024  # 64 MiB
    body = iter([FIRST, *[piece] * pieces, b"\r\n--b--\r\n"])
    heard: list[Message] = []

    async def receive() -> Message:
        part = next(body, None)
        return {"type": "http.request", "body": part or b"", "more_body": part is not None}

    async def send(message: Message) -> None:
        heard.append(message)

    headers = [(b"content-type", b"multipart/form-data; boundary=b")]
    scope = {"type": "http", "method": "POST", "path": BASE, "query_string": b"", "headers": headers, "scheme": "http"}
    async with open_server(tmp_path, models=Directory([])) as server:
        tracemalloc.start()
        try:
            await server.app(scope, receive, send)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert heard[0]["status"] == 200, heard
    assert most < 8 * 1024 * 1024
