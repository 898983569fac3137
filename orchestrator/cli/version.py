"""`orchestrator version`."""

from __future__ import annotations

import click

from orchestrator import __version__
from orchestrator.cli import output


@click.command(name="version")
def command() -> None:
    """Print the version."""
    output.data(__version__)
