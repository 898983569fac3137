"""A process that lets servers die: for each job it is given, it forks a child that serves a run and kills itself.

Jobs come on standard input, one JSON object a line: `folder`, `point` (the how manyeth write, or moment in a function,
is the child's last; 0: none is), `poison` (the model kills), `run` (thread and id of a run to go on with, else a new
one is made). When the child is gone, a line tells how it ended. One process for all, since importing is slow.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from runs_kit import Hands, House, W, ask, eventually, functions, house, say, user

from orchestrator.server.models.door import ModelRequest
from orchestrator.server.performers.door import Call
from orchestrator.server.records import Assistant, Run
from orchestrator.server.service.runs import NewRun
from orchestrator.wire.runs import TERMINAL


class Point:
    """Counts down to the moment of death."""

    def __init__(self, left: int) -> None:
        self.left = left

    def pass_by(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class Deadly(Hands):
    """Two functions that each leave a line in a file: `once` must never do so twice, `again` may be called again."""

    def __init__(self, folder: Path, point: Point) -> None:
        super().__init__(["once", "again"], again=["again"])
        self.file = folder / "effects"
        self.point = point

    async def perform(self, assistant: Assistant, run: Run, call: Call) -> str:
        self.point.pass_by()
        with self.file.open("a") as file:
            file.write(f"{call.name} {call.id}\n")
        self.point.pass_by()
        return f"{call.name} was done"


async def live(job: dict[str, Any]) -> None:
    folder, point = Path(job["folder"]), Point(job["point"])
    async with house(folder, hands=Deadly(folder, point), start=False) as h:
        h.model.respond = _kill if job["poison"] else _respond  # type: ignore[method-assign]
        if job["run"]:
            thread, run = job["run"]
        else:
            assistant = await h.assistants.create(W, model="m", tools=functions("once", "again"))
            made = await h.runs.create_with_thread(W, NewRun(assistant_id=assistant.id), {}, (user("hi"),))
            thread, run = made.thread_id, made.id
            (folder / "accepted").write_text(f"{thread} {run}")
            point.pass_by()
        _dying(h, point)
        await h.worker.start()
        await eventually(lambda: h.runs.get(W, thread, run), lambda now: now.status in TERMINAL, seconds=30)


def _dying(h: House, point: Point) -> None:
    """Let the process die behind a write of the worker, when it is on disk, or before."""
    write = h.store.write

    async def deadly(unit: Any) -> Any:
        point.pass_by()
        done = await write(unit)
        point.pass_by()
        return done

    h.store.write = deadly  # type: ignore[method-assign]


async def _respond(request: ModelRequest) -> Any:
    done = any(m["role"] == "tool" for m in request.messages)
    for told in say("all ", 0.0, "done") if done else ask(("once", "{}"), ("again", "{}")):
        if isinstance(told, float):
            await asyncio.sleep(told)
        else:
            yield told


async def _kill(request: ModelRequest) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)
    yield


def main() -> None:
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            asyncio.run(live(job))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(status, flush=True)


if __name__ == "__main__":
    main()
