"""Both SDKs with keys: what they make of refusals, that a workspace is a workspace, and a bound that they meet."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live import Live, live_server
from openai import AuthenticationError, NotFoundError, OpenAI, RateLimitError
from vendor import Assistants, Messages, Runs, Threads, dashscope

from orchestrator.server.access.issuing import Issuer


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("locked")


@pytest.fixture(scope="module")
def locked(data: Path) -> Iterator[Live]:
    made(data)
    with live_server(data) as running:
        yield running


def made(data: Path, workspace: str = "shop", **bounds: Any) -> str:
    return Issuer(data).create(workspace, bounds=bounds)[1].text


@pytest.fixture
def old(locked: Live, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashscope, "base_http_api_url", f"{locked.url}/api/v1")
    monkeypatch.setattr(dashscope, "api_key", made(data))


def openai(locked: Live, key: str, **more: Any) -> OpenAI:
    return OpenAI(base_url=f"{locked.url}/v1", api_key=key, max_retries=0, **more)


@pytest.mark.usefixtures("old")
def test_dashscope_shows_why_it_was_refused(data: Path) -> None:
    wrong = Assistants.list(api_key="sk-wrong")
    assert (wrong.status_code, wrong.code, wrong.message) == (401, "InvalidApiKey", "Invalid API-key provided.")
    other = Assistants.list(workspace="elsewhere")
    assert (other.status_code, other.code) == (401, "NOT AUTHORIZED")
    slow = made(data, per_second=0.01, burst=1)
    assert Assistants.list(api_key=slow).status_code == 200
    often = Assistants.list(api_key=slow)
    assert (often.status_code, often.code) == (429, "Throttling.RateQuota")
    assert Assistants.list(workspace="shop").status_code == 200


@pytest.mark.usefixtures("old")
def test_dashscope_converses_with_a_key_as_without(data: Path) -> None:
    assistant = Assistants.create(model="qwen-plus", instructions="Be brief.")
    thread = Threads.create(messages=[{"role": "user", "content": "Hello"}])
    events = list(Runs.create(thread.id, assistant_id=assistant.id, stream=True))
    assert events[-1][0] == "thread.run.completed"
    assert "Hello" in Messages.list(thread.id).data[0].content[0].text.value
    refused = list(Runs.create(thread.id, assistant_id=assistant.id, stream=True, api_key=made(data, "other")))
    assert [(name, item["message"]) for name, item in refused] == [
        (None, "The specified assistant has been deleted or does not exist.")
    ]


def test_openai_raises_what_its_users_catch(locked: Live, data: Path) -> None:
    with openai(locked, "sk-wrong") as client, pytest.raises(AuthenticationError) as wrong:
        client.beta.assistants.list()
    assert wrong.value.code == "invalid_api_key"
    with openai(locked, made(data), project="elsewhere") as client, pytest.raises(AuthenticationError) as other:
        client.beta.assistants.list()
    assert other.value.code == "mismatched_project"
    with openai(locked, made(data, per_second=0.01, burst=1)) as client:
        client.beta.assistants.list()
        with pytest.raises(RateLimitError) as often:
            client.beta.assistants.list()
    assert often.value.code == "rate_limit_exceeded"
    assert 90 < int(often.value.response.headers["retry-after"]) <= 100


def test_openai_waits_as_long_as_it_is_told_and_gets_on(locked: Live, data: Path) -> None:
    with openai(locked, made(data, per_second=2, burst=1)) as client:
        for _ in range(2):
            client.with_options(max_retries=3).beta.assistants.list()


def test_one_workspace_through_both_sdks_and_nothing_of_another(locked: Live, data: Path, old: None) -> None:
    made_here = Assistants.create(model="qwen-plus", name="clerk")
    with openai(locked, made(data)) as same, openai(locked, made(data, "other")) as other:
        assert same.beta.assistants.retrieve(made_here.id).name == "clerk"
        assert same.with_options(project="shop").beta.assistants.retrieve(made_here.id).name == "clerk"
        with pytest.raises(NotFoundError):
            other.beta.assistants.retrieve(made_here.id)
        assert other.beta.assistants.list().data == []
