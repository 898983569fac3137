"""What a backup is: one tar archive with the files' content, the pepper of the keys, the database, last a manifest.

The manifest stands last, so an archive that was cut off has none. Everything in it can be checked: the database by
its hash and by SQLite itself, each file by the hash in its row.
"""

from __future__ import annotations

import hashlib
import re
import tarfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import orjson

from orchestrator.errors import StoreError
from orchestrator.server.access.pepper import FILE as PEPPER
from orchestrator.server.store.blobs import FOLDER as FILES
from orchestrator.server.store.sqlite import DATABASE

__all__ = ["DATABASE", "FILES", "MANIFEST", "PEPPER", "Contents", "belongs", "blob_name", "hash_of", "read", "told"]

MANIFEST = "backup.json"
FORMAT = 1
CHUNK = 1024 * 1024

_BLOB = re.compile(rf"{FILES}/([0-9a-f]{{2}})/file-\1[0-9a-f]{{30}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The manifest. `made_at`: the moment that the database shows (ISO 8601, UTC); sizes in bytes."""

    format_version: int = FORMAT
    made_at: str
    program: str
    schema: str
    database_bytes: int
    database_sha256: str
    assistants: int
    threads: int
    messages: int
    runs: int
    files: int
    file_bytes: int
    keys: bool


def told(contents: Contents) -> bytes:
    """The manifest as it stands in the archive."""
    return orjson.dumps(asdict(contents), option=orjson.OPT_INDENT_2)


def read(text: bytes) -> Contents:
    """A manifest. Raises: StoreError when it is not one, or of a later format."""
    try:
        fields = orjson.loads(text)
        if fields["format_version"] == FORMAT:
            return Contents(**fields)
    except (ValueError, TypeError, KeyError) as error:
        raise StoreError("the archive's manifest cannot be read", hint="take another backup") from error
    raise StoreError(f"the archive has format {fields['format_version']}", hint="restore it with a newer orchestrator")


def belongs(member: tarfile.TarInfo) -> bool:
    """Whether a member of an archive is what a backup holds: nothing else is ever unpacked."""
    return member.isfile() and (member.name in (MANIFEST, DATABASE, PEPPER) or _BLOB.fullmatch(member.name) is not None)


def blob_name(file_id: str) -> str:
    """Where the content of a file stands in the archive, and below the data folder."""
    return f"{FILES}/{file_id[5:7]}/{file_id}"


def hash_of(source: BinaryIO | Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    if isinstance(source, Path):
        with source.open("rb") as opened:
            return hash_of(opened)
    digest = hashlib.sha256()
    while chunk := source.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
