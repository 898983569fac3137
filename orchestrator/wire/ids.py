"""How ids of messages are spelt: `message_…` at Model Studio, which is also how they are kept, `msg_…` at OpenAI's.

Both spellings are understood in every dialect, each shows its own; so an id that one of them gave is good in the
other. Only ids that were made here are respelt, a prefix before a UUID: one that came with a history from elsewhere
stays as it is.
"""

from __future__ import annotations

import re

_LONG, _SHORT = "message_", "msg_"
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def kept(id: str) -> str:
    """The id as it is kept; ids of other things stay as they are."""
    return _respelt(id, _SHORT, _LONG)


def shortened(id: str) -> str:
    """A message's id as OpenAI's dialect spells it."""
    return _respelt(id, _LONG, _SHORT)


def _respelt(id: str, old: str, new: str) -> str:
    return new + id[len(old) :] if id.startswith(old) and _UUID.fullmatch(id, len(old)) else id
