"""Files."""

from __future__ import annotations

from urllib.parse import quote

from orchestrator.server.content import Content
from orchestrator.server.dialects.dialect import Out
from orchestrator.server.exchange import Ask, Streamed
from orchestrator.server.forms import OVERHEAD, read_form
from orchestrator.server.routes.path import Path
from orchestrator.wire.faults import Fault
from orchestrator.wire.files import media_type


async def upload_file(ask: Ask) -> Out:
    """Upload files (F1)."""
    _refuse_too_large(ask)
    files, uploads = ask.services.files, ask.dialect.uploads
    async with files.receiving(ask.workspace) as tray:
        form = await read_form(ask.headers.get("content-type", ""), ask.pieces, tray.begin)
        done = await files.keep(ask.workspace, uploads.new_files(form))
    return uploads.uploaded(done, _place(ask))


async def list_files(ask: Ask) -> Out:
    """List the workspace's files (F2)."""
    wanted = ask.dialect.uploads.wanted(ask.query)
    sheet = await ask.services.files.list(ask.workspace, wanted)
    return ask.dialect.uploads.files(sheet, wanted, _place(ask))


async def get_file(ask: Ask) -> Out:
    """Show a file (F2)."""
    file = await ask.services.files.get(ask.workspace, ask.ids["file"])
    return ask.dialect.uploads.file(file, _place(ask))


async def delete_file(ask: Ask) -> Out:
    """Delete a file (F2)."""
    await ask.services.files.delete(ask.workspace, ask.ids["file"])
    return ask.dialect.uploads.deleted(ask.ids["file"])


async def get_file_content(ask: Ask) -> Content:
    """Hand out the content of a file, for keeping and never for showing (F3)."""
    file, chunks = await ask.services.files.content(ask.workspace, ask.ids["file"])
    return Content(
        type=media_type(file.name),
        length=file.size,
        chunks=chunks,
        headers={"content-disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}"},
    )


def _place(ask: Ask) -> str:
    """The address of the list of files, as the client sees this server."""
    return f"{ask.origin}{ask.dialect.base}/files"


def _refuse_too_large(ask: Ask) -> None:
    """Refuse at once what could only be refused at its end."""
    length, most = ask.headers.get("content-length", ""), ask.dialect.uploads.most * ask.services.files.rules.file
    if length.isdigit() and int(length[:20]) > most + OVERHEAD:
        raise Fault("too_large", f"An upload may bring {most} bytes at most.", "file")


PATHS = (
    Path("/files", {"POST": Streamed(upload_file), "GET": list_files}),
    Path("/files/{file}", {"GET": get_file, "DELETE": delete_file}),
    Path("/files/{file}/content", {"GET": get_file_content}),
)
