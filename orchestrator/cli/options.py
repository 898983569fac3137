"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from orchestrator.cli import output as terminal
from orchestrator.settings import LONGEST_RUN, Settings

F = TypeVar("F", bound=Callable[..., Any])

folder = click.option("-C", "--dir", "folder", metavar="DIR", help="The project's folder (default: here).")
environment = click.option("-e", "--env", "environment", metavar="ENV", help="An Environment (default: local).")
project = click.option("--project", metavar="NAME", help="Owner of the assistants, with the environment.")
output = click.option("--format", "fmt", type=click.Choice(["text", "json"]), default="text", show_default=True)
host = click.option("--host", metavar="HOST", help="Address to listen on (default: 127.0.0.1).")
port = click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (default: 8700; 0: any).")
data = click.option("--data", metavar="DIR", help="The server's data (default: .orchestrator).")
run_timeout = click.option(
    "--run-timeout",
    type=click.FloatRange(1, LONGEST_RUN),
    metavar="SECONDS",
    help="Time that a run may take, waiting included (default: 600).",
)
yes = click.option("--yes", is_flag=True, help="Do not ask.")


def settings(**given: Any) -> Settings:
    """Settings from this process's environment and the options that were given. From here on plug-ins may print."""
    terminal.keep_data_apart()
    return Settings.read(os.environ, **given)
