"""What a model is told of a long conversation: laws of the cut, and what runs make of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import get_ident
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runs_kit import Hands, House, W, ask, house, say, user

from orchestrator.server import turns
from orchestrator.server.context import CONTEXT_TOKENS, Conversation, Line, Room, Scale, TooLong, fit, room
from orchestrator.server.ids import new_id
from orchestrator.server.performers.door import Call, Limits
from orchestrator.server.records import Assistant, Json, Message, Run, Step
from orchestrator.server.service.runs import NewRun
from orchestrator.server.store import rows, runs
from orchestrator.server.store.door import Row, Tx
from orchestrator.server.tokens import Counts, most
from orchestrator.server.tokens.qwen import Qwen
from orchestrator.tools import Offer
from orchestrator.wire.estimate import Estimate

RUN = Run(
    id="r", workspace="w", thread_id="t", assistant_id="a", created_at=0, status="in_progress", epoch=1, model="m"
)


def scale() -> Scale:
    return Scale(Estimate().count)


def made(rounds: list[list[str]]) -> list[Json]:
    """What a run did: rounds of calls with these outputs, each with a text before it."""
    ids = count()
    steps: list[Step] = []
    for outputs in rounds:
        rows = tuple(
            {"id": f"c{next(ids)}", "type": "function", "name": "f", "arguments": '{"a": 1}', "output": output}
            for output in outputs
        )
        step = {"workspace": "w", "thread_id": "t", "run_id": "r", "assistant_id": "a", "created_at": 0}
        steps.append(Step(id="s", type="tool_calls", status="completed", calls=rows, **step))  # type: ignore[arg-type]
    return list(turns.done(steps, {}))


TEXTS = st.text(max_size=20) | st.integers(1, 400).map(lambda n: "word " * n)
CONVERSATIONS = st.builds(
    Conversation,
    instructions=st.none() | TEXTS,
    offers=st.lists(st.just(Offer(name="f", description="d", parameters={"type": "object"})), max_size=2),
    history=st.lists(st.tuples(st.sampled_from(["user", "assistant"]), TEXTS), max_size=12).map(
        lambda said: [Line(f"m{n}", {"role": role, "content": text}) for n, (role, text) in enumerate(said)]
    ),
    done=st.lists(st.lists(TEXTS, min_size=1, max_size=3), max_size=4).map(made),
)
ROOMS = st.builds(Room, tokens=st.integers(50, 3000), why=st.just("why"), wished=st.none() | st.integers(0, 1000))


def weight(conversation: Conversation, told: Sequence[Mapping[str, Any]]) -> int:
    own = [message for message in told if message["role"] != "system"]
    return scale().frame(conversation) + sum(map(scale().message, own))


def parts(conversation: Conversation, told: Sequence[Mapping[str, Any]]) -> tuple[list[Any], list[Any], list[Any]]:
    """The system's message, the thread's, the run's."""
    first = 1 if conversation.instructions else 0
    last = len(told) - len(conversation.done)
    return list(told[:first]), list(told[first:last]), list(told[last:])


@given(CONVERSATIONS, ROOMS)
@settings(max_examples=400, deadline=None)
def test_what_is_told_keeps_every_law(conversation: Conversation, room: Room) -> None:
    try:
        told = fit(conversation, room, scale())
    except TooLong:
        return
    system, history, done = parts(conversation, told)
    assert weight(conversation, told) <= room.tokens
    assert [m["content"] for m in system] == ([conversation.instructions] if conversation.instructions else [])
    lines = [line.told for line in conversation.history]
    newest = next((line for line in reversed(lines) if line["role"] == "user"), None)
    assert newest is None or newest in history
    kept = [line for line in history if line is not newest]
    older = [line for line in lines if line is not newest]
    assert kept == older[len(older) - len(kept) :]  # the newest, without gaps, in order
    assert history == [line for line in lines if any(line is one for one in history)]
    assert [m["role"] for m in done] == [m["role"] for m in conversation.done]
    for before, after in zip(conversation.done, done, strict=True):
        assert {**before, "content": None} == {**after, "content": None}
        assert after["content"] == before["content"] or " characters left out]" in after["content"]
    calls = [call["id"] for m in done for call in m.get("tool_calls", ())]
    assert calls == [m["tool_call_id"] for m in done if m["role"] == "tool"]
    assert told == fit(conversation, room, scale())


@given(CONVERSATIONS, ROOMS)
@settings(max_examples=300, deadline=None)
def test_as_much_is_told_as_there_is_room_for(conversation: Conversation, room: Room) -> None:
    try:
        told = fit(conversation, room, scale())
    except TooLong:
        return
    _, history, _ = parts(conversation, told)
    left_out = [line for line in conversation.history if not any(line.told is one for one in history)]
    if left_out:
        assert weight(conversation, told) + scale().line(left_out[-1]) > room.narrow
    if any(" characters left out]" in (m["content"] or "") for m in told if m["role"] == "tool"):
        whole = replace(conversation, history=[line for line in conversation.history if line.from_user][-1:])
        assert scale().whole(whole) > room.tokens


