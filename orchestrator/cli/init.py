"""`orchestrator init DIR`: a project that works at once."""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.cli import output


@click.command(name="init")
@click.argument("folder", default=".", type=click.Path(file_okay=False, path_type=Path), metavar="[DIR]")
def command(folder: Path) -> None:
    """Make a project in DIR: manifests, a plug-in with its test, a CI workflow. Files that are there already stay."""
    import orjson

    from orchestrator.cli import starting
    from orchestrator.errors import SettingsError
    from orchestrator.manifests import json_schema, writing

    schema = orjson.dumps(json_schema(), option=orjson.OPT_INDENT_2).decode() + "\n"
    wanted = {**starting.files(), "schema.json": schema}
    if (folder / "assistants.d").exists():
        raise SettingsError(f"{folder / 'assistants.d'} is there already.", hint="choose an empty folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"{folder} cannot be made: {error.strerror}.") from error
    for name, text in wanted.items():
        if (folder / name).exists():
            output.say(f"{name} is there already, and stays.")
            continue
        writing.create(folder, name, text)
        output.changes(f"+ {name}")
    hook = folder / ".githooks/pre-commit"
    hook.chmod(hook.stat().st_mode | 0o111)
    where = "" if folder == Path() else f"cd {folder} && "
    output.say(f"Now: {where}orchestrator up")
    output.say('From a second shell there: orchestrator ask guide "Are you open on sunday?"')
