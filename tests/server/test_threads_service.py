"""Threads and messages: in order, closed while a run is active, hidden once deleted."""

import pytest

from orchestrator.server.ids import Clock
from orchestrator.server.records import Page, Run, Thread
from orchestrator.server.service.threads import NewMessage, Threads
from orchestrator.server.store import rows
from orchestrator.server.store import threads as table
from orchestrator.server.store.door import Tx
from orchestrator.server.store.sqlite import SqliteStore
from orchestrator.wire.faults import EMPTY_MESSAGES, MISSING, Fault
from orchestrator.wire.runs import ACTIVE, TERMINAL

ASCENDING = Page(descending=False)


def says(text: str, **more: object) -> NewMessage:
    content = ({"type": "text", "text": {"value": text, "annotations": []}},)
    return NewMessage(role="user", content=content, **more)  # type: ignore[arg-type]


@pytest.fixture
def threads(store: SqliteStore, clock: Clock) -> Threads:
    return Threads(store, clock)


async def refusal(work: object) -> Fault:
    with pytest.raises(Fault) as caught:
        await work  # type: ignore[misc]
    return caught.value


async def test_a_thread_starts_with_its_messages_in_order(threads: Threads) -> None:
    thread = await threads.create("w", {"topic": "stock"}, [says("one"), says("two", file_ids=("f",))])
    await threads.create_message("w", thread.id, says("three"))
    assert await threads.get("w", thread.id) == thread
    listed = await threads.list_messages("w", thread.id, Page(limit=2))
    assert [message.text for message in listed.items] == ["three", "two"]
    assert listed.has_more
    assert listed.items[1] == await threads.get_message("w", thread.id, listed.items[1].id)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (NewMessage(role="user", content=()), EMPTY_MESSAGES),
        (NewMessage(role="system", content=({},)), "role must be 'user' or 'assistant'"),
        (says("a", metadata={"k": "v" * 513}), "a metadata value has at most 512 characters"),
    ],
)
async def test_a_wrong_message_makes_no_thread(
    threads: Threads, store: SqliteStore, message: NewMessage, text: str
) -> None:
    assert str(await refusal(threads.create("w", {}, [says("fine"), message]))) == text
    assert await store.read(lambda tx: rows.select(tx, "threads", Thread, "1", {})) == []


async def test_metadata_is_replaced(threads: Threads) -> None:
    thread = await threads.create("w", {"a": "1"}, [says("hi")])
    (message,) = (await threads.list_messages("w", thread.id, Page())).items
    assert (await threads.update("w", thread.id, {"b": "2"})).metadata == {"b": "2"}
    assert (await threads.update_message("w", thread.id, message.id, {"c": "3"})).metadata == {"c": "3"}
    assert (await threads.get("w", thread.id)).metadata == {"b": "2"}
    assert (await threads.get_message("w", thread.id, message.id)).metadata == {"c": "3"}
    assert (await refusal(threads.update("w", thread.id, {"": "x"}))).param == "metadata"


def put_run(thread: Thread, status: str) -> Run:
    return Run(
        id=f"run_{status}",
        workspace=thread.workspace,
        thread_id=thread.id,
        assistant_id="asst",
        created_at=1,
        status=status,
        epoch=0,
        model="m",
    )


@pytest.mark.parametrize("status", sorted(ACTIVE))
async def test_a_busy_thread_takes_no_message(threads: Threads, store: SqliteStore, status: str) -> None:
    thread = await threads.create("w")
    await store.write(lambda tx: rows.insert(tx, "runs", put_run(thread, status)))
    fault = await refusal(threads.create_message("w", thread.id, says("now?")))
    assert (fault.kind, fault.detail) == ("busy", {"run_id": f"run_{status}"})
    assert str(fault) == f"Can't add messages to {thread.id} while a run run_{status} is active."
    other = await threads.create("w")
    await threads.create_message("w", other.id, says("here then"))


