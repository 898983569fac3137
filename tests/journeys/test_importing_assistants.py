"""Import as a real process: assistants that applications made become manifests, and a plan afterwards is empty."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from shell import Running, orchestrator, running

ENVIRONMENT = """\
apiVersion: orchestrator/v1
kind: Environment
metadata: {name: far}
spec:
  target: {dialect: DIALECT, baseUrl: "${env.FAR}/PATH"}
"""
PROMPT = "You are the guide of a city.\n\nSay {{ nothing }} that you don't know. {% 100 % %}\n" * 3
QUESTION = {"type": "object", "properties": {"q": {"type": "string"}}}
LOOK_UP = {"type": "function", "function": {"name": "look_up", "description": "d", "parameters": QUESTION}}
GUIDE = {"model": "qwen-plus", "name": "City guide", "instructions": PROMPT}
MADE = [
    {**GUIDE, "tools": [{"type": "code_interpreter"}], "metadata": {"owner": "a ${x}"}},
    {**GUIDE, "model": "qwen-max", "temperature": 0.5},
    {"model": "qwen-max", "name": "../../etc/passwd", "description": "yes: no # really"},
    {"model": "qwen-max", "name": "caller", "tools": [LOOK_UP]},
]


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running("serve", "--port", "0", cwd=tmp_path_factory.mktemp("far")) as server:
        yield server


@pytest.mark.parametrize(("dialect", "path"), [("dashscope", "api/v1"), ("openai", "v1")])
def test_import_all_and_a_plan_is_empty(tmp_path: Path, far: Running, dialect: str, path: str):
    (tmp_path / "assistants.d").mkdir()
    (tmp_path / "assistants.d/far.yaml").write_text(ENVIRONMENT.replace("DIALECT", dialect).replace("PATH", path))

    def run(*arguments: str):
        done = orchestrator(*arguments, "-e", "far", cwd=tmp_path, FAR=far.address)
        assert "Traceback" not in done.stderr
        return done

    with httpx2.Client(
        base_url=f"{far.address}/{path}", trust_env=False, headers={"openai-beta": "assistants=v2"}
    ) as http:
        for old in http.get("/assistants", params={"limit": 100}).json()["data"]:
            http.delete(f"/assistants/{old['id']}")
        made = [http.post("/assistants", json=one).json()["id"] for one in MADE]

        asked = run("import", "--all")
        assert (asked.returncode, "add --yes" in asked.stderr) == (64, True)
        assert list((tmp_path / "assistants.d").iterdir()) == [tmp_path / "assistants.d/far.yaml"]

        done = run("import", "--all", "--yes", "--format", "json")
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)["files"]
        assert [(Path(one["file"]).name, one["id"], one["adopted"]) for one in told] == [
            ("city-guide.yaml", None, False),
            ("city-guide.yaml", made[0], True),
            ("city-guide-2.yaml", made[1], True),
            ("etc-passwd.yaml", made[2], True),
            ("caller.yaml", made[3], True),
        ]
        empty = run("plan", "--detailed-exitcode")
        assert (empty.returncode, "0 to add, 0 to change" in empty.stdout) == (0, True), empty.stdout
        assert orchestrator("fmt", "--check", cwd=tmp_path).returncode == 0

        again = run("import", "--all", "--yes")
        assert (again.returncode, "nothing to import" in again.stderr) == (0, True)
        named = run("import", made[0], "--yes")
        assert f"({made[0]}) stands in the manifests already, as 'city-guide'" in named.stderr

        unknown = run("import", "asst_none", "--yes")
        assert (unknown.returncode, "no assistant with the id 'asst_none'" in unknown.stderr) == (1, True)
        neither = run("import", "--yes")
        assert (neither.returncode, "ids, or --all" in neither.stderr) == (64, True)


def test_those_of_others_and_files_that_are_there_stay(tmp_path: Path, far: Running):
    (tmp_path / "assistants.d").mkdir()
    text = ENVIRONMENT.replace("DIALECT", "dashscope").replace("PATH", "api/v1")
    (tmp_path / "assistants.d/far.yaml").write_text(text + "  project: another\n")

    def run(*arguments: str):
        return orchestrator(*arguments, "-e", "far", cwd=tmp_path, FAR=far.address)

    with httpx2.Client(base_url=f"{far.address}/api/v1", trust_env=False) as http:
        for old in http.get("/assistants", params={"limit": 100}).json()["data"]:
            http.delete(f"/assistants/{old['id']}")
        made = http.post("/assistants", json={"model": "m", "name": "one"}).json()["id"]
        assert run("import", "--all", "--yes").returncode == 0
        (tmp_path / "assistants.d/far.yaml").write_text(text + "  project: third\n")
        (tmp_path / "assistants.d/one.yaml").unlink()

        refused = run("import", made, "--yes")
        assert (refused.returncode, f"{made} belongs to 'another/far'" in refused.stderr) == (4, True)
        assert "nothing to import" in run("import", "--all", "--yes").stderr
        (tmp_path / "assistants.d/one.yaml").write_text("# mine\n")
        there = run("import", made, "--from", "another/far", "--yes")
        assert (there.returncode, "one.yaml is there already" in there.stderr) == (64, True)
        assert (tmp_path / "assistants.d/one.yaml").read_text() == "# mine\n"
        taken = run("import", made, "--from", "another/far", "--yes", "--force")
        assert taken.returncode == 0, taken.stderr
        assert run("plan", "--detailed-exitcode").returncode == 0


def test_who_watches_the_files_creates_nothing_anew(tmp_path: Path):
    (tmp_path / "assistants.d").mkdir()
    with running("up", "--port", "0", cwd=tmp_path) as server:
        with httpx2.Client(base_url=f"{server.address}/api/v1", trust_env=False) as http:
            for round_ in range(3):
                for nth in range(5):
                    http.post("/assistants", json={"model": "m", "name": f"a{round_}{nth}", "instructions": "x"})
                done = orchestrator("import", "--all", "--yes", cwd=tmp_path)
                assert done.returncode == 0, done.stderr
            (tmp_path / "assistants.d/last.yaml").write_text(
                "apiVersion: orchestrator/v1\nkind: Assistant\nmetadata: {name: last}\nspec: {model: m}\n"
            )
            deadline = time.monotonic() + 20
            while "last" not in (
                names := [one["name"] for one in http.get("/assistants", params={"limit": 100}).json()["data"]]
            ):
                assert time.monotonic() < deadline
            assert sorted(names) == sorted([*(f"a{r}{n}" for r in range(3) for n in range(5)), "last"])
        assert server.stop() == 0
