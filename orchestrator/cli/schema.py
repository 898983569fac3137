"""`orchestrator schema`: the JSON Schema of manifests, for editors."""

from __future__ import annotations

import click

from orchestrator.cli import output


@click.command(name="schema")
def command() -> None:
    """Print the JSON Schema of manifests, for editors that complete and check YAML."""
    from orchestrator.manifests import json_schema

    output.json(json_schema())