async def test_the_search_for_an_active_run_uses_its_index(store: SqliteStore) -> None:
    sql = f"EXPLAIN QUERY PLAN {table.ACTIVE_RUN}"
    (plan,) = await store.read(lambda tx: tx.rows(sql, {"thread_id": "t"}))
    assert "USING INDEX runs_active" in plan["detail"]


async def test_a_finished_run_keeps_nobody_waiting(threads: Threads, store: SqliteStore) -> None:
    thread = await threads.create("w")
    for status in TERMINAL:
        await store.write(lambda tx, status=status: rows.insert(tx, "runs", put_run(thread, status)))
    await threads.create_message("w", thread.id, says("now"))


async def test_messages_of_one_run_can_be_picked(threads: Threads, store: SqliteStore) -> None:
    thread = await threads.create("w", {}, [says("question"), says("answer")])
    question, answer = (await threads.list_messages("w", thread.id, ASCENDING)).items
    await store.write(lambda tx: table.change_message(tx, answer.id, {"run_id": "run_1"}))
    listed = await threads.list_messages("w", thread.id, Page(), run_id="run_1")
    assert [message.id for message in listed.items] == [answer.id]
    assert (await refusal(threads.list_messages("w", thread.id, Page(after=question.id), "run_1"))).param == "after"


async def test_a_deleted_thread_hides_its_messages(threads: Threads) -> None:
    thread = await threads.create("w", {}, [says("hi")])
    (message,) = (await threads.list_messages("w", thread.id, Page())).items
    await threads.delete("w", thread.id)
    await everything_is_missing(threads, "w", thread.id, message.id)


async def test_workspaces_do_not_see_each_other(threads: Threads) -> None:
    thread = await threads.create("mine", {}, [says("hi")])
    (message,) = (await threads.list_messages("mine", thread.id, Page())).items
    await everything_is_missing(threads, "theirs", thread.id, message.id)
    assert await threads.get_message("mine", thread.id, message.id) == message


async def everything_is_missing(threads: Threads, workspace: str, thread_id: str, message_id: str) -> None:
    for work in (
        threads.get(workspace, thread_id),
        threads.update(workspace, thread_id, {}),
        threads.delete(workspace, thread_id),
        threads.create_message(workspace, thread_id, says("x")),
        threads.list_messages(workspace, thread_id, Page()),
        threads.get_message(workspace, thread_id, message_id),
        threads.update_message(workspace, thread_id, message_id, {}),
        threads.list_message_files(workspace, thread_id, message_id, Page()),
    ):
        assert str(await refusal(work)) == MISSING["thread"]


async def test_a_message_belongs_to_its_thread(threads: Threads) -> None:
    thread, other = await threads.create("w", {}, [says("hi")]), await threads.create("w")
    (message,) = (await threads.list_messages("w", thread.id, Page())).items
    assert str(await refusal(threads.get_message("w", other.id, message.id))) == MISSING["message"]
    assert (await refusal(threads.list_messages("w", other.id, Page(after=message.id)))).param == "after"


async def test_files_of_a_message(threads: Threads) -> None:
    thread = await threads.create("w")
    message = await threads.create_message("w", thread.id, says("see", file_ids=("f1", "f2")))
    listed = await threads.list_message_files("w", thread.id, message.id, ASCENDING)
    assert [file.id for file in listed.items] == ["f1", "f2"]
    found = await threads.get_message_file("w", thread.id, message.id, "f2")
    assert found == listed.items[1]
    assert found.created_at == message.created_at
    fault = await refusal(threads.get_message_file("w", thread.id, message.id, "f3"))
    assert str(fault) == MISSING["message file"]


async def test_a_thread_can_be_part_of_a_larger_unit(threads: Threads, store: SqliteStore, clock: Clock) -> None:
    def unit(tx: Tx) -> Thread:
        thread = table.create(tx, "w", table.NewThread(messages=(says("hi"),)), clock())
        if table.active_run(tx, thread.id) is None:
            raise LookupError(thread.id)
        return thread

    with pytest.raises(LookupError) as caught:
        await store.write(unit)
    assert str(await refusal(threads.get("w", str(caught.value)))) == MISSING["thread"]
