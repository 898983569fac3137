"""Migrations: each is done wholly or not at all, wherever it is killed; what an older program wrote is taken over."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.errors import StoreError
from orchestrator.server.store import folder, schema
from orchestrator.server.store.schema.making import statements
from orchestrator.server.store.sqlite import SqliteStore

ROOT = Path(__file__).parents[2]
SQL = schema.FOLDER


async def bring_up(path: Path) -> None:
    await (await SqliteStore.open(path)).close()


def asked(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def tables(path: Path) -> list[tuple[object, str]]:
    found = asked(path, "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name")
    return [(name, " ".join(str(sql).split())) for name, sql in found]


def files(place: Path, *numbers: str, real: bool = True) -> Path:
    """A folder of migrations: the real first two, and small ones."""
    place.mkdir()
    for name in ("0001.sql", "0002.sql") if real else ():
        shutil.copy(schema.FOLDER / name, place / name)
    for number in numbers:
        (place / f"{number}.sql").write_text(
            f"CREATE TABLE t{number} (a TEXT); -- one; two\nINSERT INTO t{number} VALUES (';');"
        )
    return place


def by_the_first_runner(path: Path, upto: int) -> None:
    """A database as programs before alembic wrote it, with a thread in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        for number in range(1, upto + 1):
            script = (schema.FOLDER / f"{number:04}.sql").read_text()
            connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")
        connection.execute("INSERT INTO threads (id, workspace, created_at, metadata) VALUES ('t', 'w', 1, '{}')")


async def test_a_database_made_at_once_is_the_one_that_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    once, grown = tmp_path / "once" / "server.db", tmp_path / "grown" / "server.db"
    await bring_up(once)
    place = tmp_path / "sql"
    place.mkdir()
    monkeypatch.setattr(schema, "FOLDER", place)
    for number in (file.name for file in sorted(SQL.glob("*.sql"))):
        shutil.copy(SQL / number, place / number)
        await bring_up(grown)
    assert tables(once) == tables(grown)
    for pragma in ("user_version", "journal_mode", "page_size"):
        assert asked(once, f"PRAGMA {pragma}") == asked(grown, f"PRAGMA {pragma}")


async def test_a_new_database_has_every_file_and_notes_the_last(tmp_path: Path) -> None:
    path = tmp_path / "server.db"
    await bring_up(path)
    last = schema.revisions()[-1]
    assert asked(path, "SELECT version_num FROM alembic_version") == [(last,)]
    assert asked(path, "PRAGMA user_version") == [(int(last),)]
    assert asked(path, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("upto", [1, 2])
async def test_a_database_from_before_alembic_is_taken_over(tmp_path: Path, upto: int) -> None:
    path, fresh = tmp_path / "old" / "server.db", tmp_path / "new" / "server.db"
    by_the_first_runner(path, upto)
    await bring_up(path)
    await bring_up(fresh)
    assert tables(path) == tables(fresh)
    assert asked(path, "SELECT id FROM threads") == [("t",)]
    assert [file.name for file in path.parent.iterdir() if "before" in file.name] == []


def test_a_start_with_nothing_to_do_does_not_import_alembic(tmp_path: Path) -> None:
    start = (
        "import asyncio, sys, pathlib\nfrom orchestrator.server.store.sqlite import SqliteStore\n"
        "async def main(): await (await SqliteStore.open(pathlib.Path(sys.argv[1]))).close()\n"
        "asyncio.run(main())\nprint('alembic' in sys.modules, 'sqlalchemy' in sys.modules)"
    )
    command = [sys.executable, "-c", start, str(tmp_path / "server.db")]
    told = [subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout for _ in range(2)]
    by_the_first_runner(tmp_path / "old" / "server.db", 1)
    command[-1] = str(tmp_path / "old" / "server.db")
    told += [subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout for _ in range(2)]
    assert told == ["False False\n", "False False\n", "True True\n", "False False\n"]


@pytest.mark.parametrize("newer", ["PRAGMA user_version = 4711", "UPDATE alembic_version SET version_num = '4711'"])
async def test_a_newer_database_is_refused_and_left_as_it_is(tmp_path: Path, newer: str) -> None:
    path = tmp_path / "server.db"
    if "alembic" in newer:
        await bring_up(path)
    with sqlite3.connect(path) as connection:
        connection.execute(newer)
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"schema 4711, this program knows none beyond \d{4}"):
        await bring_up(path)
    assert path.read_bytes() == before
    folder.hold(tmp_path).release()  # the folder is free again


async def test_numbers_may_have_gaps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "server.db"
    monkeypatch.setattr(schema, "FOLDER", files(tmp_path / "one", "0004"))
    await bring_up(path)
    monkeypatch.setattr(schema, "FOLDER", files(tmp_path / "two", "0004", "0007", "0009"))
    await bring_up(path)
    assert asked(path, "SELECT version_num FROM alembic_version") == [("0009",)]
    assert asked(path, "SELECT * FROM t0004 JOIN t0007 JOIN t0009") == [(";", ";", ";")]


