"""Files."""

from __future__ import annotations

from orchestrator.server.dialects.dialect import Out
from orchestrator.server.exchange import Ask
from orchestrator.server.routes.path import Path
from orchestrator.wire.faults import invalid


async def no_uploads(ask: Ask) -> Out:
    """Upload, list, show or delete files (F1, F2)."""
    raise invalid("File uploads are not supported here yet; file ids may be any text.")


PATHS = (
    Path("/files", {"POST": no_uploads, "GET": no_uploads}),
    Path("/files/{file}", {"GET": no_uploads, "DELETE": no_uploads}),
)
