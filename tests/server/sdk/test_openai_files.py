"""`client.files` of OpenAI's SDK against this server, and the same files seen through the other dialect."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from live import Live
from openai import AsyncOpenAI, OpenAI
from vendor import dashscope

MISSING = "The specified file has been deleted or does not exist."


@pytest.fixture
def sdk_client(live: Live) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{live.url}/v1", api_key="any-key", max_retries=0) as client:
        yield client


@pytest.fixture
def files(sdk_client: OpenAI) -> Any:
    return sdk_client.files


def test_create_retrieve_content_delete(files: Any, tmp_path: Path) -> None:
    path = tmp_path / "库存 stock.csv"
    path.write_bytes(b"sku,units\r\nA-17,42\r\n")
    made = files.create(file=path, purpose="assistants")
    assert made.to_dict() == {
        "id": made.id,
        "object": "file",
        "bytes": path.stat().st_size,
        "created_at": made.created_at,
        "expires_at": None,
        "filename": path.name,
        "purpose": "assistants",
        "status": "processed",
        "status_details": None,
    }
    assert 1_600_000_000 < made.created_at < 10_000_000_000
    assert files.retrieve(made.id) == made
    answer = files.content(made.id)
    assert answer.read() == path.read_bytes()
    assert answer.response.headers["content-disposition"].startswith("attachment")
    assert len(answer.response.headers["x-request-id"]) == 36
    assert files.delete(made.id).to_dict() == {"id": made.id, "object": "file", "deleted": True}
    for call in (files.retrieve, files.delete, files.content):
        with pytest.raises(openai.NotFoundError, match=MISSING):
            call(made.id)


def test_content_is_streamed_to_a_file(sdk_client: OpenAI, tmp_path: Path) -> None:
    data = bytes(range(256)) * 4096
    made = sdk_client.files.create(file=("data.bin", data, "application/x-anything"), purpose="user_data")
    with sdk_client.files.with_streaming_response.content(made.id) as answer:
        answer.stream_to_file(tmp_path / "copy.bin")
    assert (tmp_path / "copy.bin").read_bytes() == data


@pytest.mark.parametrize("content", [b"", b"x", b"x" * 3_000_000])
def test_bytes_of_any_size_may_be_given(files: Any, content: bytes) -> None:
    made = files.create(file=content, purpose="user_data")
    assert (made.bytes, files.content(made.id).read()) == (len(content), content)


def test_lists_by_purpose_and_cursor(files: Any) -> None:
    made = [files.create(file=(f"{number}.jsonl", b"{}"), purpose="batch").id for number in range(5)]
    newest = files.list(purpose="batch", limit=2)
    assert ([file.id for file in newest.data], newest.has_more) == (made[:2:-1], True)
    assert [file.id for file in files.list(purpose="batch", limit=2)] == made[::-1]  # the SDK turns the pages
    assert [file.id for file in files.list(purpose="batch", order="asc", after=made[1])] == made[2:]
    assert files.list(purpose="evals").data == []
    assert len(files.list().data) >= 5


def test_a_file_is_ready_at_once(files: Any) -> None:
    made = files.create(file=b"x", purpose="vision")
    assert files.wait_for_processing(made.id, poll_interval=0.01).status == "processed"


def test_a_file_may_have_an_end(files: Any) -> None:
    made = files.create(file=b"x", purpose="batch", expires_after={"anchor": "created_at", "seconds": 3600})
    assert made.expires_at == made.created_at + 3600
    with pytest.raises(openai.BadRequestError, match="3600 to 2592000 seconds"):
        files.create(file=b"x", purpose="batch", expires_after={"anchor": "created_at", "seconds": 5})
    with pytest.raises(openai.BadRequestError, match="anchor"):
        files.create(file=b"x", purpose="batch", expires_after={"anchor": "last_used", "seconds": 3600})


def test_what_is_wrong_is_told(files: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="'purpose' must be one of assistants, batch") as refused:
        files.create(file=b"x", purpose="pleasure")
    assert refused.value.param == "purpose"
    for limit in (0, 10_001):
        with pytest.raises(openai.BadRequestError, match="Limit must be between 1 and 10000"):
            files.list(limit=limit)
    with pytest.raises(openai.BadRequestError, match="Order must be"):
        files.list(order="up")


async def test_uploads_side_by_side(live: Live) -> None:
    async with AsyncOpenAI(base_url=f"{live.url}/v1", api_key="any-key", max_retries=0) as client:
        contents = [bytes([number]) * 100_000 for number in range(8)]
        made = await asyncio.gather(*(client.files.create(file=content, purpose="user_data") for content in contents))
        read = await asyncio.gather(*(client.files.content(file.id) for file in made))
    assert [answer.content for answer in read] == contents


def test_one_file_in_both_dialects(files: Any, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("notes")
    theirs = files.create(file=path, purpose="assistants")
    shown = dashscope.Files.get(theirs.id).output
    assert (shown["name"], shown["size"], shown["purpose"]) == ("notes.txt", 5, "assistants")
    ours = dashscope.Files.upload(str(path), purpose="assistants", description="d").output["uploaded_files"][0]
    assert files.retrieve(ours["file_id"]).filename == "notes.txt"
    assert files.content(ours["file_id"]).read() == b"notes"
    files.delete(ours["file_id"])
    assert dashscope.Files.get(ours["file_id"]).message == MISSING
