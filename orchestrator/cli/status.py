"""`orchestrator status`: what the controller of this folder knows of each assistant."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import options, output

if TYPE_CHECKING:
    from orchestrator.controller.status import Report

_HEAD = ("ASSISTANT", "STATE", "REVISION", "SINCE", "NEXT TRY", "CAUSE")
_TROUBLE = 1


@click.command(name="status")
@click.argument("name", required=False)
@options.folder
@options.data
@options.output
@click.option("--watch", is_flag=True, help="Show it again whenever something changes, until Ctrl-C.")
def command(name: str | None, fmt: str, watch: bool, **given: Any) -> int:
    """Show the state of the assistants that `up` looks after. Exit code 1 if one has failed, or nobody looks."""
    from orchestrator.controller.status import read
    from orchestrator.errors import SettingsError

    data = options.settings(environment="local", **given).data
    shown: Report | None = None
    code = 0
    while True:
        report = read(data)
        if report is None:
            raise SettingsError(f"No controller was ever started on {data}.", hint="orchestrator up")
        if report != shown:
            code = _show(report, name, fmt)
            shown = report
        if not watch:
            return code
        time.sleep(0.5)


def _show(report: Report, name: str | None, fmt: str) -> int:
    from orchestrator.diagnostics import did_you_mean
    from orchestrator.errors import SettingsError

    chosen = [one for one in report.assistants if name is None or one.name == name]
    if name is not None and not chosen:
        known = [one.name for one in report.assistants]
        raise SettingsError(f"There is no assistant '{name[:80]}'.", hint=did_you_mean(name, known))
    if fmt == "json":
        told = [one.to_json() for one in chosen]
        output.json(
            {"format_version": 1, "ready": report.ready, "alive": report.alive, "at": report.at, "assistants": told}
        )
    else:
        rows = [
            (one.name, one.state, str(one.revision or "-"), _when(one.since), _when(one.next_try), one.cause or "-")
            for one in chosen
        ]
        output.table([_HEAD, *rows])
    if not report.alive:
        output.say(f"The controller has ended; this is what it knew at {_when(report.at)}.")
    elif not report.ready:
        output.say("Its last look failed: see what it said.")
    failed = any(one.state == "Failed" for one in chosen)
    return _TROUBLE if failed or not report.alive or not report.ready else 0


def _when(seconds: float | None) -> str:
    return "-" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
