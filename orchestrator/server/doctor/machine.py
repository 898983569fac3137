"""The machine: Python, SQLite, limits of the process, what is installed beyond the necessary."""

from __future__ import annotations

import resource
import sqlite3
import sys
from collections.abc import Iterator
from importlib.util import find_spec

from orchestrator.server.doctor.finding import Finding, error, note, ok, warning
from orchestrator.server.tokens import qwen
from orchestrator.settings import Operating

PYTHON = (3, 11)
SQLITE = (3, 37)  # STRICT tables
FILES = 1024  # that a process should be able to open: each connection is one


def examine(operating: Operating) -> Iterator[Finding]:
    """All of it."""
    yield _version("python", sys.version_info[:2], PYTHON, "install a newer Python")
    yield _version("sqlite", sqlite3.sqlite_version_info[:2], SQLITE, "use a Python that brings a newer SQLite")
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft != resource.RLIM_INFINITY and soft < FILES:
        yield warning(
            "limits", f"a process may open only {soft} files", f"ulimit -n {FILES} or more: streams need them"
        )
    else:
        yield ok("limits", f"{soft} open files")
    yield _tokenizer()
    yield from _traces(operating)


def _version(subject: str, found: tuple[int, ...], least: tuple[int, ...], remedy: str) -> Finding:
    said, wanted = (".".join(map(str, version)) for version in (found, least))
    return ok(subject, said) if found >= least else error(subject, f"{said} is older than {wanted}", remedy)


def _tokenizer() -> Finding:
    if qwen.vocabulary() is not None:
        return ok("tokenizer", "Qwen's own vocabulary")
    remedy = "pip install 'assistant-orchestrator[tokenizer]' counts Qwen's tokens exactly"
    return note("tokenizer", "tokens are estimated, never too low", remedy)


def _traces(operating: Operating) -> Iterator[Finding]:
    installed = find_spec("opentelemetry") is not None and find_spec("opentelemetry.sdk") is not None
    if operating.trace and not installed:
        remedy = "pip install 'assistant-orchestrator[otel]', or unset OTEL_EXPORTER_OTLP_ENDPOINT"
        yield error("traces", "they are asked for, but OpenTelemetry is not installed", remedy)
    elif operating.trace:
        yield ok("traces", "on")
    else:
        how = "--traces-to URL or OTEL_EXPORTER_OTLP_ENDPOINT turns them on"
        yield note("traces", "off", how if installed else f"{how}, with the extra 'otel' installed")
