"""Find a secret where a manifest says it is, at the moment it is needed. Fails closed, and never tells its value."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from orchestrator.diagnostics import Diagnostic, Span
from orchestrator.errors import ManifestsInvalid
from orchestrator.manifests.fields import SecretPlace

_MAX_BYTES = 64 * 1024


def resolve(secret: SecretPlace, environ: Mapping[str, str], folder: Path, *, where: Span | None = None) -> SecretStr:
    """The secret itself. `folder` is the project's; a file may also be given by an absolute path.

    Raises:
        ManifestsInvalid: MAN009, the variable or file is missing or empty; it points at `where`.
    """
    if secret.from_env is not None:
        value = environ.get(secret.from_env)
        name, hint = f"the environment variable {secret.from_env}", "set it"
    else:
        path = folder / (secret.from_file or "")
        value = _of_file(path)
        name, hint = f"the secret file {secret.from_file}", f"a readable text file at {path}"
    if not value:
        message = f"{name} is {'not there' if value is None else 'empty'}"
        raise ManifestsInvalid([Diagnostic(code="MAN009", message=message, span=where, hint=hint)])
    return SecretStr(value)


def _of_file(path: Path) -> str | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        return os.read(descriptor, _MAX_BYTES).decode().removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError):
        return None
    finally:
        os.close(descriptor)
