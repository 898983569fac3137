"""`orchestrator schema`: the JSON Schema of manifests, for editors; or the OpenAPI document of the server."""

from __future__ import annotations

import click

from orchestrator.cli import output


@click.command(name="schema")
@click.option("--api", is_flag=True, help="The OpenAPI document of the server, in all its dialects.")
def command(api: bool) -> None:
    """Print the JSON Schema of manifests, for editors that complete and check YAML."""
    if api:
        from orchestrator.server.openapi import document

        output.json(document())
        return
    from orchestrator.manifests import json_schema

    output.json(json_schema())
