"""When APIs and models end: dates that vendors told, each with its source. An Environment can add its own.

Only what a vendor announced stands here, by the host that it was announced for; another endpoint may well go on serving
a model of the same name. The rows of models are from copies of OpenAI's list of November 2025 to May 2026: later
announcements are not in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """An end. `match`: names with `*`; `host`: where, with `*`; `day` None: announced, without a date."""

    match: str
    host: str
    day: date | None
    source: str
    instead: str = ""


_STUDIO = 'Model Studio\'s pages on the Assistant API, titled "(Deprecated)" since September 2026'
_RESPONSES = "the Responses API, or a server of your own: orchestrator serve"
_LIST = "OpenAI's list of deprecations"

APIS: tuple[Retirement, ...] = (
    Retirement(match="dashscope", host="dashscope*.aliyuncs.com", day=None, source=_STUDIO, instead=_RESPONSES),
    Retirement(match="dashscope", host="*.dashscope.aliyuncs.com", day=None, source=_STUDIO, instead=_RESPONSES),
    Retirement(match="dashscope", host="*.maas.aliyuncs.com", day=None, source=_STUDIO, instead=_RESPONSES),
    Retirement(
        match="openai",
        host="api.openai.com",
        day=date(2026, 8, 26),
        source="OpenAI's Assistants migration guide",
        instead=_RESPONSES,
    ),
)


def _of_openai(match: str, day: date, instead: str = "") -> Retirement:
    return Retirement(match=match, host="api.openai.com", day=day, source=_LIST, instead=instead)


MODELS: tuple[Retirement, ...] = (
    _of_openai("codex-mini-latest", date(2026, 1, 16), "gpt-5-codex-mini"),
    _of_openai("chatgpt-4o-latest", date(2026, 2, 17), "gpt-5.1-chat-latest"),
    _of_openai("gpt-5-chat-latest", date(2026, 7, 23), "gpt-5.3-chat-latest"),
    _of_openai("gpt-5-codex", date(2026, 7, 23), "gpt-5.4"),
    _of_openai("gpt-5.2-chat-latest", date(2026, 8, 10), "gpt-5.5"),
    _of_openai("gpt-5.3-chat-latest", date(2026, 8, 10), "gpt-5.5"),
    _of_openai("gpt-3.5-turbo", date(2026, 10, 23), "gpt-4.1-mini"),
    _of_openai("gpt-3.5-turbo-0125", date(2026, 10, 23), "gpt-4.1-mini"),
    _of_openai("gpt-4", date(2026, 10, 23)),
    _of_openai("gpt-4-0613", date(2026, 10, 23)),
)
