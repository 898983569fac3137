"""Environment variables and options become one frozen `Settings`; nothing else reads `os.environ` for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import SettingsError

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8700
RUN_SECONDS = 600.0
LONGEST_RUN = 604_800.0
LOCAL = "local"  # the built-in environment: the embedded server


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
    ) -> Settings:
        """Options win over `ORCHESTRATOR_*` variables, those over defaults.

        Raises:
            SettingsError: the folder does not exist, the port is not a number from 0 to 65535, or the run timeout
                not one from 1 to 604,800 (seconds, a week).
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
        )


def _port(environ: Mapping[str, str]) -> int:
    text = environ.get("ORCHESTRATOR_PORT") or str(DEFAULT_PORT)
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise SettingsError(f"ORCHESTRATOR_PORT is '{text}', not a port.", hint="a number from 0 to 65535")
    return int(text)


def _run_seconds(environ: Mapping[str, str]) -> float:
    text = environ.get("ORCHESTRATOR_RUN_TIMEOUT") or str(RUN_SECONDS)
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= LONGEST_RUN:
        hint = f"seconds, a number from 1 to {LONGEST_RUN:.0f}"
        raise SettingsError(f"ORCHESTRATOR_RUN_TIMEOUT is '{text[:80]}', not a time.", hint=hint)
    return seconds