@given(CONVERSATIONS, ROOMS)
@settings(max_examples=300, deadline=None)
def test_a_conversation_is_refused_only_when_its_core_cannot_fit(conversation: Conversation, room: Room) -> None:
    core = replace(
        conversation,
        history=[line for line in conversation.history if line.from_user][-1:],
        done=[
            {**m, "content": "[shortened: 2000 of 2000 characters left out]"} if m["role"] == "tool" else m
            for m in conversation.done
        ],
    )
    if scale().whole(core) <= room.tokens:
        fit(conversation, room, scale())


@given(CONVERSATIONS)
def test_bytes_never_weigh_less_than_tokens(conversation: Conversation) -> None:
    assert scale().whole(conversation) <= Scale(most).whole(conversation)


def test_outputs_are_shortened_oldest_first_and_say_so() -> None:
    old, new = "old " * 2000, "new " * 2000
    conversation = Conversation(instructions=None, offers=[], history=[], done=made([[old], [new]]))
    told = fit(conversation, Room(tokens=3500, why=""), scale())
    outputs = [m["content"] for m in told if m["role"] == "tool"]
    assert outputs[0].startswith("old old ")
    assert outputs[0].endswith(" of 8000 characters left out]")
    assert outputs[1] == new


@pytest.mark.parametrize(
    ("instructions", "history", "rounds", "words"),
    [
        ("word " * 900, "hi", [], "The instructions and tools have 9"),
        ("brief", "word " * 900, [], "The newest user message has 9"),
        ("brief", "hi", [["out"] * 60] * 3, "their outputs shortened"),
    ],
)
def test_what_does_not_fit_says_how_much_there_is_room_for(
    instructions: str, history: str, rounds: list[list[str]], words: str
) -> None:
    lines = [Line("m", {"role": "user", "content": history})]
    conversation = Conversation(instructions=instructions, offers=[], history=lines, done=made(rounds))
    bounds = room(replace(RUN, settings={"max_tokens": 100}), 800, {})
    with pytest.raises(TooLong, match=words) as refused:
        fit(conversation, bounds, scale())
    assert "the model 'm' takes 800, of which 100 are kept for its answer" in str(refused.value)


@pytest.mark.parametrize(
    ("takes", "given", "left", "tokens"),
    [
        (None, {}, {}, CONTEXT_TOKENS - 2048),
        (4096, {}, {}, 3072),
        (8192, {"max_tokens": 1000}, {}, 7192),
        (8192, {"max_tokens": 100_000}, {}, 4096),
        (8192, {}, {"max_completion_tokens": 300}, 7892),
        (8192, {"max_tokens": 200}, {"max_completion_tokens": 300}, 7992),
    ],
)
def test_room_is_what_the_model_takes_less_its_answer(
    takes: int | None, given: dict[str, int], left: dict[str, int], tokens: int
) -> None:
    assert room(replace(RUN, settings=given), takes, left).tokens == tokens


# --- in runs


def fill(tx: Tx, thread_id: str, texts: Iterable[str], roles: Sequence[str] = ("user",)) -> None:
    """Add messages without asking whether that many may be added."""
    for n, text in enumerate(texts):
        content = user(text).content
        role = roles[n % len(roles)]
        message = Message(
            id=new_id("message"), workspace=W, thread_id=thread_id, created_at=n, role=role, content=content
        )
        rows.insert(tx, "messages", message)


async def talk(h: House, messages: int, text: str = "one two three", **new: Any) -> tuple[Run, Sequence[Any]]:
    """A run after so many messages of a thread; what its model was told."""
    assistant = await h.assistants.create(W, model="m", instructions="Be brief.")
    thread = await h.threads.create(W)
    await h.store.write(lambda tx: fill(tx, thread.id, [f"{n} {text}" for n in range(messages)]))
    run = await h.runs.create(W, thread.id, NewRun(assistant_id=assistant.id, **new))
    await h.told(run)
    return await h.get(run), h.model.requests[-1].messages if h.model.requests else ()


