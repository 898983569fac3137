from collections.abc import Iterator

import pytest
from live import Live, live_server
from openai import OpenAI
from vendor import dashscope

from orchestrator.server.performers.door import Call
from orchestrator.server.records import Assistant, Run


class Stock:
    """Performs `stock_level` on the server, and a calculator."""

    def performs(self, assistant: Assistant, call: Call) -> bool:
        return call.name in ("stock_level", "calculator")

    def repeatable(self, assistant: Assistant, call: Call) -> bool:
        return True

    async def perform(self, assistant: Assistant, run: Run, call: Call) -> str:
        return "42"


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_server(tmp_path_factory.mktemp("sdk"), performers=[Stock()]) as running:
        yield running


@pytest.fixture(scope="session")
def client(live: Live) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{live.url}/v1", api_key="any-key", max_retries=0) as client:
        yield client


@pytest.fixture(autouse=True)
def sdk(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashscope, "base_http_api_url", f"{live.url}/api/v1")
    monkeypatch.setattr(dashscope, "api_key", "any-key")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
