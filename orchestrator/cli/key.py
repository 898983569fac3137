"""`orchestrator key`: the keys of the served API. Works on the data folder, whether a server runs there or not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import options, output
from orchestrator.cli.quantities import Duration, Rate

if TYPE_CHECKING:
    from orchestrator.server.access.issuing import Issuer
    from orchestrator.server.records import Key

_HEAD = ("ID", "WORKSPACE", "STATE", "NAME", "CREATED", "LAST USED", "EXPIRES", "LIMITS")


@click.group(name="key")
def command() -> None:
    """Keys of the served API. As soon as there is one, every request needs one; a key opens one workspace."""


@command.command(name="create")
@options.folder
@options.data
@options.output
@click.option("--workspace", metavar="NAME", default="default", show_default=True, help="What the key opens.")
@click.option("--name", metavar="TEXT", help="What it is for, for the list.")
@click.option("--expires", type=Duration(), help="How long it lives, as in 12h, 90d or 1y (default: for ever).")
@click.option("--rate", type=Rate(), help="Requests, as in 10/s or 600/m (default: 100/s).")
@click.option("--burst", type=click.IntRange(1), metavar="N", help="Requests at once (default: those of two seconds).")
@click.option(
    "--concurrency", type=click.IntRange(1), metavar="N", help="Runs under way, and open streams (default: 1000, 500)."
)
def create(  # noqa: PLR0917 - one for each option
    fmt: str,
    workspace: str,
    name: str | None,
    expires: float | None,
    rate: float | None,
    burst: int | None,
    concurrency: int | None,
    **given: Any,
) -> None:
    """Create a key. It is shown this once, alone on standard output: KEY=$(orchestrator key create)."""
    given_bounds = {"per_second": rate, "burst": burst, "runs": concurrency, "streams": concurrency}
    bounds = {bound: value for bound, value in given_bounds.items() if value is not None}
    issuer = _issuer(**given)
    key, secret = issuer.create(workspace, name=name, seconds=expires, bounds=bounds)
    if fmt == "json":
        output.json({"format_version": 1, "key": {**_shown(key, issuer.now()), "secret": secret.text}})
        return
    output.data(secret.text)
    until = f"until {_minute(key.expires_at)} UTC" if key.expires_at else "until it is revoked"
    output.say(f"The key {key.id} opens the workspace '{key.workspace}' {until}. Keep it: it is not shown again.")


@command.command(name="list")
@options.folder
@options.data
@options.output
def listed(fmt: str, **given: Any) -> None:
    """List all keys, dead ones too. A last use is noted within a minute."""
    issuer = _issuer(**given)
    keys, now = issuer.every(), issuer.now()
    if fmt == "json":
        output.json({"format_version": 1, "keys": [_shown(key, now) for key in keys]})
    elif keys:
        output.table([_HEAD, *(_row(key, now) for key in keys)])
    else:
        output.say("There are no keys.")


@command.command(name="revoke")
@click.argument("ids", metavar="ID…", nargs=-1, required=True)
@options.folder
@options.data
def revoke(ids: tuple[str, ...], **given: Any) -> None:
    """End keys, at once and for good. A server that runs heeds it within seconds, also in streams that are open."""
    issuer = _issuer(**given)
    for key_id in ids:
        output.say(f"Revoked the key {issuer.revoke(key_id).id}.")


@command.command(name="forget")
@click.argument("ids", metavar="ID…", nargs=-1, required=True)
@options.folder
@options.data
def forget(ids: tuple[str, ...], **given: Any) -> None:
    """Take dead keys off the list. When it is empty, a server on this machine asks for none from its next start."""
    issuer = _issuer(**given)
    for key_id in ids:
        output.say(f"Forgot the key {issuer.forget(key_id).id}.")


def _issuer(**given: Any) -> Issuer:
    from orchestrator.server.access.issuing import Issuer

    return Issuer(options.settings(**given).data)


def _shown(key: Key, now: int) -> dict[str, Any]:
    return {
        "id": key.id,
        "workspace": key.workspace,
        "name": key.name,
        "state": _state(key, now),
        "created_at": _iso(key.created_at),
        "used_at": _iso(key.used_at),
        "expires_at": _iso(key.expires_at),
        "revoked_at": _iso(key.revoked_at),
        "limits": dict(key.bounds),
    }


def _row(key: Key, now: int) -> tuple[str, ...]:
    used, expires = (_minute(at) if at else "never" for at in (key.used_at, key.expires_at))
    limits = ", ".join(f"{name} {value:g}" for name, value in key.bounds.items()) or "usual"
    return (key.id, key.workspace, _state(key, now), key.name or "", _minute(key.created_at), used, expires, limits)


def _state(key: Key, now: int) -> str:
    return "revoked" if key.revoked_at is not None else "live" if key.lives(now) else "expired"


def _when(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)


def _minute(at: int) -> str:
    return _when(at).strftime("%Y-%m-%d %H:%M")


def _iso(at: int | None) -> str | None:
    return None if at is None else _when(at).isoformat(timespec="seconds")
