"""A backup taken while people write is one moment, whole; what is restored serves; what is damaged is refused."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from threading import Event, Thread

import httpx2
import pytest
from process import assistant, begin, ended, run, served

from orchestrator.errors import FolderInUse, StoreError
from orchestrator.server.backup import making
from orchestrator.server.backup.archive import blob_name
from orchestrator.server.backup.making import backup
from orchestrator.server.backup.restoring import restore
from orchestrator.server.store.folder import hold


def upload(http: httpx2.Client, content: bytes) -> str:
    made = http.post("/files", files={"file": ("a.txt", content)}, data={"purpose": "assistants"})
    assert made.status_code == 200, made.text
    return str(made.json()["id"])


def write_on(url: str, key: str, stop: Event, written: list[str]) -> None:
    """Create threads one after the other, each with two messages, and note those that were acknowledged."""
    headers = {"authorization": f"Bearer {key}"}
    with httpx2.Client(base_url=f"{url}/v1", headers=headers, trust_env=False, timeout=30) as http:
        while not stop.is_set():
            body = {"messages": [{"role": "user", "content": "one"}, {"role": "user", "content": "two"}]}
            written.append(str(http.post("/threads", json=body).json()["id"]))


def texts(http: httpx2.Client, thread: str) -> list[str]:
    answer = http.get(f"/threads/{thread}/messages", params={"order": "asc"})
    return [one["content"][0]["text"]["value"] for one in answer.json().get("data", [])]


def test_a_backup_while_people_write_is_one_moment_and_serves(tmp_path: Path) -> None:
    target = tmp_path / "backups"
    target.mkdir()
    stop, written = Event(), list[str]()
    with served(tmp_path) as server, server.client("/v1") as http:
        key = run(tmp_path, "key", "create", "--rate", "9999/s", "--data", "data").stdout.strip()
        http.headers["authorization"] = f"Bearer {key}"
        file = upload(http, b"hello")
        finished = begin(http, assistant(http), "hello")
        ended(http, finished)
        writers = [Thread(target=write_on, args=(server.url, key, stop, written)) for _ in range(4)]
        for writer in writers:
            writer.start()
        while len(written) < 20:
            stop.wait(0.01)
        before = list(written)
        done = run(tmp_path, "backup", "--data", "data", "-o", str(target), "--format", "json")
        stop.set()
        for writer in writers:
            writer.join()
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    archive = Path(told["archive"])
    assert archive.parent == target
    assert archive.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in target.iterdir()] == [archive.name]
    assert run(tmp_path, "restore", str(archive), "--data", "again").returncode == 0
    with served(tmp_path, data="again") as server, server.client("/v1") as http:
        assert http.get("/files").status_code == 401  # the keys are those of then
        http.headers["authorization"] = f"Bearer {key}"
        assert http.get(f"/files/{file}/content").content == b"hello"
        assert ended(http, finished)["status"] == "completed"
        there = [thread for thread in written if http.get(f"/threads/{thread}").status_code == 200]
        assert set(before) <= set(there)
        assert told["threads"] == len(there) + 1
        assert all(texts(http, thread) == ["one", "two"] for thread in there)


@cache
def made() -> tuple[tempfile.TemporaryDirectory[str], str]:
    """A data folder with one file, which a server made; once for all tests."""
    folder = tempfile.TemporaryDirectory()
    with served(Path(folder.name)) as server, server.client("/v1") as http:
        file = upload(http, b"hello")
        assert server.stop() == 0
    return folder, file


def small(place: Path) -> tuple[Path, str]:
    """A copy of that data folder, and the file's id."""
    folder, file = made()
    shutil.copytree(f"{folder.name}/data", place / "data")
    return place / "data", file


def test_a_file_that_is_deleted_meanwhile_is_deleted_in_the_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, file = small(tmp_path)
    taken = making.snapshot

    def and_then_it_is_deleted(path: Path, target: Path) -> None:
        taken(path, target)
        (data / blob_name(file)).unlink()

    monkeypatch.setattr(making, "snapshot", and_then_it_is_deleted)
    made = backup(data, tmp_path / "b.tar.gz")
    assert (made.deleted, made.contents.files) == (1, 0)
    restore(made.archive, tmp_path / "again")
    with served(tmp_path, data="again") as server, server.client("/v1") as http:
        assert http.get("/files").json()["data"] == []


