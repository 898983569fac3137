"""The checker of invariants sees what is wrong: a sound database, tampered with in one place each time."""

import shutil
import sqlite3
from pathlib import Path

import pytest
from invariants import Ledger
from runs_kit import Hands, Run, ask, house, say

DATABASE = "data/server.db"
TAMPERING = {
    "UPDATE runs SET status = 'cancelled'": "its log ends with",
    "UPDATE runs SET status = 'queued'": "its log ends with",
    "DELETE FROM events WHERE seq = 4": "the log has gaps",
    "DELETE FROM events WHERE seq = (SELECT MAX(seq) FROM events)": "its log ends with",
    "UPDATE events SET subject = json_set(subject, '$.status', 'failed') WHERE seq = 4": "moved where it may not",
    "UPDATE events SET subject = json_set(subject, '$.status', 'completed') WHERE seq = 2": "the run begins as",
    "UPDATE messages SET status = 'in_progress' WHERE run_id IS NOT NULL": "is still in progress",
    "UPDATE messages SET id = 'message_other' WHERE run_id IS NOT NULL": "messages in the log",
    "UPDATE messages SET content = '[]' WHERE run_id IS NOT NULL": "told 'all done'",
    "DELETE FROM messages WHERE run_id IS NOT NULL": "messages in the log",
    "UPDATE steps SET status = 'in_progress' WHERE type = 'tool_calls'": "was told",
    "DELETE FROM steps WHERE type = 'message_creation'": "steps in the log",
    "UPDATE steps SET calls = json_set(calls, '$[0].output', NULL) WHERE type = 'tool_calls'": "has no output",
    "INSERT INTO events SELECT 'run_nobody', seq, name, kind, subject FROM events": "that is not there",
    "UPDATE events SET name = 'thread.message.created' WHERE name = 'thread.message.completed'": "was told",
    "DROP INDEX runs_active; UPDATE runs SET status = 'in_progress'; CREATE TEMP TABLE two AS SELECT * FROM runs; "
    "UPDATE two SET seq = seq + 1, id = 'run_2'; INSERT INTO runs SELECT * FROM two": "has 2 active runs",
}


@pytest.fixture
async def sound(tmp_path: Path) -> tuple[Path, Run]:
    """A folder with one run that called a function and then spoke."""
    async with house(tmp_path / "sound", ask(("f", "{}")), say("all ", "done"), hands=Hands(["f"])) as h:
        run = await h.run(tools=["f"])
        await h.until(run, "completed")
    return tmp_path / "sound", run


async def test_a_sound_database_has_nothing_to_complain_of(sound: tuple[Path, Run]) -> None:
    folder, run = sound
    ledger = Ledger(folder / DATABASE)
    assert (ledger.complaints(), ledger.unfinished()) == ([], [])
    assert ledger.said(run.thread_id) == ["hi"]
    assert [call["name"] for call in ledger.calls()] == ["f"]
    ledger.close()


@pytest.mark.parametrize(("sql", "complaint"), TAMPERING.items(), ids=TAMPERING.values())
async def test_what_was_tampered_with_is_seen(
    sound: tuple[Path, Run], tmp_path: Path, sql: str, complaint: str
) -> None:
    folder = Path(shutil.copytree(sound[0], tmp_path / "tampered"))
    with sqlite3.connect(folder / DATABASE) as database:
        database.executescript(sql)
    database.close()
    ledger = Ledger(folder / DATABASE)
    assert complaint in "\n".join(ledger.complaints())
    ledger.close()
