"""Which model answers which name: by the folder's environment, by options, or the offline one."""

from pathlib import Path

import pytest
from model_upstream import Canned, upstream

from orchestrator import upstreams
from orchestrator.errors import ManifestsInvalid, SettingsError
from orchestrator.server.models import choosing
from orchestrator.server.models.directory import Directory
from orchestrator.server.models.door import ModelRequest, TextPiece
from orchestrator.settings import Settings

HEAD = "apiVersion: orchestrator/v1\nkind: Environment\nmetadata: {name: %s}\nspec:\n"
TARGET = "  target: {dialect: dashscope, baseUrl: https://x.example/v1}\n"
HI = b'data: {"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def folder(place: Path, *models: str, name: str = "local", **environ: str) -> Settings:
    """The settings for a folder with one environment of these models."""
    (place / "assistants.d").mkdir()
    lines = "".join(f"    - {one}\n" for one in models)
    text = HEAD % name + (TARGET if name != "local" else "") + ("  models:\n" + lines if models else "  project: p\n")
    (place / "assistants.d" / "e.yaml").write_text(text)
    return Settings.read(environ, folder=place, environment=name)


async def asked(models: Directory, name: str) -> str:
    model = models.find(name)
    assert model is not None
    events = [event async for event in model.respond(ModelRequest(model=name, messages=[]))]
    await models.close()
    return "".join(event.text for event in events if isinstance(event, TextPiece))


async def test_an_entry_of_the_environment_says_all_that_its_endpoint_wants(tmp_path: Path) -> None:
    async with upstream(Canned(pieces=[HI])) as server:
        entry = (
            f"{{match: 'qwen-*', baseUrl: '{server.url}', apiKey: {{fromEnv: K}}, contextTokens: 9000, timeout: 5s, "
            "upstreamName: 'qwen3:8b', extraBody: {enable_thinking: false, stream_options: null}, reasoning: drop}"
        )
        models = upstreams.of_folder(folder(tmp_path, entry, K="sk-4711"))
        assert [route.context_tokens for route in models.routes] == [9000]
        assert models.told == [f"qwen-* → {server.url} as qwen3:8b"]
        assert choosing.advice(models) is None
        assert models.find("gpt-4") is None
        assert await asked(models, "qwen-plus") == "hi"
    assert server.asked[0].headers["authorization"] == "Bearer sk-4711"
    assert server.asked[0].body == {"model": "qwen3:8b", "messages": [], "stream": True, "enable_thinking": False}


async def test_only_the_environment_is_looked_at(tmp_path: Path) -> None:
    settings = folder(tmp_path, "{match: a, baseUrl: 'https://a.example/v1'}", name="prod")
    (tmp_path / "assistants.d" / "broken.yaml").write_text("kind: Assistant\nspec: {modell: x}\n")
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "bad.py").write_text("raise RuntimeError\n")
    assert upstreams.of_folder(settings).told == ["a → https://a.example/v1"]


@pytest.mark.parametrize("declares", [True, False])
def test_the_offline_model_answers_where_nothing_is_named(tmp_path: Path, declares: bool) -> None:
    settings = folder(tmp_path) if declares else Settings.read({}, folder=tmp_path)
    models = upstreams.of_folder(settings)
    assert models.told == ["* → the offline model"]
    assert "--model" in (choosing.advice(models) or "")


@pytest.mark.parametrize(
    ("text", "name", "says"),
    [
        (HEAD % "prod" + TARGET, "prd", "did you mean 'prod'"),
        (HEAD % "local" + "  modles: []\n", "local", "unknown key 'modles'"),
        ("kind: Environment\nmetadata: {name: 'local'\n", "local", "not YAML"),
        (HEAD % "local" + "  models: [{match: a, baseUrl: 'https://x', apiKey: {fromEnv: NONE}}]\n", "local", "NONE"),
        (HEAD % "local" + "  models: [{match: a, script: ../x.yaml}]\n", "local", "in the project's folder"),
        (
            HEAD % "local" + "  models: [{match: a, baseUrl: 'https://x', extraBody: {model: y}}]\n",
            "local",
            "'model' is",
        ),
        (HEAD % "local" + "  models: [{match: a, baseUrl: 'https://x', reasoning: maybe}]\n", "local", "return"),
    ],
)
def test_an_environment_that_is_wrong_is_never_taken_for_none(tmp_path: Path, text: str, name: str, says: str) -> None:
    (tmp_path / "assistants.d").mkdir()
    (tmp_path / "assistants.d" / "e.yaml").write_text(text)
    with pytest.raises(ManifestsInvalid, match=says):
        upstreams.of_folder(Settings.read({}, folder=tmp_path, environment=name))


def test_an_environment_of_no_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no Environment 'prod'"):
        upstreams.of_folder(Settings.read({}, folder=tmp_path, environment="prod"))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("qwen-*=https://h.example/v1", "qwen-* → https://h.example/v1"),
        ("http://127.0.0.1:8000/v1", "* → http://127.0.0.1:8000/v1"),
        ("qwen-plus=qwen3:8b@http://h:1/v1", "qwen-plus → http://h:1/v1 as qwen3:8b"),
        ("a=org/m@1@http://h/v1", "a → http://h/v1 as org/m@1"),
        ("a=http://user:sk-4711@h/v1?key=sk-4711", "a → http://h/v1"),
    ],
)
def test_an_option_names_a_model(given: str, told: str) -> None:
    routes = choosing.of_options([given], None, 5)
    assert Directory(routes).told == [told]
    assert routes[0].context_tokens == 5


@pytest.mark.parametrize(
    "given", ["qwen", "qwen=", "=http://h", "a=ftp://h", "a=http://", "http:/x", "", "a=b=http://h"]
)
def test_an_option_that_names_none_is_refused(given: str) -> None:
    with pytest.raises(SettingsError, match="names no model"):
        choosing.of_options([given], None, None)


def test_a_refused_option_shows_nothing_secret() -> None:
    with pytest.raises(SettingsError) as caught:
        choosing.of_options(["a=htp://user:sk-4711@h/v1?key=sk-4711"], None, None)
    assert "sk-4711" not in str(caught.value)
    assert "a=htp://h/v1" in str(caught.value)


def test_the_key_of_options_is_in_a_variable() -> None:
    key = choosing.key_of({"K": " sk-1 "}, "K")
    assert key is not None
    assert key.get_secret_value() == "sk-1"
    assert choosing.key_of({"ORCHESTRATOR_MODEL_KEY": "sk-2"}, None) is not None
    assert choosing.key_of({}, None) is None
    with pytest.raises(SettingsError, match="K is not set"):
        choosing.key_of({"ORCHESTRATOR_MODEL_KEY": "sk-2"}, "K")
