"""Schemathesis in small: sequences along the document's links, and each field of each operation at its bounds.

`tests/batteries/schemathesis.py` does it for long; `schemathesis.toml` and `st_hooks.py` serve both.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from program import SERVE, new_key, program

HERE = Path(__file__).parent
COMMAND = Path(sys.executable).parent / "schemathesis"


def drive(url: str, folder: Path, *options: str, patience: float = 300) -> tuple[str, dict[str, int]]:
    """What Schemathesis printed, and how many cases there were, in sorts."""
    report = folder / "report.json"
    command = [COMMAND, "--config-file", HERE / "schemathesis.toml", "run", f"{url}/openapi.json", "--no-color"]
    done = subprocess.run(
        [*command, "--report-json-path", report, *options],
        cwd=folder,  # it keeps a cache where it runs
        env={"PATH": "", "PYTHONPATH": str(HERE), "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=patience,
        check=False,
    )
    assert report.exists(), done.stdout + done.stderr
    return done.stdout, json.loads(report.read_text())["test_cases"]


@pytest.mark.parametrize(
    ("options", "guarded"),
    [
        (("--phases", "stateful"), False),
        (("--phases", "coverage"), False),
        (("--phases", "fuzzing", "--max-examples", "1"), True),
    ],
    ids=["sequences", "each bound of each field", "with keys"],
)
def test_the_server_does_as_its_document_says(tmp_path: Path, options: tuple[str, ...], guarded: bool) -> None:
    key = ("--header", f"Authorization: Bearer {new_key(tmp_path)}") if guarded else ()
    with program(tmp_path, *SERVE) as server:
        printed, cases = drive(server.url, tmp_path, "--seed", "1", *key, *options)
        assert server.traces == []
    assert (cases["with_failures"], cases["errored"]) == (0, 0), printed[-8000:]
    assert cases["generated"] >= 50
