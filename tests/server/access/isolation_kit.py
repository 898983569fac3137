"""Tries every route of the map with somebody else's ids, and tells where that is noticed or does something.

What a stranger gets must be what he gets for ids that never were, and no row may change. A new route needs an entry in
`EXAMPLES`: what a request of its kind looks like, with `<name>` where an id of the world stands.
"""

import json
import re
import sqlite3
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx2
from live import Live, live_server

from orchestrator.server.access.issuing import Issuer
from orchestrator.server.access.opening import Access
from orchestrator.server.access.quota import Quota
from orchestrator.server.dialects import DIALECTS, Dialect
from orchestrator.server.routes import name, paths

_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
_TIME = re.compile(r"\b1[0-9]{9}(?:[0-9]{3})?\b")
_SLOT = re.compile(r"<([a-z_]+)>")


@dataclass(frozen=True)
class Example:
    """A request that its owner is granted. `ids`: which id of the world stands for a name in the path, if not that.

    `taken`: that an id is in use is told, for it must be unique on the whole server; nothing else is.
    """

    body: Any = None
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    ids: Mapping[str, str] = field(default_factory=dict[str, str])
    upload: bool = False
    taken: bool = False


WAITING = {"thread": "waiting_thread", "run": "waiting_run"}
BUSY = {"thread": "busy_thread", "run": "busy_run"}
HI = {"role": "user", "content": "hi"}
LIST = (Example(), Example(query={"limit": "100", "order": "asc"}))

# by the name of the verb, in an order in which the owner can do all of it
EXAMPLES: dict[str, tuple[Example, ...]] = {
    "create_assistant": (Example({"model": "m"}),),
    "list_assistants": (*LIST, Example(query={"after": "<assistant>"}), Example(query={"before": "<assistant>"})),
    "get_assistant": (Example(),),
    "update_assistant": (Example({"description": "new"}), Example({})),
    "list_assistant_files": LIST,
    "get_assistant_file": (Example(),),
    "upload_file": (Example(upload=True),),
    "list_files": (*LIST, Example(query={"page_size": "100"}), Example(query={"after": "<file>"})),
    "get_file": (Example(),),
    "get_file_content": (Example(),),
    "create_thread": (Example({"messages": [HI]}), Example({"messages": [{**HI, "FILE": "<file>"}]})),
    "list_threads": (*LIST, Example(query={"after": "<thread>"})),
    "get_thread": (Example(),),
    "update_thread": (Example({"metadata": {"a": "b"}}), Example({})),
    "create_message": (Example(HI), Example({**HI, "FILE": "<file>"})),
    "list_messages": (*LIST, Example(query={"run_id": "<run>"}), Example(query={"before": "<message>"})),
    "get_message": (Example(),),
    "update_message": (Example({"metadata": {"a": "b"}}), Example({})),
    "list_message_files": LIST,
    "get_message_file": (Example(),),
    "list_runs": (*LIST, Example(query={"after": "<run>"})),
    "list_all_runs": (
        *LIST,
        Example(query={"thread_id": "<thread>"}),
        Example(query={"assistant_id": "<assistant>"}),
        Example(query={"after": "<run>"}),
    ),
    "get_run": (Example(),),
    "update_run": (Example({"metadata": {"a": "b"}}), Example({})),
    "list_steps": (*LIST, Example(query={"after": "<step>"})),
    "get_step": (Example(),),
    "stream_run": (Example(), Example(query={"after": "1"})),
    "export_thread": (Example(),),
    "export_threads": (Example(),),
    "import_threads": (Example({"object": "thread", "id": "<thread>", "created_at": 1795420800000}, taken=True),),
    "get_usage": (Example(), Example(query={"group_by": "assistant"}), Example(query={"group_by": "day,model"})),
    "create_run": (Example({"assistant_id": "<assistant>"}), Example({"assistant_id": "<assistant>", "stream": True})),
    "create_thread_and_run": (
        Example({"assistant_id": "<assistant>", "thread": {"messages": [HI]}}),
        Example({"assistant_id": "<assistant>", "thread": {"messages": [HI]}, "stream": True}),
    ),
    "cancel_run": (Example(ids=BUSY),),
    "submit_tool_outputs": (Example({"tool_outputs": [{"tool_call_id": "<call>", "output": "1"}]}, ids=WAITING),),
    "detach_file": (Example(),),
    "attach_file": (Example({"file_id": "<file>"}),),  # any text may be attached: who did that sees it again
    "delete_message": (Example(),),
    "delete_file": (Example(),),
    "delete_thread": (Example(),),
    "delete_assistant": (Example(),),
}


@dataclass(frozen=True)
class Request:
    """An example in a dialect, with places for ids."""

    dialect: Dialect
    verb: str
    method: str
    template: str
    example: Example

    def __str__(self) -> str:
        return f"{self.dialect.name} {self.verb} {self.example.query or ''}{self.example.body or ''}"

    @cached_property
    def path(self) -> str:
        named = re.sub(r"{([a-z]+)}", lambda m: f"<{self.example.ids.get(m[1], m[1])}>", self.template)
        query = "&".join(f"{key}={value}" for key, value in self.example.query.items())
        return f"{self.dialect.base}{named}?{query}" if query else self.dialect.base + named

    @cached_property
    def text(self) -> str:
        """The body as text; files hang where the dialect has them."""
        text = json.dumps(self.example.body, sort_keys=True) if self.example.body is not None else ""
        return text.replace('"FILE": "<file>"', f'"{_attached(self.dialect)[0]}": {_attached(self.dialect)[1]}')

    @property
    def slots(self) -> list[str]:
        """Names of the ids in it."""
        return sorted(set(_SLOT.findall(self.path + self.text)))

    def filled(self, ids: Mapping[str, str]) -> "Sent":
        """Ready to be sent."""
        path, text = (_SLOT.sub(lambda m: ids[m[1]], part) for part in (self.path, self.text))
        return Sent(self.method, path, text, _upload(self.dialect) if self.example.upload else None)


@dataclass(frozen=True)
class Sent:
    method: str
    path: str
    text: str
    upload: dict[str, Any] | None = None


def requests() -> list[Request]:
    """Every example of every verb in every dialect. A verb without an example is an error."""
    found: list[Request] = []
    for dialect in DIALECTS:
        for path in paths(dialect):
            for method, verb in path.verbs.items():
                assert name(verb) in EXAMPLES, f"say in EXAMPLES what a request of {name(verb)} looks like"
                found += [Request(dialect, name(verb), method, path.template, one) for one in EXAMPLES[name(verb)]]
    order = list(EXAMPLES)
    return sorted(found, key=lambda request: order.index(request.verb))


@dataclass(frozen=True)
class Party:
    """Somebody with a key, and the ids of what is his in one dialect. `mark` stands in all that he wrote."""

    http: httpx2.Client
    workspace: str
    ids: dict[str, str]
    mark: str

    def ask(self, sent: Sent, **headers: str) -> httpx2.Response:
        if sent.upload is not None:
            return self.http.request(sent.method, sent.path, headers=headers, **sent.upload)
        return self.http.request(sent.method, sent.path, content=sent.text or None, headers=headers)

    def go_on(self, dialect: Dialect) -> None:
        """Upload another file, make another assistant and a run."""
        new = {"assistant_id": self.ids["assistant"], "thread": {"messages": [HI]}}
        for path, more in (
            ("/files", _upload(dialect, self.mark)),
            ("/assistants", {"json": {"model": "m", "name": self.mark}}),
            ("/threads/runs", {"json": new}),
        ):
            assert self.http.post(dialect.base + path, **more).status_code == 200
        self.rest()

    def rest(self) -> None:
        """Wait until no run of his is carried out."""
        deadline = time.monotonic() + 20
        while self.http.get("/api/v1/runs?status=queued,in_progress,cancelling").json()["data"]:
            assert time.monotonic() < deadline
            time.sleep(0.005)


def party(live: Live, dialect: Dialect, workspace: str, key: str) -> Party:
    """Let somebody make one of everything."""
    http = httpx2.Client(base_url=live.url, trust_env=False, timeout=20, headers={"authorization": f"Bearer {key}"})
    return Party(http, workspace, dict(_world(http, dialect, f"mark-of-{workspace}")), f"mark-of-{workspace}")


def ghosts(ids: Mapping[str, str]) -> dict[str, str]:
    """Ids of the same form that never were."""
    return {slot: _UUID.sub(lambda m: _fresh(m[0]), value) for slot, value in ids.items()}


def _fresh(old: str) -> str:
    new = uuid.uuid4()
    return str(new) if "-" in old else new.hex


@dataclass(frozen=True)
class Answer:
    """What can be told apart of an answer."""

    status: int
    headers: frozenset[str]
    text: str


def seen(answer: httpx2.Response, sent: Mapping[str, str]) -> Answer:
    """An answer without what is new in each, and with names in the place of the ids that were sent."""
    text = answer.text
    for slot, value in sent.items():
        text = text.replace(value, f"<{slot}>")
    text = _TIME.sub("TIME", _UUID.sub("UUID", text))
    return Answer(answer.status_code, frozenset(answer.headers), text)


class Rows:
    """All that a server keeps, at one moment."""

    def __init__(self, data: Path) -> None:
        with closing(sqlite3.connect(data / "server.db")) as database:
            database.row_factory = sqlite3.Row
            names = [row[0] for row in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
            self.tables = {
                table: [dict(row) for row in database.execute(f"SELECT * FROM {table}")]
                for table in sorted(names)
                if table != "keys"  # the time of last use
            }
        self.files = sorted(str(file) for file in (data / "files").rglob("*") if file.is_file())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rows) and (self.tables, self.files) == (other.tables, other.files)

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def of(self, workspace: str) -> dict[str, list[dict[str, Any]]]:
        """What belongs to a workspace."""
        runs = {row["id"] for row in self.tables["runs"] if row["workspace"] == workspace}
        return {
            table: [row for row in rows if row.get("workspace") == workspace or row.get("run_id") in runs]
            for table, rows in self.tables.items()
        }


@dataclass(frozen=True)
class Attempt:
    """The stranger's request with `foreign` of the ids the owner's, his own for the rest."""

    request: Request
    foreign: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.request} with a foreign {', '.join(self.foreign) or 'nothing'}"


def attempts(request: Request) -> Iterator[Attempt]:
    """Each id alone, and all together."""
    slots = request.slots
    for slot in slots if len(slots) > 1 else ():
        yield Attempt(request, (slot,))
    yield Attempt(request, tuple(slots))


def complaints(attempt: Attempt, owner: Party, stranger: Party, data: Path, used_key: str | None = None) -> list[str]:
    """What is wrong with the answers to one attempt. `used_key`: an Idempotency-Key that the owner has used.

    What has no ids of anybody, a list or a sum, must stay the same while the owner goes on.
    """
    keys = [{"idempotency-key": key} if used_key else {} for key in (str(uuid.uuid4()), used_key or "")]
    mine = {slot: stranger.ids[slot] for slot in attempt.request.slots}
    theirs = {slot: owner.ids[slot] for slot in attempt.foreign}
    never = ghosts(theirs)
    first = _asked(stranger, attempt.request.filled(mine | never), data, **keys[0])
    if not attempt.request.slots and attempt.request.method == "GET":
        owner.go_on(attempt.request.dialect)
    second = _asked(stranger, attempt.request.filled(mine | theirs), data, **keys[1])
    ghost, told = seen(first.answer, never), seen(second.answer, theirs)
    wrong: list[str] = []
    if told != ghost and not attempt.request.example.taken:
        wrong.append(f"{attempt}: told apart from what never was: {told} / {ghost}")
    if owner.mark in told.text or any(value in _without(second.answer.text, theirs) for value in _hidden(owner)):
        wrong.append(f"{attempt}: the answer has something of the owner: {told.text}")
    if second.before.of(owner.workspace) != second.after.of(owner.workspace):
        wrong.append(f"{attempt}: rows of the owner changed")
    if (told.status >= 400 or attempt.request.example.taken) and second.before != second.after:
        wrong.append(f"{attempt}: rows changed although it was refused")
    return wrong


@dataclass(frozen=True)
class Asked:
    """An answer, and the rows before and after it."""

    answer: httpx2.Response
    before: Rows
    after: Rows


def _asked(who: Party, sent: Sent, data: Path, **headers: str) -> Asked:
    before = Rows(data)
    return Asked(who.ask(sent, **headers), before, Rows(data))


def _hidden(owner: Party) -> list[str]:
    """Ids that the stranger must never see. He may have put a file's on a thing of his: there any text may stand."""
    return [value for slot, value in owner.ids.items() if slot != "file"]


def _without(text: str, sent: Mapping[str, str]) -> str:
    for value in sent.values():
        text = text.replace(value, "")
    return text


