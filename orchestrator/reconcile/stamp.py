"""Our mark on an assistant that we own: one pair of its remote metadata, at most 512 characters. Pure.

It says who owns the object, which manifest it came from, and a hash of each field as we last wrote it: desired
differs from the stamp, somebody *edited* the manifest; observed differs from it, the target *drifted*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from orchestrator.wire.assistants import ASSISTANT_FIELDS, METADATA_VALUE, STAMP_KEY

OWNER_LENGTH = 128
_LETTERS: Mapping[str, str] = dict(zip(ASSISTANT_FIELDS, "mndithxTpkM", strict=True))
_FIELDS: Mapping[str, str] = {letter: field for field, letter in _LETTERS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """`owner`: project/environment; `fields`: hash by field name; `attempt`: id of the create that made it.

    `protect`: never deleted; `retain`: let go of instead of deleted. Both hold when the manifest is gone.
    """

    owner: str
    manifest: str
    fields: Mapping[str, str]
    revision: int = 1
    attempt: str = ""
    protect: bool = False
    retain: bool = False

    def encode(self) -> str:
        """The value of the metadata pair."""
        mark = {
            "v": 1,
            "owner": self.owner,
            "name": self.manifest,
            "rev": self.revision,
            "try": self.attempt,
            "f": "".join(_LETTERS[name] + value for name, value in self.fields.items()),
            **({"protect": True} if self.protect else {}),
            **({"retain": True} if self.retain else {}),
        }
        text = orjson.dumps(mark).decode()
        if len(text) > METADATA_VALUE:
            raise ValueError(f"the stamp has {len(text)} characters; shorten the project's name")
        return text


class _Mark(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    v: int
    owner: str
    name: str
    rev: int
    f: str
    protect: bool = False
    retain: bool = False


def read_stamp(metadata: Mapping[str, Any]) -> Stamp | None:
    """The stamp in a remote object's metadata; None when there is none that we can read (then it is not ours)."""
    text = metadata.get(STAMP_KEY)
    if not isinstance(text, str):
        return None
    try:
        raw = orjson.loads(text)
        mark = _Mark.model_validate(raw)
        fields = _split(mark.f)
    except (orjson.JSONDecodeError, ValidationError, KeyError, ValueError):
        return None
    if mark.v != 1:
        return None
    return Stamp(
        owner=mark.owner,
        manifest=mark.name,
        fields=fields,
        revision=mark.rev,
        attempt=str(raw.get("try", "")),
        protect=mark.protect,
        retain=mark.retain,
    )


def _split(text: str) -> dict[str, str]:
    size = 13  # a letter and DIGEST_LENGTH hexadecimal characters
    if len(text) % size:
        raise ValueError("the hashes of a stamp are cut")
    return {_FIELDS[text[i]]: text[i + 1 : i + size] for i in range(0, len(text), size)}
