"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from orchestrator.cli import output as terminal
from orchestrator.cli.quantities import Rate
from orchestrator.settings import LOG_FORMATS, LOG_LEVELS, LONGEST_GRACE, LONGEST_RUN, MOST_MIB, MOST_RUNS, Settings

F = TypeVar("F", bound=Callable[..., Any])

folder = click.option("-C", "--dir", "folder", metavar="DIR", help="The project's folder (default: here).")
environment = click.option(
    "-e",
    "--env",
    "environment",
    metavar="ENV",
    help="An Environment (default: local); of plan, apply, drift, diff and validate several, or --all-envs.",
)
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
_operating = (
    click.option("--log-format", type=click.Choice(LOG_FORMATS), help="Form of the log on stderr (default: text)."),
    click.option("--log-level", type=click.Choice(LOG_LEVELS), help="From which level on (default: warning)."),
    click.option("--log-content", is_flag=True, help="Let the log quote what errors say, perhaps words of users."),
    click.option("--traces-to", metavar="URL", help="Base address of an OTLP receiver for traces (extra 'otel')."),
    click.option(
        "--grace",
        type=click.FloatRange(0, LONGEST_GRACE),
        metavar="SECONDS",
        help="Time for turns under way when the server stops (default: 5).",
    ),
    click.option(
        "--runs",
        type=click.IntRange(1, MOST_RUNS),
        metavar="N",
        help="Runs that are carried out at a time (default: 160); one workspace gets four in five of the places.",
    ),
    click.option("--require-keys", is_flag=True, help="Demand keys also on this machine."),
    click.option("--workspace-rate", type=Rate(), help="All keys of a workspace, as in 600/m (default: 300/s)."),
    click.option(
        "--workspace-concurrency",
        type=click.IntRange(1),
        metavar="N",
        help="Runs under way, and open streams, of a workspace (default: 5000 and 2000).",
    ),
    click.option(
        "--file-mib", type=click.IntRange(1, MOST_MIB), metavar="MIB", help="Size of an uploaded file (default: 512)."
    ),
    click.option(
        "--files-mib",
        type=click.IntRange(1, MOST_MIB),
        metavar="MIB",
        help="Size of all files of a workspace (default: 10240).",
    ),
)
yes = click.option("--yes", is_flag=True, help="Do not ask.")
_selecting = (
    click.option(
        "--select",
        multiple=True,
        metavar="WORDS",
        help="Only these: NAME, label:KEY=VALUE, path:…, tool:…, template:…, state:changed; commas mean and.",
    ),
    click.option("--exclude", multiple=True, metavar="WORDS", help="All but these, in the same words."),
)


def selecting(command: F) -> F:
    """The options that choose among assistants."""
    for option in reversed(_selecting):
        command = option(command)
    return command


def operating(command: F) -> F:
    """The options of commands that run a server: its log, its traces, its files, its end, who may use it."""
    for option in reversed(_operating):
        command = option(command)
    return command


def served(**given: Any) -> Settings:
    """As `settings`, for a command that runs a server: its log begins."""
    from orchestrator.server.telemetry import logs

    made = settings(**given)
    how = made.operating
    logs.configure(how.log_format, how.log_level, content=how.log_content)
    return made


def settings(**given: Any) -> Settings:
    """Settings from this process's environment and the options that were given. From here on plug-ins may print."""
    terminal.keep_data_apart()
    return Settings.read(os.environ, **given)
