"""Images in messages: the model is shown files that are images and of the workspace, everything else is named."""

from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from runs_kit import Puppet, eventually

from orchestrator.server import context
from orchestrator.server.app import Server, open_server
from orchestrator.server.context import Line, Scale
from orchestrator.server.pictures import data_url
from orchestrator.server.records import Json
from orchestrator.server.service.files import NewFile
from orchestrator.server.service.runs import NewRun
from orchestrator.server.service.threads import NewMessage
from orchestrator.wire.runs import TERMINAL

W = "ws"
PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"
GIF, JPEG, WEBP = b"GIF89a pixels", b"\xff\xd8\xff\xe0 pixels", b"RIFF\x10\x00\x00\x00WEBPVP8 "


@pytest.fixture
def model() -> Puppet:
    return Puppet()


@pytest.fixture
async def server(tmp_path: Path, model: Puppet) -> AsyncIterator[Server]:
    async with open_server(tmp_path, models=model) as running:
        yield running


async def upload(server: Server, content: bytes, workspace: str = W) -> str:
    files = server.services.files
    async with files.receiving(workspace) as tray:
        file = await tray.begin("image.png")
        await file.add(content)
        return (await files.keep(workspace, [NewFile(arrived=file, purpose="vision")])).files[0].id


def text(said: str) -> Json:
    return {"type": "text", "text": {"value": said, "annotations": []}}


def image(file_id: str, **more: str) -> Json:
    return {"type": "image_file", "image_file": {"file_id": file_id, **more}}


def link(url: str) -> Json:
    return {"type": "image_url", "image_url": {"url": url}}


async def told(server: Server, model: Puppet, *messages: tuple[str, tuple[Json, ...]]) -> list[Any]:
    """What the model is told of a thread with these messages."""
    services = server.services
    assistant = await services.assistants.create(W, model="m")
    history = tuple(NewMessage(role=role, content=content) for role, content in messages)
    run = await services.runs.create_with_thread(W, NewRun(assistant_id=assistant.id), {}, history)
    ended = await eventually(lambda: services.runs.get(W, run.thread_id, run.id), lambda now: now.status in TERMINAL)
    assert ended.status == "completed", ended.last_error
    return [message["content"] for message in model.requests[-1].messages]


@pytest.mark.parametrize(("content", "kind"), [(PNG, "png"), (GIF, "gif"), (JPEG, "jpeg"), (WEBP, "webp")])
async def test_an_image_of_ours_is_shown(server: Server, model: Puppet, content: bytes, kind: str) -> None:
    file_id = await upload(server, content)
    ((words, shown),) = await told(server, model, ("user", (text("What is it?"), image(file_id, detail="low"))))
    assert words == {"type": "text", "text": "What is it?"}
    head, _, data = shown["image_url"]["url"].partition(",")
    assert (shown["type"], shown["image_url"]["detail"], head) == ("image_url", "low", f"data:image/{kind};base64")
    assert b64decode(data) == content


async def test_whatever_is_not_an_image_of_ours_is_named(server: Server, model: Puppet) -> None:
    script, foreign, deleted = (
        await upload(server, b"<svg/>"),
        await upload(server, PNG, "other"),
        await upload(server, PNG),
    )
    await server.services.files.delete(W, deleted)
    ids = (script, foreign, deleted, "file-of-another-service")
    assert await told(server, model, ("user", (text("See"), *map(image, ids)))) == [
        "\n".join(["See", *(f"[image_file: {file_id}]" for file_id in ids)])
    ]


async def test_an_image_that_the_assistant_showed_is_named(server: Server, model: Puppet) -> None:
    file_id = await upload(server, PNG)
    heard = await told(server, model, ("assistant", (image(file_id),)), ("user", (text("Nice"),)))
    assert heard == [f"[image_file: {file_id}]", "Nice"]


async def test_addresses_of_images_go_to_the_model_and_others_are_named(server: Server, model: Puppet) -> None:
    good, bad = "https://example.com/cat.png", "file:///etc/passwd"
    (parts,) = await told(server, model, ("user", (link(good), link(bad))))
    assert parts == [
        {"type": "image_url", "image_url": {"url": good}},
        {"type": "text", "text": f"[image_url: {bad}]"},
    ]
    assert await told(server, model, ("user", (link("ftp://" + "x" * 900),))) == [f"[image_url: ftp://{'x' * 194}]"]


async def test_the_newest_images_are_shown_as_long_as_there_is_room(
    server: Server, model: Puppet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.server.service.files.PICTURE_BYTES", 2 * len(PNG))
    ids = [await upload(server, PNG) for _ in range(4)]
    heard = await told(server, model, *(("user", (image(file_id),)) for file_id in ids))
    assert heard[:2] == [f"[image_file: {file_id}]" for file_id in ids[:2]]
    assert all(content[0]["type"] == "image_url" for content in heard[2:])


async def test_an_image_whose_content_is_lost_ends_no_run(server: Server, model: Puppet, tmp_path: Path) -> None:
    file_id = await upload(server, PNG)
    next((tmp_path / "files").rglob(file_id)).unlink()
    assert await told(server, model, ("user", (image(file_id),))) == [f"[image_file: {file_id}]"]


def test_an_image_weighs_the_same_however_many_bytes_it_has() -> None:
    def line(url: str) -> Line:
        shown = {"type": "image_url", "image_url": {"url": url}}
        return Line("m", {"role": "user", "content": [{"type": "text", "text": "four"}, shown]})

    scale = Scale(len)
    assert scale.line(line("data:image/png;base64," + "A" * 1_000_000)) == scale.line(line("https://h/a.png"))
    assert (
        scale.line(line("https://h/a.png"))
        == scale.message({"role": "user", "content": "four"}) + context.PICTURE_TOKENS
    )


@pytest.mark.parametrize("data", [b"", b"RIFF", b"RIFF\0\0\0\0WAVE", b"<svg/>", b"%PDF-1.7", b"BM"])
def test_what_is_no_image_has_no_url(data: bytes) -> None:
    assert data_url(data) is None
