"""Records what a server of chat completions really sends, for `tests/server/models/test_recordings.py`.

    python benchmarks/record_models.py NAME URL --model MODEL --about "What it is, its version, how it was started"

Our own `CompatibleModel` asks, through a relay on loopback that keeps each answer byte by byte, head and framing
included. What it understood stands in `recording.json` beside them, to be read by a person before it is kept.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from orchestrator.server.models.compatible import CompatibleModel
from orchestrator.server.models.door import (
    CallPiece,
    ModelFault,
    ModelRequest,
    Spent,
    Stop,
    TextPiece,
    ThoughtPiece,
)
from orchestrator.server.models.questions import Manner
from orchestrator.tools import Offer

PLACE = Path(__file__).parents[1] / "tests" / "server" / "models" / "recordings"
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string", "enum": ["Hangzhou", "Paris"]}},
    "required": ["city"],
}
FORECAST = Offer(name="get_forecast", description="The weather of a city.", parameters=CITY)
TIME = Offer(name="get_time", description="The time of a city.", parameters=CITY)
ASKED = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "get_forecast", "arguments": '{"city": "Hangzhou"}'}}
    ],
}


PRIVATE = re.compile(rb'(?im)(?<=^set-cookie: )[^\r\n]+|(?<="system_fingerprint": ")[^"]+')


def _hidden(found: re.Match[bytes]) -> bytes:
    """As long as it was: lengths are part of the framing."""
    return b"x" * len(found[0])


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


WEATHER = user("What is the weather in Hangzhou?")
CASES: dict[str, dict[str, Any]] = {
    "text": {"messages": [{"role": "system", "content": "Be brief."}, user("Say hello.")], "limit": 64},
    "call": {"messages": [WEATHER], "offers": [FORECAST, TIME], "limit": 64},
    "forced": {
        "messages": [WEATHER],
        "offers": [FORECAST],
        "limit": 64,
        "options": {"tool_choice": {"type": "function", "function": {"name": "get_forecast"}}},
    },
    "calls": {"messages": [user("Tell weather and time of Hangzhou.")], "offers": [FORECAST, TIME], "limit": 128},
    "answered": {
        "messages": [WEATHER, ASKED, {"role": "tool", "tool_call_id": "call_1", "content": "Sunny, 21 °C."}],
        "offers": [FORECAST],
        "limit": 64,
    },
    "short": {"messages": [user("Count to a hundred.")], "limit": 3},
    "long": {"messages": [user("word " * 40_000)], "limit": 8},
    "unknown": {"messages": [user("Say hello.")], "model": "no-such-model", "limit": 8},
}


class Relay:
    """Passes bytes on, and keeps those of the answers."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self.answer = bytearray()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, onward = await asyncio.open_connection(self._host, self._port)
        with suppress(ConnectionError):
            await asyncio.gather(self._pass(reader, onward), self._pass(there, writer, self.answer))
        writer.close()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray | None = None
    ) -> None:
        while data := await reader.read(65536):
            if kept is not None:
                kept += data
            writer.write(data)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def relay(url: str) -> AsyncIterator[tuple[Relay, str]]:
    parts = urlsplit(url)
    state = Relay(parts.hostname or "", parts.port or 80)
    server = await asyncio.start_server(state.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield state, f"http://127.0.0.1:{port}{parts.path}"
    finally:
        server.close()


async def understood(model: CompatibleModel, request: ModelRequest) -> dict[str, Any]:
    """What an answer means to us, as JSON."""
    told: dict[str, Any] = {"text": "", "thoughts": "", "calls": [], "usage": None, "reason": None}
    try:
        async for event in model.respond(request):
            match event:
                case TextPiece():
                    told["text"] += event.text
                case ThoughtPiece():
                    told["thoughts"] += event.text
                case CallPiece():
                    if event.index == len(told["calls"]):
                        told["calls"].append({"name": event.name, "arguments": ""})
                    told["calls"][event.index]["arguments"] += event.arguments
                case Spent():
                    told["usage"] = [event.prompt_tokens, event.completion_tokens]
                case Stop():
                    told["reason"] = event.reason
    except ModelFault as fault:
        return {"fault": fault.code, "message": str(fault), "temporary": fault.temporary}
    return told


async def record(url: str, case: dict[str, Any], model: str, key: SecretStr | None, extra: dict[str, Any]) -> Any:
    async with relay(url) as (state, address):
        asked = CompatibleModel(address, key, timeout=120, manner=Manner(extra=extra), retry_delay=0)
        asked._pause = lambda tried, error: None  # noqa: SLF001 - one answer a recording
        request = ModelRequest(
            model=case.get("model", model),
            messages=case["messages"],
            offers=case.get("offers", ()),
            settings={"max_tokens": case["limit"], "temperature": 0},
            options=case.get("options", {}),
        )
        told = await understood(asked, request)
        await asked.close()
        await asyncio.sleep(0.1)
        return bytes(state.answer), told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="of the folder below recordings/")
    parser.add_argument("url", help="what stands before /chat/completions; http only")
    parser.add_argument("--model", required=True)
    parser.add_argument("--about", required=True, help="implementation, version, how it was started")
    parser.add_argument("--key-env", help="variable with the key")
    parser.add_argument("--extra", type=json.loads, default={}, help="JSON laid over each request")
    parser.add_argument("--cases", default=",".join(CASES), help="some of them, with commas between")
    parser.add_argument("--out", type=Path, default=PLACE)
    given = parser.parse_args()
    key = SecretStr(os.environ[given.key_env]) if given.key_env else None
    folder: Path = given.out / given.name
    folder.mkdir(parents=True, exist_ok=True)
    kept = {"about": given.about, "cases": {}}
    for name in given.cases.split(","):
        raw, told = asyncio.run(record(given.url, CASES[name], given.model, key, given.extra))
        (folder / f"{name}.http").write_bytes(
            re.sub(rb"(?i)^(set-cookie): [^\r\n]*", rb"\1: none", raw, flags=re.MULTILINE)
        )
        kept["cases"][name] = told
        print(f"{name}: {len(raw)} bytes, {json.dumps(told, ensure_ascii=False)[:300]}")
    (folder / "recording.json").write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
