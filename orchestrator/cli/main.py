"""The way in. Prints bare help without importing click; errors leave the process as exit codes (`group.py`)."""

from __future__ import annotations

import sys

from orchestrator import __version__
from orchestrator.cli.commands import help_text


def main() -> None:
    """Run the command line of this process, and exit."""
    arguments = sys.argv[1:]
    if arguments in ([], ["--help"], ["-h"]):
        print(help_text())
        sys.exit(0)
    if arguments == ["--version"]:
        print(__version__)
        sys.exit(0)
    from orchestrator.cli.group import run

    sys.exit(run(arguments))
