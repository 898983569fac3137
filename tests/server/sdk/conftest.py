from collections.abc import Iterator
from pathlib import Path

import pytest
from live import Live, live_server
from vendor import dashscope

from orchestrator.server.performers.door import Call
from orchestrator.server.records import Assistant, Run

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The vendor warns at each call that its API is deprecated; that is what this product is about."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.filterwarnings("ignore:The Assistants API:DeprecationWarning"))


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


@pytest.fixture(autouse=True)
def sdk(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashscope, "base_http_api_url", f"{live.url}/api/v1")
    monkeypatch.setattr(dashscope, "api_key", "any-key")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
