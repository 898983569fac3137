"""A key of the API as text: `orch_`, twelve characters by which it is found, `_`, 256 random bits, a checksum.

All in base 62, so that a double click takes the whole key. The fixed beginning and the checksum let scanners of
repositories find a key that leaked, and let the server turn a mistyped one away without any further look.
"""

from __future__ import annotations

import hmac
import re
import secrets
import zlib
from dataclasses import dataclass, field

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID = 12  # characters: 71 bits
_RANDOM = 43  # characters that hold 256 bits
_SUM = 6  # characters that hold a CRC-32
_FORM = re.compile(rf"orch_([0-9A-Za-z]{{{_ID}}})_[0-9A-Za-z]{{{_RANDOM + _SUM}}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A key. `id` is no secret: it names the key in lists."""

    id: str
    text: str = field(repr=False)


def make() -> Secret:
    """A new key."""
    key_id = _base62(secrets.randbits(71), _ID)
    body = f"orch_{key_id}_{_base62(secrets.randbits(256), _RANDOM)}"
    return Secret(id=key_id, text=body + _checksum(body))


def read(text: str) -> Secret | None:
    """The key that a text is; None: it is none, or mistyped."""
    form = _FORM.fullmatch(text)
    if form is None or _checksum(text[:-_SUM]) != text[-_SUM:]:
        return None
    return Secret(id=form[1], text=text)


def digest(pepper: bytes, text: str) -> str:
    """What is kept of a key: HMAC-SHA-256, 64 hexadecimal digits. A key is random: no slow hash is needed."""
    return hmac.digest(pepper, text.encode(), "sha256").hex()


def matches(pepper: bytes, text: str, kept: str) -> bool:
    """Whether a key is the one of which `kept` is the digest; the time it takes tells nothing."""
    return hmac.compare_digest(digest(pepper, text), kept)


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _SUM)


def _base62(number: int, length: int) -> str:
    digits: list[str] = []
    for _ in range(length):
        number, rest = divmod(number, 62)
        digits.append(_DIGITS[rest])
    return "".join(reversed(digits))
