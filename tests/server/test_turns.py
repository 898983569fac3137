"""What a model is told of a thread and a run, and who answers its calls."""

from dataclasses import replace

import pytest

from orchestrator.server import turns
from orchestrator.server.context import told_first
from orchestrator.server.performers.door import Call, Limits
from orchestrator.server.records import Message, Run, Step

RUN = Run(
    id="r", workspace="w", thread_id="t", assistant_id="a", created_at=0, status="in_progress", epoch=1, model="m"
)


def message(text: str, role: str = "user") -> Message:
    part = {"type": "text", "text": {"value": text, "annotations": []}}
    return Message(id=text, workspace="w", thread_id="t", created_at=0, role=role, content=(part,))


def step(kind: str, **fields: object) -> Step:
    base = Step(
        id="s",
        workspace="w",
        thread_id="t",
        run_id="r",
        assistant_id="a",
        created_at=0,
        type=kind,
        status="completed",
    )
    return replace(base, **fields)  # type: ignore[arg-type]


def call(id: str = "c", name: str = "f", arguments: str = "{}", kind: str = "function") -> Call:
    return Call(id=id, type=kind, name=name, arguments=arguments)


def row(id: str, output: str | None = None, name: str = "f") -> dict[str, str | None]:
    return {"id": id, "type": "function", "name": name, "arguments": "{}", "output": output, "state": "done"}


TOOLS = ({"type": "function", "function": {"name": "f"}}, {"type": "search"}, {"type": "rag"}, {"type": "tp_9"})


def test_instructions_come_first_then_history_then_what_the_run_did() -> None:
    run = replace(RUN, instructions="I", tools=TOOLS)
    steps = [
        step("message_creation", message_id="m0", status="failed"),
        step("message_creation", message_id="m1"),
        step("tool_calls", calls=(row("c1", "o1"), row("c2", "o2"))),
    ]
    texts = {"m0": "ha", "m1": "see"}
    told = [*told_first(run.instructions), turns.told(message("hi"), {}), *turns.done(steps, texts)]
    request = turns.request(run, told, steps)
    roles = [m["role"] for m in request.messages]
    assert roles == ["system", "user", "assistant", "tool", "tool"]
    assert request.messages[2]["content"] == "see"
    assert [c["id"] for c in request.messages[2]["tool_calls"]] == ["c1", "c2"]
    assert [offer.name for offer in request.offers] == ["f", "search"]


@pytest.mark.parametrize(
    ("strategy", "bound", "count"),
    [
        (None, None, turns.HISTORY),
        (None, 7, 7),
        ({"type": "last_messages", "last_messages": 3}, None, 3),
        ({"type": "last_messages"}, None, 10),
        ({"type": "last_messages", "last_messages": 30}, 7, 7),
        ({"type": "last_messages", "last_messages": 0}, None, 1),
        ({"type": "auto"}, None, turns.HISTORY),
    ],
)
def test_how_much_is_told(strategy: object, bound: int | None, count: int) -> None:
    run = replace(RUN, options={"truncation_strategy": strategy})
    assert turns.span(run, Limits(context_messages=bound)) == count


def test_a_forced_call_is_forced_once() -> None:
    run = replace(RUN, options={"tool_choice": "required", "truncation_strategy": {"type": "auto"}})
    assert turns.request(run, [], []).options == {"tool_choice": "required"}
    assert turns.request(run, [], [step("tool_calls")]).options == {"tool_choice": "auto"}


def test_ids_of_calls_are_unique_in_the_run() -> None:
    fresh = iter(["n1", "n2"])
    made = turns.calls([call("c"), call("c"), call("")], {}, {"x"}, lambda: next(fresh))
    assert [c.id for c in made] == ["c", "n1", "n2"]


def test_older_names_keep_their_type() -> None:
    tools = turns.offered(replace(RUN, tools=TOOLS))
    made = turns.calls([call(name="search", arguments=" ")], tools, set(), lambda: "n")
    assert (made[0].type, made[0].arguments) == ("search", "{}")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (call(name="g"), "Known functions: f, search."),
        (call(arguments="{"), "not JSON"),
        (call(arguments="[]"), "object"),
    ],
)
def test_a_wrong_call_is_explained(wrong: Call, words: str) -> None:
    tools = turns.offered(replace(RUN, tools=TOOLS))
    assert words in (turns.complaint(wrong, tools) or "")
    assert turns.complaint(call(), tools) is None


def test_a_wrong_call_counts_once_per_round() -> None:
    steps = [step("tool_calls", calls=(row("1", "e", "g"), row("2", "e", "g"), row("3", "e", "g")))]
    assert turns.hopeless(steps, {}) is None
    assert "'g'" in (turns.hopeless(steps * 3, {}) or "")


def test_who_answers() -> None:
    assert turns.whose(call(), performed=True) == "server"
    assert turns.whose(call(), performed=False) == "client"
    assert turns.whose(call(kind="calculator"), performed=False) == "nobody"


def test_a_part_that_is_no_text_is_named() -> None:
    shown = replace(message("look"), content=({"type": "image_file", "image_file": {"file_id": "file_1"}},))
    assert turns.content(shown) == "[image_file: file_1]"


def test_a_strict_function_is_offered_as_one() -> None:
    tools = [{"type": "function", "function": {"name": "f", **more}} for more in ({"strict": True}, {"strict": 1}, {})]
    assert [turns.offered(replace(RUN, tools=(tool,)))["f"].offer.strict for tool in tools] == [True, None, None]
