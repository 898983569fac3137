"""`orchestrator validate`: everything that is wrong in the files, in one run, without any target."""

from __future__ import annotations

from typing import Any

import click

from orchestrator.cli import options, output


@click.command(name="validate")
@options.folder
@options.environment
@options.output
def command(fmt: str, **given: Any) -> int:
    """Check manifests and plug-ins; nothing is contacted. Exit code 1 if anything is wrong."""
    from orchestrator.diagnostics import in_order
    from orchestrator.errors import ManifestsInvalid
    from orchestrator.policing import judge_folder
    from orchestrator.workspace import Workspace

    try:
        work = Workspace.read(options.settings(**given))
    except ManifestsInvalid as error:
        diagnostics, counts = error.diagnostics, "nothing could be put together"
    else:
        diagnostics = (*work.diagnostics, *judge_folder(work).diagnostics)
        loaded = work.loaded
        counts = (
            f"{len(loaded.assistants)} assistants, {len(loaded.templates)} templates, {len(loaded.tools)} tools, "
            f"{len(loaded.plugins)} plug-in endpoints, {len(loaded.environments)} environments, "
            f"{len(work.registry.names)} functions"
        )
    errors = sum(d.severity == "error" for d in diagnostics)
    if fmt == "json":
        output.json({"format_version": 1, "valid": not errors, "diagnostics": [d.as_json() for d in diagnostics]})
        return int(bool(errors))
    for diagnostic in in_order(diagnostics):
        output.say(str(diagnostic))
    found = f"{errors} error{'s' if errors > 1 else ''}. What could be read: {counts}."
    output.data(found if errors else f"All good: {counts}.")
    return int(bool(errors))
