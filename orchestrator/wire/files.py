"""Fields of a file and their limits (source: OpenAI's Files API where it tells them; else what is sensible)."""

from __future__ import annotations

import re

NAME_LENGTH = 255  # characters
DESCRIPTION_LENGTH = 1024  # characters
PURPOSE = re.compile(r"[A-Za-z0-9_-]{1,64}")
DEFAULT_PURPOSE = "assistants"
LEAST_SECONDS = 3600  # that a file which expires stays
MOST_SECONDS = 30 * 24 * 3600

# Types under which content is handed out, by the ending of the name; anything that a browser might carry out
# (pages, scripts, vector images) is plain bytes.
BYTES = "application/octet-stream"
TYPES = {
    "csv": "text/csv; charset=utf-8",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "jsonl": "application/jsonl",
    "log": "text/plain; charset=utf-8",
    "md": "text/plain; charset=utf-8",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "pdf": "application/pdf",
    "png": "image/png",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "txt": "text/plain; charset=utf-8",
    "wav": "audio/wav",
    "webp": "image/webp",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "zip": "application/zip",
}

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def media_type(name: str) -> str:
    """The type under which a file of that name is handed out."""
    _, dot, ending = name.rpartition(".")
    return TYPES.get(ending.lower(), BYTES) if dot else BYTES


def shown_name(given: str) -> str:
    """A file's name as it is kept: without folders, without what cannot be seen, not too long, never empty."""
    last = re.split(r"[/\\]", _UNSEEN.sub("", given))[-1].strip()
    return last[-NAME_LENGTH:] if last.strip(".") else "unnamed"
