"""`orchestrator serve`: the Assistant API alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import options, output

if TYPE_CHECKING:
    from orchestrator.server.models.directory import Directory
    from orchestrator.settings import Settings


@click.command(name="serve")
@options.folder
@options.environment
@click.option(
    "--model",
    "named",
    metavar="PATTERN=URL",
    multiple=True,
    envvar="ORCHESTRATOR_MODELS",
    help="Model names that match are answered by an endpoint: 'qwen-*=https://…/v1'; PATTERN=NAME@URL if it knows "
    "the model by another name; a URL alone serves all. Repeatable; the first match wins.",
)
@click.option("--model-key-env", "key", metavar="NAME", help="The variable with their key (ORCHESTRATOR_MODEL_KEY).")
@click.option("--context-tokens", "tokens", type=click.IntRange(1), help="How many tokens they take.")
@options.host
@options.port
@options.data
@options.run_timeout
@options.operating
def command(named: tuple[str, ...], key: str | None, tokens: int | None, **given: Any) -> None:
    """Serve the Assistant API until a signal comes.

    Models are those of --model, else `models` of the folder's Environment, else the offline model. Assistants and
    plug-ins of the folder are not looked at: `up` does that.
    """
    from orchestrator.server.running import running
    from orchestrator.server.serving import run, settle, signals

    settings = options.served(**given)
    models = _models(settings, named, key, tokens, chosen=given["environment"] is not None)

    async def main() -> None:
        with signals() as called:
            async with running(settings, models=models) as place:
                output.say(f"Serving the Assistant API on {place}/api/v1, data in {settings.data}. Ctrl-C stops.")
                output.entry(place)
                output.models(models)
                settle()
                await called.wait()
                output.say("Stopping …")
        await models.close()

    run(main)


def _models(
    settings: Settings, named: tuple[str, ...], key: str | None, tokens: int | None, *, chosen: bool
) -> Directory:
    """Those of the options, and if an environment was chosen as well, its own behind them."""
    from orchestrator.errors import SettingsError
    from orchestrator.server.models import choosing
    from orchestrator.server.models.directory import Directory

    if not named:
        if key or tokens:
            raise SettingsError("--model-key-env and --context-tokens say something of --model, which is missing.")
        return _of_folder(settings)
    routes = choosing.of_options(named, choosing.key_of(settings.environ, key), tokens)
    return Directory([*routes, *(_of_folder(settings).routes if chosen else ())])


def _of_folder(settings: Settings) -> Directory:
    """What the folder's Environment says; where there are no manifests, none are read, which makes a quick start."""
    from orchestrator.settings import LOCAL

    if settings.environment == LOCAL and not settings.manifests.exists():
        from orchestrator.server.models.choosing import offline

        return offline()
    from orchestrator.upstreams import of_folder

    return of_folder(settings)
