"""The doctor names what is missing or wrong, with a remedy each; a damaged database is refused, and saved in part."""

import hashlib
import json
import os
import shutil
import socket
import sqlite3
import tempfile
import time
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from process import Served, assistant, begin, ended, run, served
from test_backup import small, upload

from orchestrator.errors import Damaged, StoreError
from orchestrator.server.backup.archive import blob_name
from orchestrator.server.doctor import place
from orchestrator.server.doctor.salvage import salvage
from orchestrator.server.store.sqlite import SqliteStore


def looked(where: Path, *options: str, **env: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and the worst finding of each subject."""
    done = run(where, "doctor", "--data", "data", "--port", "0", "--format", "json", *options, env=env)
    assert not done.stderr, done.stderr
    found: dict[str, dict[str, Any]] = {}
    for finding in json.loads(done.stdout)["findings"]:
        worse = ["ok", "note", "warning", "error"].index
        if finding["subject"] not in found or worse(finding["state"]) > worse(found[finding["subject"]]["state"]):
            found[finding["subject"]] = finding
    assert all(finding["remedy"] for finding in found.values() if finding["state"] in ("warning", "error"))
    return done.returncode, found


def test_where_all_is_well_it_says_so(tmp_path: Path) -> None:
    small(tmp_path)
    code, found = looked(tmp_path)
    assert code == 0
    for subject in ("python", "sqlite", "data folder", "database", "schema", "files", "keys", "clock", "port"):
        assert found[subject]["state"] == "ok", found[subject]
    text = run(tmp_path, "doctor", "--data", "data", "--port", "0")
    assert "ok       database: sound" in text.stdout
    assert text.stderr == "All is well.\n"


def test_before_the_first_start_there_is_nothing_wrong(tmp_path: Path) -> None:
    code, found = looked(tmp_path)
    assert (code, found["data folder"]["state"]) == (0, "note")
    assert not (tmp_path / "data").exists()


def test_a_server_that_runs_is_asked(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        code, found = looked(tmp_path)
    assert code == 0
    assert found["server"]["text"] == f"runs on {server.url}, and takes on work"


def test_each_thing_that_is_wrong_is_named(tmp_path: Path) -> None:
    data, file = small(tmp_path)
    run(tmp_path, "key", "create", "--data", "data")
    (data / blob_name(file)).unlink()
    (data / "keys.pepper").unlink()
    (data / "server.db.before-0002").touch()
    data.chmod(0o755)
    with closing(sqlite3.connect(data / "server.db", isolation_level=None)) as connection:
        future = (time.time_ns() // 1_000_000) + 7_200_000
        connection.execute(
            "INSERT INTO threads (id, workspace, created_at, metadata) VALUES ('t', 'w', ?, '{}')", (future,)
        )
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, found = looked(tmp_path, "--port", port)
    assert code == 1
    states = {subject: finding["state"] for subject, finding in found.items()}
    assert {s: states[s] for s in ("files", "keys", "port", "clock", "data folder", "migration", "database")} == {
        "files": "error",
        "keys": "error",
        "port": "error",
        "clock": "error",
        "data folder": "warning",
        "migration": "warning",
        "database": "ok",
    }
    assert file in found["files"]["text"]
    assert "2.0 h behind" in found["clock"]["text"]


def test_what_stands_in_the_way_of_a_start_is_named(tmp_path: Path) -> None:
    small(tmp_path)
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    _, found = looked(tmp_path, "--host", "0.0.0.0", **env)
    assert found["keys"]["state"] == "error"
    assert found["traces"]["text"] == "on"
    (tmp_path / "data" / "restore.part").mkdir()
    assert looked(tmp_path)[1]["restore"]["state"] == "error"


def test_models_are_asked_only_on_demand(tmp_path: Path) -> None:
    (tmp_path / "assistants.d").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
    (tmp_path / "assistants.d" / "e.yaml").write_text(
        "apiVersion: orchestrator/v1\nkind: Environment\nmetadata: {name: local}\nspec:\n"
        f'  models: [{{match: "*", baseUrl: "http://127.0.0.1:{port}/v1"}}]\n'
    )
    assert looked(tmp_path)[1]["models"]["state"] == "note"
    code, found = looked(tmp_path, "--models")
    assert (code, found["models"]["state"]) == (1, "error")
    with served(tmp_path / "up") as server:  # any HTTP server answers
        (tmp_path / "assistants.d" / "e.yaml").write_text(
            "apiVersion: orchestrator/v1\nkind: Environment\nmetadata: {name: local}\nspec:\n"
            f'  models: [{{match: "*", baseUrl: "{server.url}/v1"}}]\n'
        )
        assert looked(tmp_path, "--models")[1]["models"]["state"] == "ok"


def test_little_room_and_a_shared_disk_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = os.statvfs(tmp_path)
    for blocks, state in ((1_000, "error"), (100_000_000 // free.f_frsize, "warning")):
        shown = os.statvfs_result((*free[:4], blocks, *free[5:]))
        monkeypatch.setattr(os, "statvfs", lambda _, shown=shown: shown)
        assert {one.state for one in place.examine(tmp_path) if one.subject == "room"} == {state}
    monkeypatch.setattr(place, "file_system", lambda _: "nfs4")
    assert [one.state for one in place.examine(tmp_path) if one.subject == "disk"] == ["error"]


def spoil(database: Path, word: bytes) -> int:
    """Write nonsense over the page that holds a word; its number."""
    content = bytearray(database.read_bytes())
    page = content.index(word) // 4096
    content[page * 4096 : (page + 1) * 4096] = b"\xa5" * 4096
    database.write_bytes(content)
    return page


@cache
def much() -> tuple[tempfile.TemporaryDirectory[str], str]:
    """A data folder with 60 threads of 20 messages each, a run and a file, whose id is given; once for all tests."""
    folder = tempfile.TemporaryDirectory()
    with served(Path(folder.name)) as server, server.client() as http, server.client("/v1") as other:
        file = upload(other, b"hello")
        for number in range(60):
            messages = [{"role": "user", "content": f"text-{number}-{nth} {'x' * 150}"} for nth in range(20)]
            assert http.post("/threads", json={"messages": messages, "metadata": {"n": str(number)}}).status_code == 200
        ended(http, begin(http, assistant(http), "hello"))
        assert server.stop() == 0
    return folder, file


def filled(where: Path) -> str:
    """A copy of that data folder; the id of the file."""
    folder, file = much()
    shutil.copytree(f"{folder.name}/data", where / "data")
    return file


def test_a_damaged_page_stops_the_start_and_what_is_left_can_be_saved(tmp_path: Path) -> None:
    file = filled(tmp_path)
    database = tmp_path / "data" / "server.db"
    spoil(database, b"text-30-10")
    before = hashlib.sha256(database.read_bytes()).digest()
    refused = run(tmp_path, "serve", "--port", "0", "--data", "data")
    assert refused.returncode == 1
    assert "error STO004" in refused.stderr
    assert "doctor --salvage" in refused.stderr
    code, found = looked(tmp_path)
    assert (code, found["database"]["state"]) == (1, "error")
    done = run(tmp_path, "doctor", "--data", "data", "--salvage", "saved", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert hashlib.sha256(database.read_bytes()).digest() == before
    saved = {one["name"]: one for one in json.loads(done.stdout)["saved"]}
    assert (saved["threads"]["saved"], saved["threads"]["lost"]) == (61, 0)
    assert 0 < saved["messages"]["lost"] < 40
    assert saved["messages"]["saved"] + saved["messages"]["lost"] == 60 * 20 + 2
    with served(tmp_path, data="saved") as server, server.client() as http:
        assert served_well(server)
        assert len(http.get("/threads", params={"limit": 100}).json()["data"]) == 61
        assert ended(http, begin(http, assistant(http), "again"))["status"] == "completed"
        with server.client("/v1") as other:
            assert other.get(f"/files/{file}/content").content == b"hello"


def served_well(server: Served) -> bool:
    with server.client("") as http:
        return bool(http.get("/readyz").status_code == 200)


def test_parents_that_are_lost_take_their_children_along(tmp_path: Path) -> None:
    filled(tmp_path)
    spoil(tmp_path / "data" / "server.db", b'{"n":"30"}')
    saved = {one.name: one for one in salvage(tmp_path / "data", tmp_path / "saved")}
    assert 0 < saved["threads"].lost < 61
    assert saved["messages"].lost >= saved["threads"].lost * 2
    with closing(sqlite3.connect(tmp_path / "saved" / "server.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_where_nothing_can_be_read_it_says_so(tmp_path: Path) -> None:
    small(tmp_path)
    database = tmp_path / "data" / "server.db"
    database.write_bytes(b"\xa5" * database.stat().st_size)
    with pytest.raises(StoreError, match=r"not a database|nothing can be read"):
        salvage(tmp_path / "data", tmp_path / "saved")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(StoreError, match="not empty"):
        salvage(tmp_path / "data", tmp_path / "full")


async def test_damage_that_is_met_later_is_told_as_damage(tmp_path: Path) -> None:
    """A large database is looked at only in part when it is opened."""
    filled(tmp_path)
    database = tmp_path / "data" / "server.db"
    store = await SqliteStore.open(database)
    spoil(database, b"text-30-10")
    with pytest.raises(Damaged):
        await store.read(lambda tx: tx.rows("SELECT content FROM messages NOT INDEXED"))
    await store.close()
