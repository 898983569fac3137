"""`orchestrator thread`: conversations as JSON Lines, out of a server and into one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from orchestrator.cli import options, output, servers

if TYPE_CHECKING:
    from orchestrator.server.announcing import Place
    from orchestrator.transport import Client, Lines

IN_PART = 5  # exit code
PIECE = 64 * 1024  # bytes that are read and sent at once
SECONDS = 600.0  # that the server may take for one long thread

_MEDIA = "application/jsonl"


@click.group(name="thread")
def command() -> None:
    """Threads with their messages, runs and steps, as JSON Lines; ids and times are kept."""


@command.command(name="export")
@click.argument("ids", metavar="[ID…]", nargs=-1)
@click.option("-o", "--output", "file", metavar="FILE", help="Where to write (default: standard output).")
@options.folder
@options.data
@servers.url
@servers.key
@servers.workspace
def export(
    ids: tuple[str, ...], file: str | None, url: str | None, key: str, workspace: str | None, **given: Any
) -> None:
    """Export threads, or all of the workspace. A file is there only when it is complete."""
    settings = options.settings(**given)
    count = asyncio.run(_export(servers.place(settings, url, key), workspace, ids, file))
    output.say(f"Exported {count} object{'' if count == 1 else 's'}.")


@command.command(name="import")
@click.argument("file", metavar="FILE")
@options.folder
@options.data
@servers.url
@servers.key
@servers.workspace
@options.output
def take(file: str, url: str | None, key: str, workspace: str | None, fmt: str, **given: Any) -> int:
    """Import threads from FILE; `-` reads standard input.

    What is there already stays as it is, so a file can be imported again. Also objects as the APIs of OpenAI and of
    Model Studio show them are understood, one a line. The exit code is 5 if only some threads were taken.
    """
    settings = options.settings(**given)
    with _opened(file) as source:
        report = asyncio.run(_import(servers.place(settings, url, key), workspace, source))
    if fmt == "json":
        output.json({"format_version": 1, **{name: value for name, value in report.items() if name != "request_id"}})
    else:
        output.data("\n".join(_told(report)))
    return _exit_code(report)


async def _export(place: Place, workspace: str | None, ids: Sequence[str], file: str | None) -> int:
    from orchestrator.targets.dialect import item

    paths = [item("/threads", one, "export") for one in ids] or ["/threads/export"]
    count = 0
    with _written(file) as write:
        async with _speaking(place, workspace) as client:
            for path in paths:
                async with client.stream("GET", path) as lines:
                    count += await _copy(lines, write)
    return count


async def _copy(lines: Lines, write: Callable[[str], None]) -> int:
    """Write all lines; how many objects they were. Raises: TargetError when the last one is missing."""
    import orjson

    from orchestrator.errors import CannotUnderstand

    if lines.status != 200:
        raise _failure(await lines.whole())
    last = ""
    async for line in lines:
        write(line)
        last = line
    ended = orjson.loads(last).get("end") if last.startswith('{"end"') else None
    if ended is None:
        raise CannotUnderstand("The export broke off before its end.", hint="ask again")
    return ended["lines"]


async def _import(place: Place, workspace: str | None, source: IO[bytes]) -> Mapping[str, Any]:
    async def pieces() -> AsyncGenerator[bytes]:
        while piece := source.read(PIECE):
            yield piece

    async with _speaking(place, workspace) as client:
        answer = await client.send("/threads/import", pieces(), media=_MEDIA)
    if answer.status != 200:
        raise _failure(answer)
    return answer.json()


@asynccontextmanager
async def _speaking(place: Place, workspace: str | None) -> AsyncGenerator[Client]:
    from orchestrator.targets import DIALECTS
    from orchestrator.transport import Client

    headers = DIALECTS["dashscope"].headers(key=place.key, workspace=workspace)
    client = Client(f"{place}/api/v1", headers=headers, timeout=SECONDS)
    try:
        yield client
    finally:
        await client.close()


def _failure(answer: Any) -> Exception:
    from orchestrator.targets import DIALECTS

    return DIALECTS["dashscope"].failure(answer)


@contextmanager
def _written(file: str | None) -> Generator[Callable[[str], None]]:
    """Where lines go; a file appears under its name when all are there."""
    from orchestrator.errors import SettingsError

    if file is None:
        yield output.data
        return
    part = Path(f"{file}.part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as opened:
            yield lambda line: _write(opened, line)
        part.replace(file)
    except OSError as error:
        raise SettingsError(f"{file} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)


def _write(opened: IO[str], line: str) -> None:
    opened.write(line + "\n")


@contextmanager
def _opened(file: str) -> Generator[IO[bytes]]:
    from orchestrator.errors import SettingsError

    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        opened = Path(file).open("rb")  # noqa: SIM115 - closed below; what is raised inside is no matter of the file
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}.") from error
    with opened:
        yield opened


def _told(report: Mapping[str, Any]) -> Generator[str]:
    """The report for a person: sums first, then what needs a look."""
    threads, objects = report["threads"], report["objects"]
    outcomes = ", ".join(f"{count} {name}" for name, count in threads.items() if count)
    yield f"{sum(threads.values())} threads: {outcomes or 'nothing to do'}; {objects['new']} new objects"
    for problem in report["problems"]:
        whose = f", {problem['thread_id']}" if problem["thread_id"] else ""
        yield f"! line {problem['line']}{whose}: {problem['message']}"
    if report["more_problems"]:
        yield f"! and {report['more_problems']} more"
    for note in report["notes"]:
        yield f"  line {note['line']}: {note['message']}"


def _exit_code(report: Mapping[str, Any]) -> int:
    if not report["problems"]:
        return 0
    taken = sum(count for name, count in report["threads"].items() if name != "refused")
    return IN_PART if taken else 1
