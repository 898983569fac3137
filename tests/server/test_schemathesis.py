"""Schemathesis in small: sequences along the document's links, and single requests, good and bad, of each operation.

`tests/batteries/schemathesis.py` does it for long; `schemathesis.toml` and `st_hooks.py` serve both.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from program import program

HERE = Path(__file__).parent
COMMAND = Path(sys.executable).parent / "schemathesis"


def drive(url: str, folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [COMMAND, "--config-file", HERE / "schemathesis.toml", "run", f"{url}/openapi.json", "--no-color", *options],
        cwd=folder,  # it keeps a cache where it runs
        env={"PATH": "", "PYTHONPATH": str(HERE), "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize(
    "options",
    [("--phases", "stateful", "--max-time", "10"), ("--phases", "fuzzing", "--max-examples", "5")],
    ids=["sequences", "requests"],
)
def test_the_server_does_as_its_document_says(tmp_path: Path, options: tuple[str, ...]) -> None:
    with program(tmp_path, "serve") as server:
        done = drive(server.url, tmp_path, *options, "--seed", "1")
        assert server.traces == []
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr
