"""The API in both dialects against a model in memory: whatever is done in whatever order, lists, cursors, counts and
statuses are those that memory has; and after a restart they still are.
"""

import itertools
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from live import live_server
from memory import FACES, MARK, RESTS, Conversation, Face, Thing, common, page, there

FACE = st.sampled_from(FACES)
WORD = st.text("abcdefgh ", min_size=1, max_size=8).filter(str.strip)
METADATA = st.dictionaries(WORD, WORD, max_size=2)
PLACE = st.integers(0, 99)
LOOK = {"type": "function", "function": {"name": "look"}}
WORKSPACES = (f"ws-{number}" for number in itertools.count())


class House:
    """One server for all examples, each of which has a workspace of its own; it can be started anew."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.start()

    def start(self) -> None:
        self._stack = ExitStack()
        live = self._stack.enter_context(live_server(self.folder))
        self.http = self._stack.enter_context(httpx2.Client(base_url=live.url, trust_env=False, timeout=30))

    def restart(self) -> None:
        self._stack.close()
        self.start()

    def close(self) -> None:
        self._stack.close()
        shutil.rmtree(self.folder)


class Machine(RuleBasedStateMachine):
    house: House

    @initialize()
    def begin(self) -> None:
        self.workspace = next(WORKSPACES)
        self.assistants: list[Thing] = []
        self.threads: list[Conversation] = []
        self.restarted = False

    # --- asking

    def ask(self, face: Face, method: str, path: str, body: Any = None, **query: Any) -> httpx2.Response:
        more = {} if body is None else {"json": body}
        return face.ask(self.house.http, self.workspace, method, path, params=query, **more)

    def done(self, *request: Any) -> dict[str, Any]:
        answer = self.ask(*request)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def gone(self, *request: Any) -> None:
        answer = self.ask(*request)
        assert answer.status_code == request[0].gone, answer.text
        assert "does not exist" in answer.text

    def refused(self, *request: Any, word: str) -> None:
        answer = self.ask(*request)
        assert answer.status_code == 400, answer.text
        assert word in answer.text

    # --- assistants

    @rule(face=FACE, name=WORD, metadata=METADATA)
    def create_assistant(self, face: Face, name: str, metadata: dict[str, str]) -> None:
        made = self.done(face, "POST", "/assistants", {"model": "m", "name": name, "metadata": metadata})
        self.assistants.append(Thing(made["id"], {"name": name, "metadata": metadata}))

    @precondition(lambda self: self.assistants)
    @rule(face=FACE, place=PLACE, changes=st.fixed_dictionaries({}, optional={"name": WORD, "metadata": METADATA}))
    def update_assistant(self, face: Face, place: int, changes: dict[str, Any]) -> None:
        thing = self.assistants[place % len(self.assistants)]
        if thing.deleted:
            self.gone(face, "POST", f"/assistants/{thing.id}", changes)
            return
        shown = self.done(face, "POST", f"/assistants/{thing.id}", changes)
        thing.fields.update(changes)
        assert {name: shown[name] for name in thing.fields} == thing.fields

    @precondition(lambda self: self.assistants)
    @rule(face=FACE, place=PLACE)
    def delete_assistant(self, face: Face, place: int) -> None:
        thing = self.assistants[place % len(self.assistants)]
        if thing.deleted:
            self.gone(face, "DELETE", f"/assistants/{thing.id}")
        else:
            assert self.done(face, "DELETE", f"/assistants/{thing.id}")["deleted"] is True
            thing.deleted = True

    # --- threads and messages

    @rule(face=FACE, texts=st.lists(WORD, max_size=3), metadata=METADATA)
    def create_thread(self, face: Face, texts: list[str], metadata: dict[str, str]) -> None:
        messages = [{"role": "user", "content": text} for text in texts]
        made = self.done(face, "POST", "/threads", {"messages": messages, "metadata": metadata})
        thread = Conversation(made["id"], {"metadata": metadata})
        self.threads.append(thread)
        for shown in self.everything(face, f"/threads/{thread.id}/messages"):
            thread.messages.append(Thing(common(shown["id"]), {"text": text_of(shown), "role": shown["role"]}))
        assert [message.fields["text"] for message in thread.messages] == texts

    def thread(self, place: int) -> Conversation:
        return self.threads[place % len(self.threads)]

    @precondition(lambda self: self.threads)
    @rule(face=FACE, place=PLACE, metadata=METADATA)
    def update_thread(self, face: Face, place: int, metadata: dict[str, str]) -> None:
        thread = self.thread(place)
        if thread.deleted:
            self.gone(face, "POST", f"/threads/{thread.id}", {"metadata": metadata})
            return
        assert self.done(face, "POST", f"/threads/{thread.id}", {"metadata": metadata})["metadata"] == metadata
        thread.fields["metadata"] = metadata

    @precondition(lambda self: len(self.threads) > 2)
    @rule(face=FACE, place=PLACE)
    def delete_thread(self, face: Face, place: int) -> None:
        thread = self.thread(place)
        if thread.deleted:
            self.gone(face, "DELETE", f"/threads/{thread.id}")
            return
        assert self.done(face, "DELETE", f"/threads/{thread.id}")["deleted"] is True
        thread.deleted = True
        if thread.busy is not None:
            thread.busy.fields["status"] = "cancelled"

    @precondition(lambda self: self.threads)
    @rule(face=FACE, place=PLACE, text=WORD, role=st.sampled_from(["user", "assistant"]))
    def add_message(self, face: Face, place: int, text: str, role: str) -> None:
        thread = self.thread(place)
        request = (face, "POST", f"/threads/{thread.id}/messages", {"role": role, "content": text})
        if thread.deleted:
            self.gone(*request)
        elif thread.busy is not None:
            self.refused(*request, word=thread.busy.id)
        else:
            thread.messages.append(Thing(common(self.done(*request)["id"]), {"text": text, "role": role}))

    @precondition(lambda self: any(thread.messages for thread in self.threads))
    @rule(face=FACE, place=PLACE, which=PLACE)
    def delete_message(self, face: Face, place: int, which: int) -> None:
        thread = [thread for thread in self.threads if thread.messages][
            place % sum(bool(t.messages) for t in self.threads)
        ]
        message = thread.messages[which % len(thread.messages)]
        request = (face, "DELETE", f"/threads/{thread.id}/messages/{face.id(message.id)}")
        if not thread.deleted and thread.busy is not None:
            self.refused(*request, word=thread.busy.id)
        elif thread.deleted or message.deleted:
            self.gone(*request)
        else:
            assert self.done(*request)["deleted"] is True
            message.deleted = True

    # --- runs

    @precondition(lambda self: self.threads and self.assistants)
    @rule(face=FACE, place=PLACE, which=PLACE, word=WORD, kind=st.sampled_from(["", "", "/fail ", "/call look "]))
    def run(self, face: Face, place: int, which: int, word: str, kind: str) -> None:
        thread, assistant = self.thread(place), self.assistants[which % len(self.assistants)]
        text = kind + ("{}" if kind == "/call look " else word)
        body = {
            "assistant_id": assistant.id,
            "additional_messages": [{"role": "user", "content": text}],
            "tools": [LOOK],
        }
        request = (face, "POST", f"/threads/{thread.id}/runs", body)
        if thread.deleted or assistant.deleted:
            self.gone(*request)
        elif thread.busy is not None:
            self.refused(*request, word=thread.busy.id)
        else:
            self._carried_out(face, thread, self.done(*request), text, word, kind)

    def _carried_out(  # noqa: PLR0917
        self, face: Face, thread: Conversation, made: dict[str, Any], text: str, word: str, kind: str
    ) -> None:
        run = self.rested(face, thread, made["id"])
        wanted = {"": "completed", "/fail ": "failed", "/call look ": "requires_action"}[kind]
        assert run["status"] == wanted, run
        thread.runs.append(Thing(run["id"], {"status": wanted}))
        self.heard(face, thread, [("user", text), *([("assistant", MARK + word)] if not kind else [])])

    def rested(self, face: Face, thread: Conversation, run_id: str) -> dict[str, Any]:
        """The run when it is over or waits."""
        while True:
            run = self.done(face, "GET", f"/threads/{thread.id}/runs/{run_id}")
            if run["status"] in RESTS:
                return run

    def heard(self, face: Face, thread: Conversation, news: list[tuple[str, str]]) -> None:
        """The newest messages of a thread are these, and now known."""
        shown = self.everything(face, f"/threads/{thread.id}/messages")[len(there(thread.messages)) :]
        assert [(message["role"], text_of(message)) for message in shown] == news
        for message in shown:
            known = {"text": text_of(message), "role": message["role"]}
            thread.messages.append(Thing(common(message["id"]), known))

    def waiting(self) -> list[Conversation]:
        return [thread for thread in self.threads if thread.busy and not thread.deleted]

    @precondition(lambda self: self.waiting())
    @rule(face=FACE, place=PLACE, word=WORD)
    def submit(self, face: Face, place: int, word: str) -> None:
        thread = self.waiting()[place % len(self.waiting())]
        run = thread.busy
        assert run is not None
        path = f"/threads/{thread.id}/runs/{run.id}"
        action = self.done(face, "GET", path)["required_action"]
        outputs = [{"tool_call_id": c["id"], "output": word} for c in action["submit_tool_outputs"]["tool_calls"]]
        self.done(face, "POST", f"{path}/submit_tool_outputs", {"tool_outputs": outputs})
        assert self.rested(face, thread, run.id)["status"] == "completed"
        run.fields["status"] = "completed"
        self.heard(face, thread, [("assistant", MARK + word)])

    @precondition(lambda self: any(thread.runs for thread in there(self.threads)))
    @rule(face=FACE, place=PLACE, which=PLACE)
    def cancel(self, face: Face, place: int, which: int) -> None:
        threads = [thread for thread in there(self.threads) if thread.runs]
        thread = threads[place % len(threads)]
        run = thread.runs[which % len(thread.runs)]
        request = (face, "POST", f"/threads/{thread.id}/runs/{run.id}/cancel")
        if run.fields["status"] in ("completed", "failed"):
            self.refused(*request, word="Cannot cancel")
        else:
            assert self.done(*request)["status"] == "cancelled"
            run.fields["status"] = "cancelled"

    # --- looking

    def everything(self, face: Face, path: str) -> list[dict[str, Any]]:
        """A whole list, oldest first, page by page."""
        found: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            answer = self.ask(face, "GET", path, None, limit=3, order="asc", **cursor)
            assert answer.status_code == 200, answer.text
            listed = answer.json()
            found += listed["data"]
            if not listed["has_more"]:
                return found
            cursor = {"after": listed["last_id"]}

    def lists(self) -> list[tuple[str, list[Thing]]]:
        threads = there(self.threads)
        return [
            ("/assistants", self.assistants),
            ("/threads", list(self.threads)),
            *((f"/threads/{thread.id}/messages", thread.messages) for thread in threads),
            *((f"/threads/{thread.id}/runs", thread.runs) for thread in threads),
        ]

    @rule(
        face=FACE,
        place=PLACE,
        after=st.none() | PLACE,
        before=st.none() | PLACE,
        limit=st.integers(1, 4),
        down=st.booleans(),
    )
    def look(self, face: Face, place: int, after: int | None, before: int | None, limit: int, down: bool) -> None:  # noqa: PLR0917
        path, things = self.lists()[place % len(self.lists())]
        after, before = (None if at is None or not things else at % len(things) for at in (after, before))
        cursors = {"after": after, "before": before}
        named = {word: face.id(things[at].id) for word, at in cursors.items() if at is not None}
        answer = self.ask(face, "GET", path, None, limit=limit, order="desc" if down else "asc", **named)
        assert answer.status_code == 200, answer.text
        listed = answer.json()
        shown = [common(item["id"]) for item in listed["data"]]
        assert (shown, listed["has_more"]) == page(things, descending=down, limit=limit, **cursors)
        ends = [listed["first_id"], listed["last_id"]]
        assert ends == ([listed["data"][0]["id"], listed["data"][-1]["id"]] if shown else [None, None])

    @precondition(lambda self: self.threads and not self.restarted)
    @rule()
    def restart(self) -> None:
        self.house.restart()
        self.restarted = True

    @invariant()
    def statuses_agree(self) -> None:
        """One look at all runs of the workspace, through the dialect whose turn it is."""
        face = FACES[sum(map(len, (self.assistants, self.threads))) % 2]
        runs = [run for thread in there(self.threads) for run in thread.runs]
        shown = {run["id"]: run["status"] for run in self.everything(face, "/runs")}
        assert shown == {run.id: run.fields["status"] for run in runs}

    def teardown(self) -> None:
        """In the end both dialects tell the same of everything."""
        if not hasattr(self, "threads"):
            return
        for face in FACES:
            for path, things in self.lists():
                assert [common(item["id"]) for item in self.everything(face, path)] == [t.id for t in there(things)]
            for thread in there(self.threads):
                assert isinstance(thread, Conversation)
                told = [(m["role"], text_of(m)) for m in self.everything(face, f"/threads/{thread.id}/messages")]
                assert told == [(m.fields["role"], m.fields["text"]) for m in there(thread.messages)]
                assert self.done(face, "GET", f"/threads/{thread.id}")["metadata"] == thread.fields["metadata"]
            for assistant in there(self.assistants):
                shown = self.done(face, "GET", f"/assistants/{assistant.id}")
                assert {name: shown[name] for name in assistant.fields} == assistant.fields


def text_of(message: dict[str, Any]) -> str:
    return "".join(part["text"]["value"] for part in message["content"])


def test_both_dialects_agree_with_memory() -> None:
    house = House()
    try:
        machine: Callable[[], Machine] = type("Rooms", (Machine,), {"house": house})
        run = machine.TestCase  # type: ignore[attr-defined]
        phases = (Phase.explicit, Phase.reuse, Phase.generate)  # to shrink a failure takes minutes
        run.settings = settings(max_examples=30, stateful_step_count=30, deadline=None, phases=phases)
        run().runTest()
    finally:
        house.close()
