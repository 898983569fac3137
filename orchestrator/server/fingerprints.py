"""What tells a request from others: hashes of where it goes and of what it brings."""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from re import search

import orjson


def of_json(target: str, data: bytes) -> str:
    """The fingerprint of a request whose body is JSON; spaces and the order of keys do not matter."""
    with suppress(orjson.JSONDecodeError):  # the verb will refuse it
        data = orjson.dumps(orjson.loads(data or b"{}"), option=orjson.OPT_SORT_KEYS)
    return sha256(target.encode() + b"\n" + data).hexdigest()


class Passing:
    """The fingerprint of a request whose body passes by in pieces.

    What parts a form is made anew by each client at each try, so it is left out.
    """

    def __init__(self, target: str, content_type: str) -> None:
        found = search(r'boundary="?([^";,]+)', content_type)
        self._mark = found[1].encode("latin-1") if found else b""
        self._tail = b""
        self._hash = sha256(target.encode() + b"\n")

    def feed(self, piece: bytes) -> None:
        """More of the body."""
        data = self._tail + piece
        *parts, data = data.split(self._mark) if self._mark else [data]
        for part in parts:
            self._hash.update(part)
        sure = max(0, len(data) - len(self._mark))  # the mark may have begun behind that
        self._hash.update(data[:sure])
        self._tail = data[sure:]

    def digest(self) -> str:
        """The fingerprint of what has passed."""
        whole = self._hash.copy()
        whole.update(self._tail)
        return whole.hexdigest()
