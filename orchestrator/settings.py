"""Environment variables and options become one frozen `Settings`; nothing else reads `os.environ` for them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from orchestrator.errors import SettingsError

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8700
RUN_SECONDS = 600.0
LONGEST_RUN = 604_800.0
GRACE_SECONDS = 5.0
LONGEST_GRACE = 3600.0
RUNS = 160
MOST_RUNS = 10_000
FILE_MIB = 512
FILES_MIB = 10 * 1024
MOST_MIB = 1024 * 1024 * 1024
_FLAGS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
LOCAL = "local"  # the built-in environment: the embedded server

W = TypeVar("W", bound=str)
LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]
LOG_FORMATS: tuple[LogFormat, ...] = ("text", "json")
LOG_LEVELS: tuple[LogLevel, ...] = ("debug", "info", "warning", "error")
_OTLP = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operating:
    """How a server is run: its log, its traces, its files, its end.

    `traces_to`: base address of an OTLP receiver; `trace`: whether there are traces at all; `grace`: seconds that turns
    under way get when it stops; `runs`: how many are carried out at a time; `file_mib`, `files_mib`: what one uploaded
    file may have, and all of a workspace.
    """

    log_format: LogFormat = "text"
    log_level: LogLevel = "warning"
    log_content: bool = False
    trace: bool = False
    traces_to: str | None = None
    grace: float = GRACE_SECONDS
    runs: int = RUNS
    file_mib: int = FILE_MIB
    files_mib: int = FILES_MIB

    @classmethod
    def read(
        cls,
        environ: Mapping[str, str],
        *,
        log_format: str | None = None,
        log_level: str | None = None,
        log_content: bool = False,
        traces_to: str | None = None,
        grace: float | None = None,
        runs: int | None = None,
        file_mib: int | None = None,
        files_mib: int | None = None,
    ) -> Operating:
        """Options win over `ORCHESTRATOR_*` variables. `OTEL_EXPORTER_OTLP_ENDPOINT` asks for traces as well.

        Raises:
            SettingsError: a variable has a value that it cannot have.
        """
        named = any(environ.get(name) for name in _OTLP) and environ.get("OTEL_SDK_DISABLED", "").lower() != "true"
        return cls(
            log_format=_word(environ, "ORCHESTRATOR_LOG_FORMAT", log_format, "text", LOG_FORMATS),
            log_level=_word(environ, "ORCHESTRATOR_LOG_LEVEL", log_level, "warning", LOG_LEVELS),
            log_content=log_content,
            trace=bool(traces_to or named),
            traces_to=traces_to,
            grace=_seconds(environ, "ORCHESTRATOR_GRACE", GRACE_SECONDS, 0, LONGEST_GRACE) if grace is None else grace,
            runs=_count(environ, "ORCHESTRATOR_RUNS", RUNS, MOST_RUNS, "runs") if runs is None else runs,
            file_mib=_mib(environ, "ORCHESTRATOR_FILE_MIB", FILE_MIB) if file_mib is None else file_mib,
            files_mib=_mib(environ, "ORCHESTRATOR_FILES_MIB", FILES_MIB) if files_mib is None else files_mib,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What holds for one command. Paths are absolute; `environ` is the process environment as it was."""

    folder: Path
    data: Path
    environment: str
    project: str | None
    host: str
    port: int
    environ: Mapping[str, str]
    run_seconds: float = RUN_SECONDS  # that a run may take when no manifest says otherwise
    operating: Operating = field(default_factory=Operating)
    require_keys: bool = False  # also on this machine
    workspace_rate: float | None = None  # requests per second of all keys of a workspace; None: the server's own limit
    workspace_concurrency: int | None = None  # the same of runs that are not over, and of open streams

    @property
    def manifests(self) -> Path:
        """The folder of manifests, `assistants.d` below `folder`."""
        return self.folder / "assistants.d"

    @property
    def plugins(self) -> Path:
        """The folder of plug-ins, `plugins` below `folder`."""
        return self.folder / "plugins"

    @classmethod
    def read(
        cls,
        environ: Mapping[str, str],
        *,
        folder: str | Path | None = None,
        environment: str | None = None,
        project: str | None = None,
        data: str | Path | None = None,
        host: str | None = None,
        port: int | None = None,
        run_timeout: float | None = None,
        require_keys: bool = False,
        workspace_rate: float | None = None,
        workspace_concurrency: int | None = None,
        **operating: Any,
    ) -> Settings:
        """Options win over `ORCHESTRATOR_*` variables, those over defaults. `operating`: see `Operating.read`.

        Raises:
            SettingsError: the folder does not exist, the port is not a number from 0 to 65535, the run timeout
                not one from 1 to 604,800 (seconds, a week), or a flag neither yes nor no.
        """
        root = Path(folder or environ.get("ORCHESTRATOR_DIR") or ".").absolute()
        if not root.is_dir():
            raise SettingsError(f"There is no folder {root}.", hint="give the project's folder with -C DIR")
        return cls(
            folder=root,
            data=(root / (data or environ.get("ORCHESTRATOR_DATA") or ".orchestrator")),
            environment=environment or environ.get("ORCHESTRATOR_ENV") or LOCAL,
            project=project or environ.get("ORCHESTRATOR_PROJECT") or None,
            host=host or environ.get("ORCHESTRATOR_HOST") or DEFAULT_HOST,
            port=_port(environ) if port is None else port,
            environ=environ,
            run_seconds=_run_seconds(environ) if run_timeout is None else run_timeout,
            require_keys=require_keys or _flag(environ, "ORCHESTRATOR_REQUIRE_KEYS"),
            workspace_rate=workspace_rate,
            workspace_concurrency=workspace_concurrency,
            operating=Operating.read(environ, **operating),
        )


