"""Images that users show to a model: files of ours go to it with the message, as data; whatever else stays named."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Protocol

PICTURES = 32  # of one conversation that a model is shown, the newest
PICTURE_BYTES = 10 * 1024 * 1024  # of all of them; older ones are only named

_STARTS = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))


class Pictures(Protocol):
    """Where images come from."""

    async def pictures(self, workspace: str, file_ids: Sequence[str]) -> Mapping[str, str]:
        """Data URLs of those files that are images, by id; of the first ones, as long as there is room."""
        ...


class NoPictures:
    """Knows no images."""

    async def pictures(self, workspace: str, file_ids: Sequence[str]) -> Mapping[str, str]:
        """None."""
        return {}


def data_url(data: bytes) -> str | None:
    """An image of a kind that models take, as a URL that holds it; None: it is none, whatever its name says."""
    kind = next((kind for start, kind in _STARTS if data.startswith(start)), None)
    if kind is None and data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        kind = "image/webp"
    return f"data:{kind};base64,{b64encode(data).decode()}" if kind else None
