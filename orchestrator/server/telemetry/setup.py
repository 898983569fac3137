"""Puts the instruments together, as the settings ask for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from threading import Thread

from orchestrator.errors import SettingsError
from orchestrator.server.telemetry.instruments import Instruments
from orchestrator.settings import Operating

FLUSH_SECONDS = 3.0  # for the last spans to be sent


@asynccontextmanager
async def instruments(operating: Operating) -> AsyncGenerator[Instruments]:
    """Instruments for one server; at the end what is left of the traces is sent.

    Raises: SettingsError when traces are asked for and OpenTelemetry is not installed.
    """
    if not operating.trace:
        yield Instruments()
        return
    try:
        from orchestrator.server.telemetry import otel  # noqa: PLC0415 - an extra, and large
    except ImportError as error:
        raise SettingsError(
            "Traces are asked for, but OpenTelemetry is not installed.",
            hint="pip install 'assistant-orchestrator[otel]', or unset OTEL_EXPORTER_OTLP_ENDPOINT",
        ) from error
    provider = otel.provider(operating.traces_to)
    try:
        yield Instruments(traces=otel.OtelTraces(provider))
    finally:
        sending = Thread(target=provider.shutdown, name="last-spans", daemon=True)
        sending.start()
        await asyncio.to_thread(sending.join, FLUSH_SECONDS)
