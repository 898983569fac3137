"""Files."""

from __future__ import annotations

from orchestrator.server.dialects.dialect import Out
from orchestrator.server.exchange import Ask
from orchestrator.server.routes.path import Path
from orchestrator.wire.faults import invalid


async def upload_file(ask: Ask) -> Out:
    """Upload a file (F1)."""
    raise invalid(_NO_UPLOADS)


async def list_files(ask: Ask) -> Out:
    """List the workspace's files (F2)."""
    raise invalid(_NO_UPLOADS)


async def get_file(ask: Ask) -> Out:
    """Show a file (F2)."""
    raise invalid(_NO_UPLOADS)


async def delete_file(ask: Ask) -> Out:
    """Delete a file (F2)."""
    raise invalid(_NO_UPLOADS)


_NO_UPLOADS = "File uploads are not supported here yet; file ids may be any text."

PATHS = (
    Path("/files", {"POST": upload_file, "GET": list_files}),
    Path("/files/{file}", {"GET": get_file, "DELETE": delete_file}),
)
