"""The folder of a project as it stood in a revision of git, laid out in a folder of its own for as long as needed."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.errors import SettingsError

GIT_SECONDS = 60
_PLACES = ("assistants.d", "plugins", "models")  # below the project's folder, those that exist


@contextmanager
def checked_out(folder: Path, revision: str) -> Generator[Path]:
    """What `revision` holds of manifests, plug-ins and scripts; nothing of the folder itself is touched.

    Raises:
        SettingsError: git is not there, the folder is in no repository, or there is no such revision.
    """
    commit = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").decode()
    inside = _git(folder, "rev-parse", "--show-prefix").decode().strip()
    tree = f"{commit.strip()}:{inside.rstrip('/')}" if inside else commit.strip()
    there = _git(folder, "ls-tree", "--name-only", "-z", tree).decode().split("\0")
    places = [place for place in _PLACES if place in there]
    with tempfile.TemporaryDirectory(prefix="orchestrator-") as temporary:
        if places:
            archive = _git(folder, "archive", "--format=tar", tree, *places)
            with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
                tar.extractall(temporary, filter="data")
        yield Path(temporary)


def state_of(folder: Path) -> tuple[str | None, bool]:
    """The commit that the folder stands at, None outside of git, and whether it holds anything else."""
    try:
        commit = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD").decode().strip()
        return commit, bool(_git(folder, "status", "--porcelain", "--untracked-files=normal", "--", ".").strip())
    except SettingsError:
        return None, False


def _git(folder: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and the revision stands behind --end-of-options
            ["git", *arguments],  # noqa: S607 - the git that the person uses
            cwd=folder,
            capture_output=True,
            timeout=GIT_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError as error:
        raise SettingsError("git is not installed.", hint="install git") from error
    except subprocess.TimeoutExpired as error:
        raise SettingsError(f"git {arguments[0]} took longer than {GIT_SECONDS} s.") from error
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip().splitlines()
        raise SettingsError(
            f"git knows no such revision here: {told[-1] if told else arguments[-1].removesuffix('^{commit}')}"
        )
    return done.stdout
