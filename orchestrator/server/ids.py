"""Where ids and times come from; handed in, so that tests may choose their own."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Literal

Prefix = Literal["asst", "thread", "message", "run", "step", "call"]
Clock = Callable[[], int]  # milliseconds since 1970, UTC


def system_clock() -> int:
    """The time of day, in milliseconds."""
    return time.time_ns() // 1_000_000


def new_id(prefix: Prefix) -> str:
    """A fresh id as the wire spells it: prefix and UUID version 4."""
    return f"{prefix}_{uuid.uuid4()}"


def new_file_id() -> str:
    """A fresh id of a file, as both vendors spell it; it also names the file's content on disk."""
    return f"file-{uuid.uuid4().hex}"
