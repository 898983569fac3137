"""What tests of every dialect share: a client per dialect, streams as frames, and errors whatever their envelope."""

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from live import Live

from orchestrator.server.dialects import DIALECTS

BASES = [dialect.base for dialect in DIALECTS]
ENDS = {"completed", "failed", "cancelled", "expired", "incomplete", "requires_action"}


@dataclass(frozen=True)
class Frame:
    """A server-sent event; `id` 0: it has none."""

    event: str
    id: int
    data: str

    @property
    def told(self) -> tuple[str, int, Any]:
        """What it tells, without the id of the request that asked."""
        return self.event, self.id, {k: v for k, v in json.loads(self.data).items() if k != "request_id"}


def frames(lines: Iterable[str]) -> Iterator[Frame]:
    """The frames of a stream, by the rules of server-sent events; comments are skipped."""
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if not line and fields:
            yield Frame(fields.get("event", ""), int(fields.get("id", 0)), fields.get("data", ""))
            fields = {}
        elif name:
            fields[name] = value.removeprefix(" ")


@contextmanager
def client(live: Live, base: str, **headers: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=live.url + base, trust_env=False, timeout=20, headers=headers) as http:
        yield http


def made(answer: httpx2.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return answer.json()


def error(answer: httpx2.Response) -> dict[str, Any]:
    """The facts of a refusal, in either envelope."""
    assert answer.status_code >= 400, answer.text
    body = answer.json()
    return body.get("error", body)


def stream(http: httpx2.Client, method: str, path: str, body: Any = None, **headers: str) -> list[Frame]:
    """A whole stream."""
    with http.stream(method, path, json=body, headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        return list(frames(answer.iter_lines()))


def run_body(http: httpx2.Client, text: str, *functions: str, **fields: Any) -> dict[str, Any]:
    """A new assistant, and what starts a run of it on a new thread."""
    tools = [{"type": "function", "function": {"name": name}} for name in functions]
    assistant = made(http.post("/assistants", json={"model": "m", "tools": tools}))["id"]
    return {"assistant_id": assistant, "thread": {"messages": [{"role": "user", "content": text}]}, **fields}


def start(http: httpx2.Client, text: str, *functions: str) -> dict[str, Any]:
    """A run on a new thread."""
    return made(http.post("/threads/runs", json=run_body(http, text, *functions)))


def place(run: dict[str, Any]) -> str:
    return f"/threads/{run['thread_id']}/runs/{run['id']}"


def until(http: httpx2.Client, run: dict[str, Any], *statuses: str) -> dict[str, Any]:
    """The run when it has one of these statuses; without any, when it rests."""
    deadline = time.monotonic() + 20
    while (now := made(http.get(place(run))))["status"] not in (statuses or ENDS):
        assert time.monotonic() < deadline, now
        time.sleep(0.01)
    return now
