"""The server itself: whether one runs on the data folder and is well, else whether it could take its port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from orchestrator.errors import SettingsError, StoreError, TargetError
from orchestrator.server.announcing import Place, announced
from orchestrator.server.doctor.finding import Finding, error, ok
from orchestrator.server.serving import bind, is_loopback
from orchestrator.server.store.folder import LOCK
from orchestrator.transport import Client

SECONDS = 5.0  # for the server to answer


async def examine(data: Path, host: str, port: int, *, keys: bool) -> AsyncIterator[Finding]:
    """All of it; `keys`: there are some."""
    try:
        place = _place(data)
    except StoreError as problem:
        yield error("server", problem.message, "see which process it is: it may hang, or be no server")
        return
    if place is not None:
        yield await _running(place.address)
        return
    for finding in _to_come(host, port, keys=keys):
        yield finding


def _place(data: Path) -> Place | None:
    """The server that has the folder; who only looks leaves no lock where there was none."""
    return announced(data) if (data / LOCK).exists() else None


async def _running(address: str) -> Finding:
    client = Client(address, timeout=SECONDS)
    try:
        answer = await client.request("GET", "/readyz")
        if answer.status == 200:
            return ok("server", f"runs on {address}, and takes on work")
        reasons = ", ".join(answer.json().get("reasons", [])) or f"HTTP {answer.status}"
        return error("server", f"runs on {address}, but takes on no work: {reasons}", "see its log")
    except TargetError as problem:
        return error("server", f"holds the folder, but does not answer: {problem.message}", "see its log; restart it")
    finally:
        await client.close()


def _to_come(host: str, port: int, *, keys: bool) -> Iterator[Finding]:
    try:
        bind(host, port).close()
        yield ok("port", f"{host}:{port} is free")
        if not keys and not is_loopback(host):
            yield error(
                "keys", f"other machines reach a server on {host}, and there is no key", "orchestrator key create"
            )
    except SettingsError as problem:
        remedy = problem.hint or "choose another with --host and --port"
        yield error("port", problem.message, remedy)