async def test_a_short_conversation_is_told_whole(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        _, told = await talk(h, 120)
        assert [m["content"] for m in told] == ["Be brief.", *[f"{n} one two three" for n in range(120)]]


async def test_a_long_one_is_cut_to_the_context_of_the_model(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.model.takes = 1200
        run, told = await talk(h, 200)
        assert run.status == "completed"
        assert told[0]["content"] == "Be brief."
        assert [m["content"] for m in told[1:]] == [f"{n} one two three" for n in range(201 - len(told), 200)]
        assert 20 < len(told) < 100


async def test_a_message_that_cannot_fit_fails_the_run_and_says_why(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.model.takes = 1000
        run, told = await talk(h, 1, "word " * 2000)
        assert (run.status, told) == ("failed", ())
        assert run.last_error is not None
        assert run.last_error["code"] == "invalid_prompt"
        assert run.last_error["message"].startswith("The newest user message has ")
        assert run.last_error["message"].endswith("the model 'm' takes 1000, of which 250 are kept for its answer.")


async def test_max_prompt_tokens_narrow_what_is_told(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        wide = await talk(h, 100)
        narrow = await talk(h, 100, options={"max_prompt_tokens": 300})
        assert len(narrow[1]) < len(wide[1]) == 101
        assert narrow[1][-1] == wide[1][-1]


async def test_a_run_whose_outputs_outgrow_the_model_goes_on_with_shorter_ones(tmp_path: Path) -> None:
    class Wordy(Hands):
        async def perform(self, assistant: Assistant, run: Run, call: Call) -> str:
            return f"output of {call.arguments} " + "word " * 600

    turns = [ask(("f", f'{{"n": {n}}}')) for n in range(4)]
    async with house(tmp_path, *turns, say("so"), hands=Wordy(["f"])) as h:
        h.model.takes = 2000
        run = await h.run(tools=["f"])
        assert (await h.names(run))[-1] == "run.completed"
        last = h.model.requests[-1].messages
        outputs = [m["content"] for m in last if m["role"] == "tool"]
        assert ["left out]" in output for output in outputs] == [True, True, True, False]
        assert outputs[0].startswith(("output of", "[shortened"))
        assert "hi" in [m["content"] for m in last]
        kept = (await h.store.read(lambda tx: runs.steps(tx, run.id)))[0].calls[0]["output"]
        assert len(kept) > 3000  # the run's own record is whole


async def test_a_run_whose_calls_alone_outgrow_the_model_fails(tmp_path: Path) -> None:
    turns = [ask(("f", f'{{"n": {n}, "text": "{"word " * 100}"}}')) for n in range(9)]
    async with house(tmp_path, *turns, hands=Hands(["f"])) as h:
        h.model.takes = 1000
        run = await h.run(tools=["f"])
        assert (await h.names(run))[-1] == "run.failed"
        assert "The calls of this run have" in ((await h.get(run)).last_error or {})["message"]


async def test_the_newest_user_message_is_told_however_old_it_is(tmp_path: Path) -> None:
    async with house(tmp_path, limits=Limits(context_messages=2)) as h:
        assistant = await h.assistants.create(W, model="m")
        said = [user("old"), user("question"), *[replace(user(f"a{n}"), role="assistant") for n in range(60)]]
        run = await h.runs.create_with_thread(W, NewRun(assistant_id=assistant.id), {}, said)
        await h.told(run)
        assert [m["content"] for m in h.model.requests[0].messages] == ["question", "a58", "a59"]


class Spy:
    """Counts what a unit reads."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self.queries = self.read = 0

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> list[Row]:
        found = self._tx.rows(sql, values)
        self.queries += 1
        self.read += len(found)
        return found


async def test_of_a_thread_of_fifty_thousand_messages_only_the_newest_are_read_and_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []
    count_text = Estimate.count

    def counting(self: Estimate, text: str) -> int:
        counted.append(text)
        return count_text(self, text)

    monkeypatch.setattr(Estimate, "count", counting)
    async with house(tmp_path) as h:
        h.model.takes = 4000
        assistant = await h.assistants.create(W, model="m")
        thread = await h.threads.create(W)
        texts = [f"{n} one two three" for n in range(50_000)]
        await h.store.write(lambda tx: fill(tx, thread.id, texts, ("user", "assistant")))
        for turn in range(3):
            run = await h.runs.create(W, thread.id, NewRun(assistant_id=assistant.id))
            await h.told(run)
            told = h.model.requests[-1].messages
            assert 150 < len(told) < 400
            assert len(counted) < (600 if turn == 0 else 4)
            counted.clear()

        def look(tx: Tx) -> tuple[int, int]:
            spy = Spy(tx)
            runs.history(spy, thread.id, "r", 1000, 8 * 3000)  # type: ignore[arg-type]
            return spy.queries, spy.read

        queries, read = await h.store.read(look)
    assert read < 1050
    assert queries <= 21


def test_remembered_counts_are_bounded() -> None:
    counts = Counts(size=100)
    for n in range(1000):
        counts.put(("t", str(n)), n)
    assert counts.get(("t", "999")) == 999
    assert counts.get(("t", "0")) is None
    assert len(counts._known) <= 100


async def test_a_real_tokenizer_counts_off_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[int] = set()
    count_text = Qwen.count

    def counting(self: Qwen, text: str) -> int:
        threads.add(get_ident())
        return count_text(self, text)

    monkeypatch.setattr(Qwen, "count", counting)
    async with house(tmp_path) as h:
        h.model.takes = 3000
        assistant = await h.assistants.create(W, model="qwen-plus")
        thread = await h.threads.create(W)
        texts = [f"{n} " + "今天天气很好，我们去公园玩吧。" * 4 for n in range(300)]
        await h.store.write(lambda tx: fill(tx, thread.id, texts))
        run = await h.runs.create(W, thread.id, NewRun(assistant_id=assistant.id))
        await h.told(run)
        assert 30 < len(h.model.requests[0].messages) < 80
        assert threads
        assert get_ident() not in threads
