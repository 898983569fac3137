"""Conversations move from one server to another, by two commands."""

import json
from pathlib import Path
from typing import Any

import httpx2
from shell import orchestrator, running


def ask(address: str, method: str, path: str, body: Any = None) -> Any:
    answer = httpx2.request(method, f"{address}/api/v1{path}", json=body, trust_env=False)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_all_threads_move_and_a_second_time_nothing_happens(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
    with running("serve", "--port", "0", cwd=old) as here, running("serve", "--port", "0", cwd=new) as there:
        texts = [{"role": "user", "content": f"Grüße {n}\u2028"} for n in range(3)]
        threads = [ask(here.address, "POST", "/threads", {"messages": texts})["id"] for _ in range(2)]
        exported = orchestrator("thread", "export", "-o", "all.jsonl", cwd=old)
        assert (exported.returncode, exported.stdout) == (0, "")
        assert "Exported 8 objects" in exported.stderr
        assert [file.name for file in old.glob("all*")] == ["all.jsonl"]

        moved = orchestrator("thread", "import", "all.jsonl", "--url", there.address, cwd=old)
        assert (moved.returncode, moved.stdout) == (0, "2 threads: 2 created; 8 new objects\n"), moved.stderr
        for thread in threads:
            messages = ask(there.address, "GET", f"/threads/{thread}/messages?order=asc")["data"]
            assert [m["content"][0]["text"]["value"] for m in messages] == [text["content"] for text in texts]

        again = orchestrator("thread", "import", "-", cwd=new, stdin=(old / "all.jsonl").read_text(encoding="utf-8"))
        assert (again.returncode, again.stdout) == (0, "2 threads: 2 unchanged; 0 new objects\n"), again.stderr
        one = orchestrator("thread", "export", threads[1], cwd=new)
        assert [next(iter(json.loads(line))) for line in one.stdout.splitlines()] == [
            *("format", "thread", "message", "message", "message", "end")
        ]


def test_what_cannot_be_taken_is_told_and_the_exit_code_says_so(tmp_path: Path) -> None:
    good = {"id": "thread_good", "object": "thread", "created_at": 1699014083}
    bad = {"id": "thread_bad", "object": "thread", "created_at": "yesterday"}
    (tmp_path / "part.jsonl").write_text(f"{json.dumps(good)}\n{json.dumps(bad)}\n")
    (tmp_path / "none.jsonl").write_text("nonsense\n")
    with running("serve", "--port", "0", cwd=tmp_path):
        part = orchestrator("thread", "import", "part.jsonl", cwd=tmp_path)
        assert part.returncode == 5
        assert "1 created, 1 refused" in part.stdout
        assert "! line 2, thread_bad: 'created_at' must be an integer" in part.stdout
        none = orchestrator("thread", "import", "none.jsonl", "--format", "json", cwd=tmp_path)
        assert none.returncode == 1
        assert json.loads(none.stdout)["problems"][0]["line"] == 1
        missing = orchestrator("thread", "export", "thread_x", "-o", "x.jsonl", cwd=tmp_path)
        assert missing.returncode == 1
        assert "does not exist" in missing.stderr
        assert list(tmp_path.glob("x.jsonl*")) == []
        unreadable = orchestrator("thread", "import", "nowhere.jsonl", cwd=tmp_path)
        assert unreadable.returncode == 64
        assert "nowhere.jsonl cannot be read: No such file" in unreadable.stderr


def test_without_a_server_it_says_what_to_do(tmp_path: Path) -> None:
    alone = orchestrator("thread", "export", cwd=tmp_path)
    assert alone.returncode == 64
    assert "--url" in alone.stderr
