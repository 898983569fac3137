"""`apply` as a real process that is killed, interrupted, or run twice at once, against a real server that lives on."""

from __future__ import annotations

import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx2
from shell import Running, environ, orchestrator

ENVIRONMENT = """apiVersion: orchestrator/v1
kind: Environment
metadata: {name: far}
spec:
  target: {dialect: dashscope, baseUrl: "${env.FAR}/api/v1", workspace: WORKSPACE}
  requests: {concurrency: 4}
"""
ASSISTANT = """apiVersion: orchestrator/v1
kind: Assistant
metadata: {name: a-NUMBER}
spec: {model: qwen-plus, instructions: Text REVISION of NUMBER.}
"""


class Fleet:
    """A project of so many assistants in a workspace of its own."""

    def __init__(self, folder: Path, far: Running, size: int) -> None:
        self.folder, self.far, self.size, self.revision = folder, far, size, 0
        self.workspace = re.sub(r"[^a-z0-9-]", "-", folder.name.lower())[:60]
        (folder / "assistants.d").mkdir(parents=True)
        (folder / "assistants.d/env.yaml").write_text(ENVIRONMENT.replace("WORKSPACE", self.workspace))
        self.edit()

    def edit(self) -> None:
        """Change every manifest."""
        self.revision += 1
        texts = [ASSISTANT.replace("NUMBER", str(n)).replace("REVISION", str(self.revision)) for n in range(self.size)]
        (self.folder / "assistants.d/all.yaml").write_text("---\n".join(texts))

    def begin(self) -> subprocess.Popen[str]:
        """An apply under way."""
        return subprocess.Popen(
            [sys.executable, "-m", "orchestrator", "apply", "-e", "far", "--yes"],
            cwd=self.folder,
            env=environ(FAR=self.far.address),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return orchestrator(*arguments, "-e", "far", cwd=self.folder, FAR=self.far.address)

    def there(self) -> dict[str, dict]:
        """What stands at the target, by name.

        Raises:
            AssertionError: two have one name.
        """
        found: list[dict] = []
        headers = {"X-DashScope-WorkSpace": self.workspace}
        with httpx2.Client(base_url=f"{self.far.address}/api/v1", trust_env=False, headers=headers) as http:
            after = None
            while True:
                page = http.get(
                    "/assistants", params={"limit": 100, "order": "asc", **({"after": after} if after else {})}
                ).json()
                found += page["data"]
                if not page.get("has_more"):
                    break
                after = page["last_id"]
        counts = Counter(one["name"] for one in found)
        assert not [name for name, count in counts.items() if count > 1], counts
        return {one["name"]: one for one in found}

    def check(self) -> None:
        """All is there once, as the manifests say, after one apply more; the journal can be read; nothing is left."""
        done = self.run("apply", "--yes")
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        texts = {one["instructions"] for one in self.there().values()}
        assert texts == {f"Text {self.revision} of {n}." for n in range(self.size)}
        with sqlite3.connect(self.folder / ".orchestrator/journal.db") as journal:
            assert journal.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert journal.execute(
                "SELECT count(*) FROM steps WHERE state = 'begun' AND action = 'create'"
            ).fetchone() == (0,)
        assert self.run("plan", "--detailed-exitcode").returncode == 0


def kill_once(fleet: Fleet, seed: int) -> None:
    """End an apply with SIGKILL at some moment, and bring all in line."""
    fleet.edit()
    process = fleet.begin()
    time.sleep(random.Random(seed).uniform(0.3, 0.9))
    process.kill()
    process.communicate()
    fleet.check()


def interrupt_once(fleet: Fleet, seed: int) -> None:
    """Ask an apply to stop at some moment: it ends within five seconds, with nothing unknown."""
    fleet.edit()
    process = fleet.begin()
    chance = random.Random(seed)
    time.sleep(chance.uniform(0.3, 0.9))
    process.send_signal(chance.choice([signal.SIGINT, signal.SIGTERM]))
    began = time.monotonic()
    _, told = process.communicate(timeout=20)
    assert time.monotonic() - began < 5
    assert "Traceback" not in told, told
    assert process.returncode in (0, 5, 130, 143, -15, -2), (process.returncode, told)
    fleet.check()


def race_once(fleet: Fleet, seed: int) -> tuple[int, int]:
    """Two applies at once: one waits or is refused with the holder's name; nothing is made twice. The exit codes."""
    fleet.edit()
    first = fleet.begin()
    time.sleep(random.Random(seed).uniform(0, 0.6))
    second = fleet.begin()
    told = [process.communicate(timeout=60)[1] for process in (first, second)]
    codes = (first.returncode, second.returncode)
    assert set(codes) <= {0, 6}, (codes, told)
    for code, text in zip(codes, told, strict=True):
        assert (code == 6) == ("lock release" in text or ("applies" in text and "JRN003" in text)), text
    fleet.check()
    return codes