def _port(environ: Mapping[str, str]) -> int:
    text = environ.get("ORCHESTRATOR_PORT") or str(DEFAULT_PORT)
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise SettingsError(f"ORCHESTRATOR_PORT is '{text}', not a port.", hint="a number from 0 to 65535")
    return int(text)


def _flag(environ: Mapping[str, str], name: str) -> bool:
    text = environ.get(name) or "0"
    if text.lower() not in _FLAGS:
        raise SettingsError(f"{name} is '{text[:80]}', neither yes nor no.", hint="1 or 0")
    return _FLAGS[text.lower()]


def _run_seconds(environ: Mapping[str, str]) -> float:
    return _seconds(environ, "ORCHESTRATOR_RUN_TIMEOUT", RUN_SECONDS, 1, LONGEST_RUN)


def _mib(environ: Mapping[str, str], name: str, default: int) -> int:
    return _count(environ, name, default, MOST_MIB, "MiB")


def _count(environ: Mapping[str, str], name: str, default: int, most: int, what: str) -> int:
    text = environ.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or len(text) > 10 or not 1 <= int(text) <= most:
        raise SettingsError(f"{name} is '{text[:80]}', not a size.", hint=f"{what}, a number from 1 to {most}")
    return int(text)


def _seconds(environ: Mapping[str, str], name: str, default: float, least: float, most: float) -> float:
    text = environ.get(name) or str(default)
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not least <= seconds <= most:
        hint = f"seconds, a number from {least:.0f} to {most:.0f}"
        raise SettingsError(f"{name} is '{text[:80]}', not a time.", hint=hint)
    return seconds


def _word(environ: Mapping[str, str], name: str, given: str | None, default: W, words: Sequence[W]) -> W:
    """One of some words: what the option says, else the variable, else the default."""
    said = given or environ.get(name) or default
    for word in words:
        if word == said.lower():
            return word
    raise SettingsError(f"{name} is '{said[:80]}'.", hint=f"one of {', '.join(words)}")
