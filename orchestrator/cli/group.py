"""click's side of the command line: finds the command's file when it is called, and turns errors into exit codes."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module

import click

from orchestrator.cli import several
from orchestrator.cli.commands import COMMANDS, NESTED, help_text
from orchestrator.diagnostics import did_you_mean
from orchestrator.errors import ManifestsInvalid, OrchestratorError, PluginsInvalid

USAGE = 64
INTERRUPTED = 130


class Lazy(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = import_module(f"orchestrator.cli.{COMMANDS[cmd_name][0]}").command
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            hint = did_you_mean(args[0], COMMANDS) or ""
            raise click.UsageError(f"there is no command '{args[0]}'; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def get_help(self, ctx: click.Context) -> str:
        return help_text()


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
def program() -> None:
    """Assistants as code."""


def run(arguments: list[str]) -> int:
    """Run one command line; the exit code. A known error is a message and a hint; an unknown one is a bug."""
    if len(arguments) > 2 and arguments[0] == "-C":  # as with git and make, also before the command
        words = 2 if arguments[2] in NESTED else 1
        arguments = [*arguments[2 : 2 + words], *arguments[:2], *arguments[2 + words :]]
    try:
        environments = several.asked(arguments)
        return several.each(arguments, environments, _one) if environments else _one(arguments)
    except click.UsageError as error:
        return _usage(error)


def _one(arguments: list[str]) -> int:
    try:
        result = program.main(arguments, prog_name="orchestrator", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.UsageError as error:
        return _usage(error)
    except (click.Abort, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except click.ClickException as error:
        print(f"error: {error.format_message()}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return _closed_pipe()
    except OrchestratorError as error:
        return _known(error)
    return result if isinstance(result, int) else 0


def _usage(error: click.UsageError) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        print(error.format_message(), file=sys.stderr)
        return USAGE
    print(f"error: {error.format_message()}", file=sys.stderr)
    if error.ctx is not None:
        print(f"  hint: {error.ctx.command_path} --help", file=sys.stderr)
    return USAGE


def _known(error: OrchestratorError) -> int:
    if isinstance(error, ManifestsInvalid | PluginsInvalid):
        print(error.message, file=sys.stderr)
        return error.exit_code
    print(f"error {error.code}: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"  hint: {error.hint}", file=sys.stderr)
    return error.exit_code


def _closed_pipe() -> int:
    """The reader of our output went away, as `| head` does: not an error worth a word."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + signal.SIGPIPE