def changed(archive: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The archive with other content."""
    with tarfile.open(archive) as tar:
        members = {m.name: tar.extractfile(m).read() for m in tar.getmembers()}  # type: ignore[union-attr]
    change(members)
    other = archive.with_name("changed.tar")
    with tarfile.open(other, "w") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return other


def flip(name: str) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        found = next(known for known in members if known.startswith(name))
        members[found] = members[found][:-1] + bytes([members[found][-1] ^ 1])

    return change


BAD: dict[str, Callable[[Path], Path]] = {
    "not the one that was put in": lambda archive: changed(archive, flip("server.db")),
    "content of file-[0-9a-f]+ is missing": lambda archive: changed(archive, flip("files/")),
    "cut off: it has no manifest": lambda archive: changed(archive, lambda members: members.pop("backup.json")),
    "manifest cannot be read": lambda archive: changed(archive, lambda members: members.update({"backup.json": b"{"})),
    "has format 2": lambda archive: changed(
        archive, lambda members: members.update({"backup.json": b'{"format_version": 2}'})
    ),
    "it holds '../evil'": lambda archive: changed(archive, lambda members: members.update({"../evil": b"x"})),
    "no backup, or damaged: unexpected end": lambda archive: cut(archive, archive.read_bytes()[:9999]),
    "no backup, or damaged": lambda archive: cut(archive, b"nonsense" * 100),
    "cannot be restored: No such file": lambda archive: archive.with_name("nowhere.tar"),
}


def cut(archive: Path, content: bytes) -> Path:
    other = archive.with_name("cut.tar")
    other.write_bytes(content)
    return other


def test_what_is_damaged_is_not_restored(tmp_path: Path) -> None:
    data, _ = small(tmp_path)
    archive = backup(data, tmp_path / "b.tar").archive
    target = tmp_path / "again"
    for reason, spoil in BAD.items():
        with pytest.raises(StoreError, match=reason):
            restore(spoil(archive), target)
        assert [entry.name for entry in target.iterdir()] == ["lock"], reason
    assert not (tmp_path / "evil").exists()
    restore(archive, target)


def test_data_that_is_there_is_laid_aside_only_when_asked(tmp_path: Path) -> None:
    data, file = small(tmp_path)
    archive = backup(data, tmp_path / "b.tar").archive
    before = hashlib.sha256((data / "server.db").read_bytes()).hexdigest()
    refused = run(tmp_path, "restore", str(archive), "--data", "data")
    assert refused.returncode == 1
    assert "--replace" in refused.stderr
    done = run(tmp_path, "restore", str(archive), "--data", "data", "--replace", "--format", "json")
    aside = Path(json.loads(done.stdout)["aside"])
    assert hashlib.sha256((aside / "server.db").read_bytes()).hexdigest() == before
    assert (aside / blob_name(file)).read_bytes() == (data / blob_name(file)).read_bytes() == b"hello"


def test_a_folder_in_use_is_not_restored_into(tmp_path: Path) -> None:
    data, _ = small(tmp_path)
    archive = backup(data, tmp_path / "b.tar").archive
    held = hold(data)
    with pytest.raises(FolderInUse):
        restore(archive, data, replace=True)
    held.release()


def test_where_nothing_is_there_is_nothing_to_back_up(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no database"):
        backup(tmp_path, tmp_path / "b.tar")
    with pytest.raises(StoreError, match="No such file"):
        backup(small(tmp_path)[0], tmp_path / "nowhere" / "b.tar")


KILLED = """
import os, pathlib, sys
from orchestrator.server.backup import restoring
real = pathlib.Path.rename
def rename(self, target):
    real(self, target)
    if self.name == sys.argv[3]:
        os._exit(9)
pathlib.Path.rename = rename
restoring.restore(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), replace=True)
"""


@pytest.mark.parametrize("after", ["server.db-wal", "files"])
def test_a_restore_that_was_killed_keeps_servers_away_until_it_is_done(tmp_path: Path, after: str) -> None:
    data, file = small(tmp_path)
    archive = backup(data, tmp_path / "b.tar").archive
    (data / "server.db-wal").touch()
    command = [sys.executable, "-c", KILLED, str(archive), str(data), after]
    assert subprocess.run(command, env=os.environ, check=False).returncode == 9
    refused = run(tmp_path, "serve", "--port", "0", "--data", "data")
    assert refused.returncode == 1
    assert "restore into" in refused.stderr
    restore(archive, data, replace=True)
    assert (data / blob_name(file)).read_bytes() == b"hello"
    with served(tmp_path) as server, server.client("/v1") as http:
        assert [one["id"] for one in http.get("/files").json()["data"]] == [file]
