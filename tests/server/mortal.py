"""A real server in a process of its own, with the offline model, for tests that kill it."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from live import Live

PROGRAM = """
import sys
from pathlib import Path
from orchestrator.server.app import open_server
from orchestrator.server.models.directory import Directory, Route
from orchestrator.server.models.scripted import ScriptedModel
from orchestrator.server.serving import listening, run, signals

async def main():
    models = Directory([Route(match="*", model=ScriptedModel(None))])
    with signals() as called:
        async with (
            open_server(Path(sys.argv[1]), models=models) as server,
            listening(server.app, host="127.0.0.1", port=0, closing=server.drain) as address,
        ):
            print(address.port, flush=True)
            await called.wait()

run(main)
"""


@contextmanager
def mortal_server(data: Path) -> Iterator[tuple[Live, Callable[[], None]]]:
    """The server, and how to kill it at once (SIGKILL). At the end of the block it is killed in any case."""
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(data)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Live("127.0.0.1", int(process.stdout.readline())), process.kill
        finally:
            process.kill()