def _attached(dialect: Dialect) -> tuple[str, str]:
    """How a file hangs on a message: the field and its value."""
    if dialect.name == "openai":
        return "attachments", '[{"file_id": "<file>", "tools": [{"type": "code_interpreter"}]}]'
    return "file_ids", '["<file>"]'


def _upload(dialect: Dialect, named: str = "a") -> dict[str, Any]:
    field_name = "file" if dialect.name == "openai" else "files"
    return {"files": [(field_name, (f"{named}.txt", named.encode()))], "data": {"purpose": "assistants"}}


def _world(http: httpx2.Client, dialect: Dialect, mark: str) -> Iterator[tuple[str, str]]:
    """One of everything: names and ids."""

    def made(path: str, body: Any = None, **more: Any) -> Any:
        method = "GET" if body is None and not more else "POST"
        answer = http.request(method, dialect.base + path, json=body, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def resting(run: Any) -> Any:
        deadline = time.monotonic() + 20
        while run["status"] not in {"completed", "requires_action"}:
            assert time.monotonic() < deadline, run
            time.sleep(0.005)
            run = made(f"/threads/{run['thread_id']}/runs/{run['id']}")
        return run

    uploaded = made("/files", **_upload(dialect, mark))
    file = uploaded["id"] if dialect.name == "openai" else uploaded["data"]["uploaded_files"][0]["file_id"]
    resource = {"tool_resources": {"code_interpreter": {"file_ids": [file]}}}
    tools = [{"type": "code_interpreter"}, {"type": "function", "function": {"name": "f"}}]
    about = {"name": mark, "instructions": mark, "metadata": {"m": mark}, "tools": tools}
    own = resource if dialect.name == "openai" else {"file_ids": [file]}
    assistant = made("/assistants", {"model": "m", **about, **own})["id"]
    attached, value = _attached(dialect)
    message = {"role": "user", "content": mark, attached: json.loads(value.replace("<file>", file))}
    run = made("/threads/runs", {"assistant_id": assistant, "thread": {"messages": [message], "metadata": {"m": mark}}})
    run = resting(run)
    place = f"/threads/{run['thread_id']}"
    yield from {"file": file, "assistant": assistant, "thread": run["thread_id"], "run": run["id"]}.items()
    yield "message", made(f"{place}/messages?order=asc")["data"][0]["id"]
    yield "step", made(f"{place}/runs/{run['id']}/steps")["data"][0]["id"]
    call = [{"role": "user", "content": "/call f {}"}]
    for kind in ("waiting", "busy"):
        run = resting(made("/threads/runs", {"assistant_id": assistant, "thread": {"messages": call}}))
        yield f"{kind}_thread", run["thread_id"]
        yield f"{kind}_run", run["id"]
        if kind == "waiting":
            yield "call", run["required_action"]["submit_tool_outputs"]["tool_calls"][0]["id"]


@dataclass(frozen=True)
class Town:
    """A server with two parties in each dialect, who made the same things."""

    data: Path
    owners: dict[str, Party]
    strangers: dict[str, Party]

    def complaints(self, attempt: Attempt, used_key: str | None = None) -> list[str]:
        """See `complaints`."""
        spoken = attempt.request.dialect.name
        return complaints(attempt, self.owners[spoken], self.strangers[spoken], self.data, used_key)

    def ask(self, attempt: Attempt) -> None:
        """Make one attempt, whatever comes of it."""
        spoken = attempt.request.dialect.name
        owner, stranger = self.owners[spoken], self.strangers[spoken]
        stranger.ask(attempt.request.filled(stranger.ids | {slot: owner.ids[slot] for slot in attempt.foreign}))


@contextmanager
def town_of(data: Path) -> Iterator[Town]:
    """A server on a data folder, whose parties may ask as often as they like."""
    issuer = Issuer(data)
    bounds = {"per_second": 1e9, "burst": 1_000_000}
    keys = {workspace: issuer.create(workspace, bounds=bounds)[1].text for workspace in ("owner", "stranger")}
    with live_server(data, access=Access(workspace=Quota())) as live, ExitStack() as stack:
        parties = {
            workspace: {dialect.name: party(live, dialect, workspace, key) for dialect in DIALECTS}
            for workspace, key in keys.items()
        }
        for one in (*parties["owner"].values(), *parties["stranger"].values()):
            stack.callback(one.http.close)
        yield Town(data, parties["owner"], parties["stranger"])
