"""What holds for every target, whether it is a dictionary or another process's API."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from stub import Stub, opened, serving

from orchestrator.errors import NotFound, Rejected
from orchestrator.reconcile.observed import Target
from orchestrator.reconcile.stamp import Stamp
from orchestrator.server.app import open_server
from orchestrator.server.models.directory import Directory
from orchestrator.targets import DIALECTS, MemoryTarget
from orchestrator.tools import Function, FunctionDefinition, HostedPlugin
from orchestrator.tools.code_interpreter import CodeInterpreter

STAMP = Stamp(owner="shop/prod", manifest="weather", fields={"model": "0" * 12}, attempt="try-1")
FULL: dict[str, Any] = {
    "model": "qwen-plus",
    "name": "Wetterführer ☂",
    "description": "Answers.",
    "instructions": "Be brief.\u2028Really.",
    "tools": (
        CodeInterpreter(),
        Function(function=FunctionDefinition(name="forecast", description="…", parameters={"type": "object"})),
        HostedPlugin.model_validate({"id": "plugin_7c1e", "user_token": "secret"}),
    ),
    "file_ids": ("file-1", "file-2"),
    "metadata": {"owner": "support"},
    "temperature": 0.3,
    "top_p": 0.8,
    "top_k": 20,
    "max_tokens": 800,
}


SAYABLE: Mapping[str, dict[str, Any]] = {  # all that a dialect has words for
    "dashscope": FULL,
    "openai": {k: v for k, v in FULL.items() if k not in ("top_k", "max_tokens")} | {"tools": FULL["tools"][:2]},
}


@dataclass(frozen=True)
class Place:
    """A target, and the fullest body that its dialect can say."""

    target: Target
    dialect: str

    @property
    def full(self) -> dict[str, Any]:
        return SAYABLE[self.dialect]


@pytest.fixture(params=["memory-dashscope", "http-dashscope", "server-dashscope", "memory-openai", "server-openai"])
async def place(request: pytest.FixtureRequest, tmp_path: Any) -> AsyncGenerator[Place]:
    where, _, dialect = request.param.partition("-")
    if where == "memory":
        yield Place(MemoryTarget(dialect=DIALECTS[dialect]), dialect)
        return
    async with AsyncExitStack() as stack:
        app: Any = Stub().app()
        if where == "server":
            app = (await stack.enter_async_context(open_server(tmp_path, models=Directory([])))).app
        url = await stack.enter_async_context(serving(app))
        yield Place(await stack.enter_async_context(opened(url, dialect=dialect)), dialect)


@pytest.fixture
def target(place: Place) -> Target:
    return place.target


async def test_what_was_created_is_observed(place: Place) -> None:
    made = await place.target.create(place.full, STAMP)
    (seen,) = await place.target.observe()
    assert seen == made
    assert (seen.body, seen.stamp) == (place.full, STAMP)


async def test_an_empty_target_has_nothing(target: Target) -> None:
    assert list(await target.observe()) == []


async def test_all_pages_are_observed_oldest_first(target: Target) -> None:
    made = [await target.create({"model": "m", "name": f"a{n}"}, STAMP) for n in range(201)]
    assert [one.id for one in await target.observe()] == [one.id for one in made]


async def test_an_update_writes_the_given_fields_and_leaves_the_others(place: Place) -> None:
    made = await place.target.create(place.full, STAMP)
    news = Stamp(owner="shop/prod", manifest="weather", fields={}, revision=2)
    written = await place.target.update(made.id, {"name": "New", "metadata": FULL["metadata"]}, news)
    assert (written.body, written.stamp) == ({**place.full, "name": "New"}, news)


async def test_what_is_empty_is_cleared(place: Place) -> None:
    made = await place.target.create(place.full, STAMP)
    empty = {"name": "", "description": None, "instructions": "", "tools": (), "file_ids": (), "metadata": {}}
    written = await place.target.update(made.id, empty, STAMP)
    (seen,) = await place.target.observe()
    assert written.body == seen.body
    assert seen.body == {k: v for k, v in place.full.items() if k not in empty}


async def test_a_number_is_cleared_or_it_is_told_that_it_cannot_be(place: Place) -> None:
    made = await place.target.create(place.full, STAMP)
    clearing = place.target.update(made.id, {"temperature": None, "metadata": {}}, STAMP)
    if place.dialect == "dashscope":
        with pytest.raises(Rejected, match="temperature"):
            await clearing
    else:
        assert "temperature" not in (await clearing).body
        (seen,) = await place.target.observe()
        assert seen.body == {k: v for k, v in place.full.items() if k not in ("temperature", "metadata")}


async def test_what_was_deleted_is_gone_and_may_be_deleted_again(place: Place, target: Target) -> None:
    made = await target.create(place.full, STAMP)
    await target.delete(made.id)
    await target.delete(made.id)
    assert list(await target.observe()) == []


async def test_an_update_of_what_is_gone_says_so(target: Target) -> None:
    with pytest.raises(NotFound):
        await target.update("asst_none", {"name": "x", "metadata": {}}, STAMP)


@pytest.mark.parametrize("id", ["..", ".", ""])
async def test_an_id_cannot_lead_elsewhere(target: Target, id: str) -> None:
    with pytest.raises(NotFound):
        await target.update(id, {"name": "x", "metadata": {}}, STAMP)


async def test_nothing_is_shared_with_who_sent_it(target: Target) -> None:
    metadata = {"owner": "support"}
    await target.create({"model": "m", "metadata": metadata}, STAMP)
    metadata["owner"] = "changed"
    (seen,) = await target.observe()
    assert seen.body["metadata"] == {"owner": "support"}
