"""Files without their routes: content on disk first, a row after that; what is left over harms nobody."""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runs_kit import Time

from orchestrator.errors import StoreError
from orchestrator.server.records import File, Page
from orchestrator.server.service.files import SHARE, Files, NewFile, Rules, Uploaded, Wanted
from orchestrator.server.store.blobs import ARRIVING, CHUNK, Blobs
from orchestrator.server.store.sqlite import SqliteStore
from orchestrator.wire.faults import Fault
from orchestrator.wire.files import NAME_LENGTH, shown_name

W = "ws"
DAY = 24 * 3600


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "files"


@pytest.fixture
async def files(store: SqliteStore, folder: Path) -> AsyncIterator[Files]:
    made = make(store, folder)
    async with made.tidied():
        yield made


def make(store: SqliteStore, folder: Path, time: Time | None = None, **rules: int) -> Files:
    return Files(store, Blobs(folder), time or Time(), Rules(**rules))


async def upload(files: Files, *contents: bytes, workspace: str = W, name: str = "a.txt", **more: object) -> Uploaded:
    async with files.receiving(workspace) as tray:
        arrived = [await tray.begin(name) for _ in contents]
        for file, content in zip(arrived, contents, strict=True):
            await file.add(content)
        return await files.keep(workspace, [NewFile(arrived=file, purpose="assistants", **more) for file in arrived])


async def one(files: Files, content: bytes = b"x", **more: object) -> File:
    return (await upload(files, content, **more)).files[0]


async def content(files: Files, file: File, workspace: str = W) -> bytes:
    _, chunks = await files.content(workspace, file.id)
    async with aclosing(chunks):
        return b"".join([chunk async for chunk in chunks])


def blobs(folder: Path) -> set[str]:
    return {file.name for file in folder.rglob("*") if file.is_file()}


def age(folder: Path, seconds: float) -> None:
    for file in folder.rglob("*"):
        os.utime(file, (time.time() - seconds,) * 2)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=3 * CHUNK) | st.just(b"") | st.just(b"z" * (2 * CHUNK)), name=st.text(max_size=300))
async def test_what_was_uploaded_is_what_is_handed_out(files: Files, data: bytes, name: str) -> None:
    file = await one(files, data, name=name)
    assert await content(files, file) == data
    assert (file.size, file.md5) == (len(data), hashlib.md5(data).hexdigest())
    assert file.sha256 == hashlib.sha256(data).hexdigest()
    assert await files.get(W, file.id) == file


@given(st.text(max_size=400))
def test_a_shown_name_is_short_printable_and_no_path(given: str) -> None:
    name = shown_name(given)
    assert 0 < len(name) <= NAME_LENGTH
    assert not set(name) & set("/\\\0\r\n")
    assert name not in (".", "..")
    assert shown_name(name) == name


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\report.docx", "report.docx"),
        ("a\0b.txt", "ab.txt"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("库存.csv", "库存.csv"),
        ("x" * 300 + ".csv", "x" * 251 + ".csv"),
    ],
)
def test_names_are_shown_without_their_folders(given: str, shown: str) -> None:
    assert shown_name(given) == shown


async def test_deleting_one_of_two_equal_files_does_not_harm_the_other(files: Files, folder: Path) -> None:
    first, second = await one(files, b"same"), await one(files, b"same")
    await files.delete(W, first.id)
    assert await content(files, second) == b"same"
    assert blobs(folder) == {second.id}
    with pytest.raises(Fault, match="deleted or does not exist"):
        await files.content(W, first.id)


async def test_a_file_that_is_deleted_while_it_is_read_is_read_to_its_end(files: Files) -> None:
    file = await one(files, b"a" * (3 * CHUNK))
    _, chunks = await files.content(W, file.id)
    async with aclosing(chunks):
        read = await anext(chunks)
        await files.delete(W, file.id)
        assert len(read) + sum([len(chunk) async for chunk in chunks]) == 3 * CHUNK


async def test_a_foreign_file_does_not_exist(files: Files) -> None:
    file = await one(files)
    for attempt in (files.get("other", file.id), files.content("other", file.id), files.delete("other", file.id)):
        with pytest.raises(Fault, match="deleted or does not exist"):
            await attempt
    assert (await files.list("other", Wanted())).files == ()
    assert await files.get(W, file.id) == file


async def test_an_upload_that_is_not_kept_leaves_nothing(files: Files, folder: Path) -> None:
    async with files.receiving(W) as tray:
        await (await tray.begin("a")).add(b"x" * CHUNK)
        assert len(blobs(folder)) == 1
    assert blobs(folder) == set()


async def test_an_upload_that_is_cancelled_leaves_nothing(files: Files, folder: Path) -> None:
    begun = asyncio.Event()

    async def slow() -> None:
        async with files.receiving(W) as tray:
            await (await tray.begin("a")).add(b"x" * CHUNK)
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(slow())
    await begun.wait()
    task.cancel()
    await asyncio.wait({task})
    assert blobs(folder) == set()


async def test_a_file_may_be_as_large_as_the_rule_says_and_no_larger(store: SqliteStore, folder: Path) -> None:
    files = make(store, folder, file=100)
    assert (await one(files, b"x" * 100)).size == 100
    with pytest.raises(Fault, match="is larger than 100 bytes") as refused:
        await upload(files, b"x" * 101)
    assert refused.value.kind == "too_large"
    assert len(blobs(folder)) == 1


