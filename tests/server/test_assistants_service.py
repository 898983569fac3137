"""Assistants: kept as given, changed field by field, seen by their workspace only."""

import asyncio

import pytest

from orchestrator.server.ids import Clock
from orchestrator.server.records import Page
from orchestrator.server.service.assistants import Assistants
from orchestrator.server.store.sqlite import SqliteStore
from orchestrator.wire.faults import MISSING, Fault

ASCENDING = Page(descending=False)


@pytest.fixture
def assistants(store: SqliteStore, clock: Clock) -> Assistants:
    return Assistants(store, clock)


async def refusal(work: object) -> Fault:
    with pytest.raises(Fault) as caught:
        await work  # type: ignore[misc]
    return caught.value


async def test_an_assistant_is_kept_as_given(assistants: Assistants) -> None:
    made = await assistants.create(
        "w",
        model="qwen-plus",
        name="clerk",
        instructions="Be brief.",
        tools=[{"type": "code_interpreter"}],
        file_ids=["f1", "f1", "f2"],
        metadata={"owner": "warehouse"},
        settings={"temperature": 0.3, "top_k": None},
    )
    assert made.id.startswith("asst_")
    assert made.file_ids == ("f1", "f2")
    assert made.settings == {"temperature": 0.3}
    assert await assistants.get("w", made.id) == made


async def test_an_update_leaves_alone_what_it_does_not_name(assistants: Assistants) -> None:
    made = await assistants.create(
        "w", model="m", name="n", tools=[{"type": "rag"}], settings={"top_p": 0.5, "top_k": 3}
    )
    changed = await assistants.update("w", made.id, {"name": None, "settings": {"top_k": None, "max_tokens": 9}})
    assert (changed.name, changed.tools, changed.settings) == (None, made.tools, {"top_p": 0.5, "max_tokens": 9})
    assert await assistants.get("w", made.id) == changed
    assert await assistants.update("w", made.id, {}) == changed
    cleared = await assistants.update("w", made.id, {"tools": [], "metadata": {}})
    assert cleared.tools == ()


async def test_updates_side_by_side_lose_nothing(assistants: Assistants) -> None:
    made = await assistants.create("w", model="m")
    await asyncio.gather(*(assistants.update("w", made.id, {"settings": {f"k{n}": n}}) for n in range(50)))
    assert (await assistants.get("w", made.id)).settings == {f"k{n}": n for n in range(50)}


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"model": ""}, "model"),
        ({"name": "n" * 257}, "name"),
        ({"tools": [{"type": "rag"}] * 129}, "tools"),
        ({"metadata": {"k": 1}}, "metadata"),
        ({"id": "asst_mine"}, "id"),
    ],
)
async def test_what_is_wrong_is_named(assistants: Assistants, changes: dict[str, object], param: str) -> None:
    made = await assistants.create("w", model="m")
    fault = await refusal(assistants.update("w", made.id, changes))
    assert (fault.kind, fault.param) == ("invalid", param)
    assert await assistants.get("w", made.id) == made


async def test_a_deleted_assistant_is_missing_yet_a_cursor(assistants: Assistants) -> None:
    first, second, third = [await assistants.create("w", model=f"m{n}") for n in range(3)]
    await assistants.delete("w", second.id)
    for work in (
        assistants.get("w", second.id),
        assistants.update("w", second.id, {"name": "n"}),
        assistants.delete("w", second.id),
        assistants.attach_file("w", second.id, "f"),
    ):
        assert str(await refusal(work)) == MISSING["assistant"]
    assert (await assistants.list("w", ASCENDING)).items == (first, third)
    assert (await assistants.list("w", Page(after=second.id))).items == (first,)


async def test_workspaces_do_not_see_each_other(assistants: Assistants) -> None:
    made = await assistants.create("mine", model="m", file_ids=["f"])
    for work in (
        assistants.get("theirs", made.id),
        assistants.update("theirs", made.id, {"name": "taken"}),
        assistants.delete("theirs", made.id),
        assistants.get_file("theirs", made.id, "f"),
        assistants.detach_file("theirs", made.id, "f"),
    ):
        assert (await refusal(work)).kind == "missing"
    assert (await assistants.list("theirs", Page())).items == ()
    assert (await refusal(assistants.list("theirs", Page(after=made.id)))).kind == "invalid"
    assert await assistants.get("mine", made.id) == made


async def test_files_stay_in_step_with_file_ids(assistants: Assistants) -> None:
    made = await assistants.create("w", model="m", file_ids=["old"])
    attached = await assistants.attach_file("w", made.id, "new")
    assert attached.created_at > made.created_at
    assert await assistants.attach_file("w", made.id, "new") == attached
    assert (await assistants.get("w", made.id)).file_ids == ("old", "new")
    await assistants.update("w", made.id, {"file_ids": ["new", "newer"]})
    listed = (await assistants.list_files("w", made.id, ASCENDING)).items
    assert [file.id for file in listed] == ["new", "newer"]
    assert listed[0] == attached == await assistants.get_file("w", made.id, "new")
    await assistants.detach_file("w", made.id, "new")
    assert (await assistants.get("w", made.id)).file_ids == ("newer",)
    for work in (assistants.get_file("w", made.id, "new"), assistants.detach_file("w", made.id, "new")):
        assert str(await refusal(work)) == MISSING["assistant file"]


@pytest.mark.parametrize(
    ("page", "ids", "more"),
    [
        (Page(limit=2), "ed", True),
        (Page(limit=2, after="d"), "cb", True),
        (Page(limit=2, before="b"), "dc", True),
        (Page(limit=2, before="d"), "e", False),
        (Page(limit=2, descending=False, before="d"), "bc", True),
        (Page(limit=9, descending=False, after="a", before="e"), "bcd", False),
    ],
)
async def test_files_are_paged(assistants: Assistants, page: Page, ids: str, *, more: bool) -> None:
    made = await assistants.create("w", model="m", file_ids="abcde")
    listed = await assistants.list_files("w", made.id, page)
    assert ("".join(file.id for file in listed.items), listed.has_more) == (ids, more)
    assert (await refusal(assistants.list_files("w", made.id, Page(after="z")))).param == "after"
