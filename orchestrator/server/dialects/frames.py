"""JSON as the data of a server-sent event."""

from __future__ import annotations


def one_line(data: bytes) -> bytes:
    """JSON without the characters at which some clients break lines although JSON lets them stand in a string."""
    for character, escaped in _BREAKS:
        if character in data:
            data = data.replace(character, escaped)
    return data


_BREAKS = tuple((c.encode(), f"\\u{ord(c):04x}".encode()) for c in "\x85\u2028\u2029")
