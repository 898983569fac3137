"""Places where assistants live. One file per dialect, one list that names them; `open_target` opens one over HTTP."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping

import anyio

from orchestrator.diagnostics import did_you_mean
from orchestrator.errors import SettingsError
from orchestrator.targets.asking import Asker
from orchestrator.targets.dashscope import DashScope
from orchestrator.targets.dialect import Dialect
from orchestrator.targets.http import HttpTarget
from orchestrator.targets.memory import MemoryTarget
from orchestrator.targets.openai import OpenAI
from orchestrator.targets.retrying import Random, Sleep
from orchestrator.transport import Client

CONCURRENCY = 16
TIMEOUT = 60.0  # seconds, the longest silence of a target
_STREAMS = 32  # connections beyond `concurrency`, for runs that stream

DIALECTS: Mapping[str, Dialect] = {dialect.name: dialect for dialect in (DashScope(), OpenAI())}


def open_target(
    dialect: str,
    base_url: str,
    *,
    api_key: str | None = None,
    workspace: str | None = None,
    concurrency: int | None = None,
    per_second: float | None = None,
    timeout: float = TIMEOUT,
    sleep: Sleep = anyio.sleep,
    clock: Callable[[], float] = time.monotonic,
    random: Random = random.random,
) -> HttpTarget:
    """A target over HTTP; nothing is sent yet. Close it with `close()`.

    Raises:
        SettingsError: there is no such dialect, or key or workspace cannot stand in an HTTP header.
    """
    if dialect not in DIALECTS:
        raise SettingsError(f"There is no dialect '{dialect}'.", hint=did_you_mean(dialect, DIALECTS))
    speaks = DIALECTS[dialect]
    slots = concurrency or CONCURRENCY
    headers = speaks.headers(key=api_key, workspace=workspace)
    client = Client(base_url, headers=headers, timeout=timeout, connections=slots + _STREAMS)
    asker = Asker(
        client,
        speaks,
        concurrency=slots,
        per_second=per_second,
        secrets=[api_key] if api_key else [],
        sleep=sleep,
        clock=clock,
        random=random,
    )
    return HttpTarget(asker, speaks)


__all__ = ["DIALECTS", "Dialect", "HttpTarget", "MemoryTarget", "open_target"]
