"""The vendor's `Files`, `assistants.files.Files` and `messages.files.Files` against this server."""

import hashlib
import json
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx2
import pytest
from scene import thread
from vendor import AssistantFiles, Assistants, MessageFiles, Messages, dashscope

MISSING = "The specified file has been deleted or does not exist."


@pytest.fixture
def stock(tmp_path: Path) -> Path:
    file = tmp_path / "库存 stock.csv"
    file.write_text("sku,units\nA-17,42\n")
    return file


def good(answer: Any) -> Any:
    assert (answer.status_code, answer.code, answer.message) == (HTTPStatus.OK, None, "")
    assert len(answer.request_id) == 36
    return answer.output


def uploaded(file: Path, **more: Any) -> str:
    output = good(dashscope.Files.upload(str(file), purpose="assistants", **more))
    assert output["failed_uploads"] == []
    (made,) = output["uploaded_files"]
    assert made["name"] == file.name
    return made["file_id"]


def test_upload_get_list_delete(stock: Path) -> None:
    file_id = uploaded(stock, description="Units on hand")
    shown = good(dashscope.Files.get(file_id))
    content = stock.read_bytes()
    assert shown == {
        "file_id": file_id,
        "name": stock.name,
        "description": "Units on hand",
        "size": len(content),
        "md5": hashlib.md5(content).hexdigest(),
        "gmt_create": shown["gmt_create"],
        "url": f"{dashscope.base_http_api_url}/files/{file_id}/content",
        "purpose": "assistants",
    }
    assert httpx2.get(shown["url"], trust_env=False).content == content
    assert shown in good(dashscope.Files.list(page_size=100))["files"]
    assert good(dashscope.Files.delete(file_id)) == {}
    for gone in (dashscope.Files.get(file_id), dashscope.Files.delete(file_id)):
        assert (gone.status_code, gone.code, gone.message) == (400, "InvalidParameter", MISSING)


def test_files_are_listed_by_page_newest_first(stock: Path) -> None:
    ids = [uploaded(stock, workspace="paged") for _ in range(5)]
    first = good(dashscope.Files.list(page=1, page_size=2, workspace="paged"))
    assert {name: first[name] for name in ("total", "page_no", "page_size")} == {
        "total": 5,
        "page_no": 1,
        "page_size": 2,
    }
    last = good(dashscope.Files.list(page=3, page_size=2, workspace="paged"))
    assert [file["file_id"] for file in first["files"] + last["files"]] == [ids[4], ids[3], ids[0]]
    assert len(good(dashscope.Files.list(workspace="paged"))["files"]) == 5


def test_q20_a_training_file_is_checked_by_the_sdk_and_taken_here(tmp_path: Path) -> None:
    file = tmp_path / "train.jsonl"
    file.write_text(json.dumps({"messages": [{"role": "user", "content": "hi"}]}) + "\n")
    made = good(dashscope.Files.upload(str(file)))["uploaded_files"]
    assert [each["name"] for each in made] == ["train.jsonl"]


def test_a_file_of_another_workspace_does_not_exist(stock: Path) -> None:
    file_id = uploaded(stock, workspace="ws-9")
    assert dashscope.Files.get(file_id).message == MISSING
    assert dashscope.Files.delete(file_id).message == MISSING
    assert good(dashscope.Files.get(file_id, workspace="ws-9"))["file_id"] == file_id


def test_an_uploaded_file_hangs_on_an_assistant_and_stays_named_there_when_it_is_deleted(stock: Path) -> None:
    file_id = uploaded(stock)
    made = Assistants.create(model="m", file_ids=[file_id])
    assert made.file_ids == [file_id]
    other = Assistants.create(model="m")
    assert AssistantFiles.create(other.id, file_id=file_id).id == file_id
    good(dashscope.Files.delete(file_id))
    assert Assistants.get(made.id).file_ids == [file_id]
    assert AssistantFiles.get(file_id, assistant_id=other.id).id == file_id
    assert AssistantFiles.delete(file_id, assistant_id=other.id).deleted is True
    assert dashscope.Files.get(file_id).message == MISSING


def test_an_uploaded_file_hangs_on_a_message(stock: Path) -> None:
    file_id, home = uploaded(stock), thread()
    made = Messages.create(home.id, content="Count them.", file_ids=[file_id])
    assert MessageFiles.retrieve(file_id, thread_id=home.id, message_id=made.id).id == file_id


def test_ids_of_files_that_lie_elsewhere_are_taken() -> None:
    made = Assistants.create(model="m", file_ids=["file-fe-1234-of-another-service"])
    assert made.file_ids == ["file-fe-1234-of-another-service"]
