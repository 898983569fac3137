"""Routes decide which model serves a name."""

from pydantic import SecretStr

from orchestrator.server.models.compatible import CompatibleModel
from orchestrator.server.models.directory import Directory, Route
from orchestrator.server.models.scripted import ScriptedModel


async def test_the_first_route_that_matches_wins() -> None:
    plus, qwen, other = ScriptedModel(None), ScriptedModel(None), ScriptedModel(None)
    routes = [Route(match="qwen-plus", model=plus), Route(match="qwen-*", model=qwen), Route(match="*b", model=other)]
    directory = Directory(routes)
    assert directory.find("qwen-plus") is plus
    assert directory.find("qwen-plus-b") is qwen
    assert directory.find("llama-8b") is other
    assert directory.find("Qwen-plus") is None
    assert Directory([]).find("x") is None


async def test_closing_closes_each_model_once() -> None:
    class Closing(CompatibleModel):
        closed = 0

        async def close(self) -> None:
            self.closed += 1
            await super().close()

    model = Closing("http://127.0.0.1:1", SecretStr("k"))
    await Directory([Route(match=m, model=model) for m in "ab"] + [Route(match="c", model=ScriptedModel(None))]).close()
    assert model.closed == 1
