"""`orchestrator doctor`: what is missing or wrong, and what to do about it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import options, output

if TYPE_CHECKING:
    from orchestrator.server.doctor.finding import Finding
    from orchestrator.settings import Settings

_SIGNS = {"ok": "ok", "note": "note", "warning": "WARNING", "error": "ERROR"}


@click.command(name="doctor")
@options.folder
@options.environment
@options.host
@options.port
@options.data
@click.option("--models", "ask_models", is_flag=True, help="Ask the endpoints of the models too, without a turn.")
@click.option("--salvage", metavar="DIR", help="Save what can be read of a damaged database into a new data folder.")
@options.output
def command(ask_models: bool, salvage: str | None, fmt: str, **given: Any) -> int:
    """Look at all that a server needs: Python, data folder, database, files, keys, port, models. Changes nothing.

    The exit code is 1 if something keeps the server from doing its work. The server may run meanwhile.
    """
    settings = options.settings(**given)
    if salvage is not None:
        return _salvage(settings, Path(salvage).absolute(), fmt)
    findings = asyncio.run(_all(settings, ask_models))
    bad = sum(one.state == "error" for one in findings)
    if fmt == "json":
        output.json({"format_version": 1, "well": not bad, "findings": [asdict(one) for one in findings]})
    else:
        for one in findings:
            output.data(f"{_SIGNS[one.state]:<8} {one.subject}: {one.text}")
            if one.remedy:
                output.data(f"{'':<8} → {one.remedy}")
        output.say(f"{bad} to be put right." if bad else "All is well.")
    return 1 if bad else 0


async def _all(settings: Settings, ask_models: bool) -> list[Finding]:
    from orchestrator.server.doctor import database, machine, place, service

    found = [*machine.examine(settings.operating), *place.examine(settings.data), *database.examine(settings.data)]
    keys = any(one.subject == "keys" and "live" in one.text for one in found)
    found += [one async for one in service.examine(settings.data, settings.host, settings.port, keys=keys)]
    return found + [one async for one in _models(settings, ask_models)]


async def _models(settings: Settings, ask: bool) -> AsyncIterator[Finding]:
    from orchestrator.errors import OrchestratorError
    from orchestrator.server.doctor.finding import error, note, ok
    from orchestrator.server.models.choosing import advice
    from orchestrator.server.models.compatible import CompatibleModel
    from orchestrator.server.models.door import ModelFault
    from orchestrator.upstreams import of_folder

    try:
        directory = of_folder(settings)
    except OrchestratorError as problem:
        yield error("models", problem.message, problem.hint or "orchestrator validate tells more")
        return
    for route, told in zip(directory.routes, directory.told, strict=True):
        if not ask or not isinstance(route.model, CompatibleModel):
            yield note("models", told, None if ask else "--models asks the endpoints")
            continue
        try:
            await route.model.knock()
            yield ok("models", f"{told}: it answers")
        except ModelFault as fault:
            yield error("models", f"{told}: {fault}", "see to its address, its key and the network")
    await directory.close()
    if advised := advice(directory):
        yield note("models", advised)


def _salvage(settings: Settings, target: Path, fmt: str) -> int:
    from orchestrator.server.doctor.salvage import salvage

    saved = salvage(settings.data, target)
    if fmt == "json":
        output.json({"format_version": 1, "data": str(target), "saved": [asdict(one) for one in saved]})
        return 0
    for one in saved:
        output.data(f"{one.name}: {one.saved} saved" + (f", {one.lost} lost" if one.lost else ""))
    output.say(f"A server can start on it: orchestrator serve --data {target}")
    return 0
