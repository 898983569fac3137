"""Which server a command speaks to: the one that runs on the folder's data, or another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from orchestrator.server.announcing import Place
    from orchestrator.settings import Settings

KEY = "ORCHESTRATOR_KEY"

url = click.option("--url", metavar="URL", help="Another server: its address, without /api/v1.")
key = click.option(
    "--key-env", "key", metavar="NAME", default=KEY, show_default=True, help="The variable with the key for --url."
)
workspace = click.option("--workspace", metavar="NAME", help="The workspace (default: that of the key, or 'default').")


def place(settings: Settings, url: str | None, key: str) -> Place:
    """Where the server is; the folder's own needs no key of ours. Raises: SettingsError."""
    from orchestrator.errors import SettingsError
    from orchestrator.server.announcing import Place, announced

    if url:
        return Place(address=url.rstrip("/"), key=settings.environ.get(key) or None)
    found = announced(settings.data)
    if found is None:
        raise SettingsError(f"No server runs on {settings.data}.", hint="start one (up, serve), or give --url URL")
    return found