async def test_a_workspace_holds_what_the_rule_says_and_others_have_their_own(store: SqliteStore, folder: Path) -> None:
    files = make(store, folder, workspace=100)
    done = await upload(files, b"x" * 60, b"y" * 60, b"z" * 40)
    assert [file.size for file in done.files] == [60, 40]
    assert [str(fault) for _, fault in done.refused] == [
        "There is no room for 'a.txt': 100 of 100 bytes are used in this workspace."
    ]
    assert (await upload(files, b"x")).files == ()
    assert len((await upload(files, b"x" * 100, workspace="other")).files) == 1
    await files.delete(W, done.files[0].id)
    assert len((await upload(files, b"x" * 60)).files) == 1
    assert len(blobs(folder)) == 3


async def test_a_workspace_has_so_many_uploads_at_once_and_leaves_room_for_others(files: Files) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(SHARE):
            await stack.enter_async_context(files.receiving(W))
        with pytest.raises(Fault, match="Too many uploads") as refused:
            await one(files)
        assert (refused.value.kind, refused.value.retry_after) == ("slow_down", 2.0)
        assert (await upload(files, b"x", workspace="other")).files
    assert (await one(files)).size == 1


async def test_uploads_side_by_side_do_not_share_room_twice(store: SqliteStore, folder: Path) -> None:
    files = make(store, folder, workspace=100)
    done = await asyncio.gather(*(upload(files, b"x" * 40) for _ in range(10)))
    assert sum(len(each.files) for each in done) == 2
    assert len(blobs(folder)) == 2


async def test_a_file_whose_time_is_over_is_gone_at_once_and_swept_later(store: SqliteStore, folder: Path) -> None:
    now = Time()
    files = make(store, folder, now, workspace=10)
    file = await one(files, b"x" * 10, seconds=3600)
    assert file.expires_at == now.now + 3_600_000
    now.now += 3_600_000
    with pytest.raises(Fault, match="does not exist"):
        await files.get(W, file.id)
    assert (await files.list(W, Wanted())).files == ()
    assert (await upload(files, b"y")).files
    assert file.id in blobs(folder)
    await files.sweep()
    assert file.id not in blobs(folder)


@pytest.mark.parametrize("more", [{"purpose": ""}, {"purpose": "a b"}, {"seconds": 5}, {"description": "d" * 1025}])
async def test_what_is_said_of_a_file_is_checked(files: Files, folder: Path, more: dict[str, object]) -> None:
    with pytest.raises(Fault):
        async with files.receiving(W) as tray:
            await files.keep(W, [NewFile(**{"purpose": "p", **more, "arrived": await tray.begin("a")})])
    assert blobs(folder) == set()


async def test_lists_go_by_cursor_or_by_number(files: Files) -> None:
    made = [await one(files, b"x", name=f"{number}.txt") for number in range(5)]
    newest = await files.list(W, Wanted(page=Page(limit=2)))
    assert ([file.name for file in newest.files], newest.has_more) == (["4.txt", "3.txt"], True)
    rest = await files.list(W, Wanted(page=Page(limit=5, descending=False, after=made[1].id)))
    assert [file.name for file in rest.files] == ["2.txt", "3.txt", "4.txt"]
    last = await files.list(W, Wanted(page=Page(limit=2), number=3))
    assert ([file.name for file in last.files], last.total, last.has_more) == (["0.txt"], 5, False)
    assert (await files.list(W, Wanted(number=9))).files == ()
    assert (await files.list(W, Wanted(number=1, purpose="vision"))).total == 0


async def test_content_without_a_row_goes_after_a_day_and_content_with_a_row_stays(files: Files, folder: Path) -> None:
    kept = await one(files, b"kept")
    async with files.receiving(W) as tray:
        orphan = await (await tray.begin("a")).draft.seal()
    (folder / ARRIVING / "lost").write_bytes(b"half")
    await files.sweep()
    assert blobs(folder) == {kept.id, orphan.id, "lost"}
    age(folder, DAY - 60)
    await files.sweep()
    assert blobs(folder) == {kept.id, orphan.id, "lost"}
    age(folder, DAY + 60)
    await files.sweep()
    assert blobs(folder) == {kept.id}
    assert await content(files, kept) == b"kept"


async def test_a_start_clears_what_was_arriving_and_leaves_strange_files_alone(
    store: SqliteStore, folder: Path
) -> None:
    (folder / ARRIVING).mkdir(parents=True)
    (folder / ARRIVING / "half").write_bytes(b"half")
    (folder / "readme").write_text("not ours")
    age(folder, 2 * DAY)
    async with make(store, folder).tidied():
        assert blobs(folder) == {"readme"}


async def test_a_disk_that_fails_is_told_and_leaves_no_row(
    store: SqliteStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    files = make(store, folder)
    monkeypatch.setattr("orchestrator.server.store.blobs.os.fsync", full)
    with pytest.raises(StoreError, match="the disk is full"):
        await one(files)
    monkeypatch.undo()
    assert (await files.list(W, Wanted())).files == ()
    assert blobs(folder) == set()
    assert (await one(files)).size == 1


def test_only_ids_of_our_own_become_paths(tmp_path: Path) -> None:
    for wrong in ("../x", "file-..", "file-" + "a" * 31 + "/", "file-" + "A" * 32, ""):
        with pytest.raises(ValueError, match="not the id"):
            Blobs(tmp_path).place(wrong)
