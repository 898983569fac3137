"""What was used."""

from __future__ import annotations

from orchestrator.server.dialects.dialect import Out
from orchestrator.server.exchange import Ask
from orchestrator.server.routes.path import Path
from orchestrator.server.service.usage import day, groups


async def get_usage(ask: Ask) -> Out:
    """Add up the workspace's tokens and ended runs."""
    by = groups(ask.query.get("group_by") or "day")
    first, last = day(ask.query.get("from", ""), "from"), day(ask.query.get("to", ""), "to")
    report = await ask.services.usage.report(ask.workspace, by, first, last)
    return {
        "object": "list",
        "from": report.first.isoformat(),
        "to": report.last.isoformat(),
        "data": [{"object": "usage", **group} for group in report.groups],
        "total": dict(report.total),
        "has_more": report.has_more,
    }


PATHS = (Path("/usage", {"GET": get_usage}),)
