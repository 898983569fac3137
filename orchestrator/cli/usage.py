"""`orchestrator usage`: tokens and runs, as a server has counted them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import options, output, servers

if TYPE_CHECKING:
    from orchestrator.server.announcing import Place

GROUPS = ("day", "assistant", "model")
COUNTS = ("runs", "turns", "prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens", "reasoning_tokens")

_NAMES = ("day", "assistant_name", "assistant_id", "model")


@click.command(name="usage")
@options.folder
@options.data
@click.option("--by", "by", multiple=True, type=click.Choice(GROUPS), help="Group by this; repeatable (default: day).")
@click.option("--from", "first", metavar="DAY", help="The first day, YYYY-MM-DD, UTC (default: 30 days up to --to).")
@click.option("--to", "last", metavar="DAY", help="The last day, counted too (default: today).")
@servers.url
@servers.key
@servers.workspace
@options.output
def command(url: str | None, key: str, workspace: str | None, fmt: str, **given: Any) -> None:
    """Show what was used: of the server that runs on the folder's data, or of the one at --url."""
    asked = {"group_by": ",".join(given.pop("by")), "from": given.pop("first"), "to": given.pop("last")}
    settings = options.settings(**given)
    query = {name: value for name, value in asked.items() if value}
    told = asyncio.run(_ask(servers.place(settings, url, key), workspace, query))
    if fmt == "json":
        output.json({"format_version": 1, **{name: value for name, value in told.items() if name != "request_id"}})
    else:
        output.data("\n".join(_lines(told)))


async def _ask(place: Place, workspace: str | None, query: Mapping[str, str]) -> Mapping[str, Any]:
    from orchestrator.targets import open_target

    target = open_target("dashscope", f"{place}/api/v1", api_key=place.key, workspace=workspace)
    try:
        return await target.usage(**query)
    finally:
        await target.close()


def _lines(told: Mapping[str, Any]) -> Iterator[str]:
    """A table, its sums in the last line."""
    groups: Sequence[Mapping[str, Any]] = told["data"]
    names = [name for name in _NAMES if any(name in group for group in groups)]
    rows = [[*(str(group.get(name) or "") for name in names), *_counts(group)] for group in groups]
    heads = [*(name.removesuffix("_name") for name in names), *(name.removesuffix("_tokens") for name in COUNTS)]
    total = ["total", *("" for _ in names[1:]), *_counts(told["total"])]
    yield f"{told['from']} to {told['to']}"
    yield from _table([heads if names else ["", *heads], *rows, total], left=max(1, len(names)))
    if told["has_more"]:
        yield "(there are more; the total counts them)"


def _counts(group: Mapping[str, Any]) -> list[str]:
    return [str(group[name]) for name in COUNTS]


def _table(rows: Sequence[Sequence[str]], *, left: int) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [c.ljust(w) if nth < left else c.rjust(w) for nth, (c, w) in enumerate(zip(row, widths, strict=True))]
        yield "  ".join(cells).rstrip()