async def test_a_file_that_fails_leaves_nothing_and_a_copy_of_what_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, copy = tmp_path / "server.db", tmp_path / "server.db.before-0003"
    place = files(tmp_path / "sql")
    monkeypatch.setattr(schema, "FOLDER", place)
    await bring_up(path)
    before = tables(path)
    (place / "0003.sql").write_text("CREATE TABLE half (a); SELECT nonsense;")
    with pytest.raises(StoreError, match=r"could not be brought to schema 0003.*nonsense") as failed:
        await bring_up(path)
    assert str(copy) in (failed.value.hint or "")
    assert tables(path) == tables(copy) == before
    (place / "0003.sql").write_text("CREATE TABLE half (a);")
    await bring_up(path)
    assert not copy.exists()
    assert asked(path, "SELECT version_num FROM alembic_version") == [("0003",)]


def test_a_script_is_cut_where_statements_end() -> None:
    script = (
        "-- a; b\nCREATE TABLE a (b); CREATE TRIGGER c AFTER INSERT ON a BEGIN DELETE FROM a; SELECT ';'; END;\n-- end"
    )
    assert [one.split()[-1] for one in statements(script)] == ["(b);", "END;"]


# one process that imports everything once, and a child of it for every statement to die before
EVERY_STATEMENT = """
import os, shutil, sqlite3, sys
from pathlib import Path
from orchestrator.server.store import schema, sqlite
from orchestrator.server.store.schema import upgrading
from orchestrator.server.store.sqlite import SqliteStore
from tests.server.test_schema import bring_up, tables
import asyncio

start, place, schema.FOLDER = (Path(argument) for argument in sys.argv[1:])
real = sqlite3.connect
left = 0

def count(sql):
    global left
    left -= any(word in sql for word in ("BEGIN", "COMMIT", "CREATE ", "INSERT ", "UPDATE ", "user_version ="))
    if left == 0:
        os._exit(9)

class Dying(sqlite3.Cursor):
    def execute(self, sql, *values):
        count(sql)
        return super().execute(sql, *values)

class Connection(sqlite3.Connection):
    def cursor(self, factory=Dying):
        return super().cursor(factory)

    def execute(self, sql, *values):
        count(sql)
        return super().execute(sql, *values)

    def commit(self):
        count("COMMIT")
        super().commit()

def migrate(path, dying_at):
    child = os.fork()
    if child == 0:
        global left
        left = dying_at
        if dying_at:
            sqlite3.connect = lambda *a, **k: real(*a, **{**k, "factory": Connection})
        asyncio.run(bring_up(path))
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def fresh(name):
    path = place / name / "server.db"
    path.parent.mkdir()
    if start.exists():
        shutil.copy(start, path)
    return path

whole = fresh("whole")
assert migrate(whole, 0) == 0
deaths = 0
while True:
    path = fresh(str(deaths))
    if migrate(path, deaths + 1) == 0:
        break
    deaths += 1
    assert migrate(path, 0) == 0, deaths
    assert tables(path) == tables(whole), deaths
    assert sorted(os.listdir(path.parent)) == ["lock", "server.db"], os.listdir(path.parent)
print(deaths)
"""


def run_python(script: str, *arguments: str) -> "subprocess.Popen[str]":
    env = {**os.environ, "PYTHONPATH": f"{ROOT}"}
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("new", [True, False], ids=["a new database", "the first runner's"])
def test_killed_before_any_statement_the_next_start_completes(tmp_path: Path, new: bool) -> None:
    before = tmp_path / "before.db"
    if not new:
        by_the_first_runner(before, 1)
    sql = files(tmp_path / "sql", "0003", "0005", real=not new)
    with run_python(EVERY_STATEMENT, str(before), str(tmp_path), str(sql)) as child:
        out, err = child.communicate(timeout=120)
    assert child.returncode == 0, err
    assert int(out) > (8 if new else 20)


STUCK = """
import asyncio, sqlite3, sys, time
from pathlib import Path
from orchestrator.server.store.schema import upgrading
from tests.server.test_schema import bring_up

real = upgrading.statements

def slowly(script):
    for statement in real(script):
        yield statement
        if "CREATE TABLE steps" in statement:
            print("here", flush=True)
            time.sleep(60)

upgrading.statements = slowly
asyncio.run(bring_up(Path(sys.argv[1])))
"""


async def test_kill_9_in_the_middle_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "server.db"
    by_the_first_runner(path, 1)
    with run_python(STUCK, str(path)) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "here\n"
        child.send_signal(signal.SIGKILL)
    assert [row[0] for row in asked(path, "SELECT name FROM sqlite_schema WHERE name IN ('runs', 'steps')")] == []
    await bring_up(path)
    assert asked(path, "SELECT id FROM threads") == [("t",)]
    assert {"runs", "steps", "events"} <= {str(row[0]) for row in tables(path)}
