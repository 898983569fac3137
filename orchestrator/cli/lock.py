"""`orchestrator lock`: who applies from this data folder now, and the end of a lock whose process is gone."""

from __future__ import annotations

from typing import Any

import click

from orchestrator.cli import options, output


@click.group(name="lock")
def command() -> None:
    """List and release locks."""


@command.command(name="list")
@options.folder
@options.output
@options.data
def list_(fmt: str, **given: Any) -> int:
    """Show who applies, since when, until when."""
    from orchestrator.journal import Journal, leases

    journal = Journal(options.settings(**given).data)
    found = leases.leases(journal)
    now = journal.clock()
    journal.close()
    if fmt == "json":
        locks = [
            {"owner": o.owner, "holder": o.holder, "id": o.nonce, "taken": o.taken, "expires": o.expires} for o in found
        ]
        output.json({"format_version": 1, "locks": locks})
    elif found:
        ends = [leases.moment(o.expires) if o.expires > now else "expired" for o in found]
        rows = [(o.nonce, o.owner, o.holder, leases.moment(o.taken), end) for o, end in zip(found, ends, strict=True)]
        output.table([("ID", "OWNER", "HOLDER", "SINCE", "UNTIL"), *rows])
    else:
        output.say("Nobody applies.")
    return 0


@command.command(name="release")
@click.argument("id")
@options.folder
@options.data
def release(id: str, **given: Any) -> int:
    """End a lock by its id; whoever had it begins nothing more."""
    from orchestrator.errors import SettingsError
    from orchestrator.journal import Journal, leases

    journal = Journal(options.settings(**given).data)
    ended = leases.release(journal, id)
    journal.close()
    if not ended:
        raise SettingsError(f"There is no lock '{id[:80]}'.", hint="orchestrator lock list")
    output.say("Released.")
    return 0
