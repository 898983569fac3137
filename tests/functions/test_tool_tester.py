"""The tester that authors use: settings, secrets, permissions, progress, and what is wrong told at once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import PluginsInvalid
from orchestrator.testing import ToolTester

CODE = """
from collections.abc import AsyncGenerator
from pydantic import BaseModel
from orchestrator import Context, Plugin, tool

class Settings(BaseModel):
    unit: str

plugin = Plugin(settings=Settings, permissions="net:a.example")

@plugin.lifespan
async def life() -> AsyncGenerator[list[str]]:
    yield ["opened"]

@tool
async def forecast(ctx: Context, city: str) -> str:
    ctx.progress(1, 2, "looked up")
    ctx.state["last"] = city
    sure = await ctx.approve("really?")
    return f"{city} {ctx.settings.unit} {ctx.secrets['key']} {ctx.resources} {sure}"
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    (tmp_path / "weather.py").write_text(CODE)
    return tmp_path / "weather.py"


def test_a_call_goes_the_way_of_a_model(plugin: Path, tool_tester: Callable[..., ToolTester]):
    tester = tool_tester(plugin, settings={"unit": "celsius"}, secrets={"key": "k"}, approve=False)
    for _ in range(2):
        answer = tester.run("forecast", city="Oslo")
        assert (answer.text, answer.ok, answer.error) == ("Oslo celsius k ['opened'] False", True, None)
    assert [(p.done, p.total, p.note) for p in answer.progress] == [(1, 2, "looked up")]
    assert tester.state == {"last": "Oslo"}
    wrong = tester.run("forecast", town="Oslo")
    assert (wrong.code, wrong.error["code"]) == ("bad_arguments", "bad_arguments")
    with pytest.raises(LookupError, match="did you mean 'forecast'"):
        tester.run("forcast")


@pytest.mark.anyio
async def test_as_a_context_manager(plugin: Path):
    async with ToolTester(plugin, settings={"unit": "f"}, secrets={"key": "k"}) as tester:
        assert (await tester.call_json("forecast", '{"city": "Oslo"}')).ok
        assert (await tester.call_json("forecast", "{")).code == "bad_json"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "settings.unit of 'weather': field required"),
        ({"settings": {"unit": 3}}, "settings.unit of 'weather'"),
        ({"settings": {"unit": "c"}, "grants": []}, "needs 'net:a.example'"),
    ],
)
def test_what_its_manifest_would_be_told_is_told_here(plugin: Path, given: dict[str, Any], told: str):
    with pytest.raises(PluginsInvalid, match=told):
        ToolTester(plugin, **given)


def test_a_plug_in_that_cannot_be_loaded(tmp_path: Path):
    (tmp_path / "bad.py").write_text("def (")
    with pytest.raises(PluginsInvalid, match="SyntaxError"):
        ToolTester(tmp_path / "bad.py")
