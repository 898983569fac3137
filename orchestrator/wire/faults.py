"""The faults of the Assistant API, named once; a dialect decides status and envelope, clients match on the texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Thing = Literal["assistant", "thread", "message", "run", "run step", "assistant file", "message file", "file"]
FaultKind = Literal[
    "invalid",
    "missing",
    "no_key",
    "bad_key",
    "other_workspace",
    "unknown_url",
    "busy",
    "reused",  # an Idempotency-Key that was used for another request
    "too_large",
    "slow_down",
    "internal",
    "unavailable",  # the server stops, or its database cannot be used
    "full",  # there is no room for more
    "unsupported",  # the API has it, this server does not
]

# message texts are facts of the wire (Model Studio's documentation), also where the grammar limps
MISSING: dict[str, str] = {
    "assistant": "The specified assistant has been deleted or does not exist.",
    "thread": "The specified thread has been deleted or does not exist.",
    "message": "The specified message has been deleted or does not exist.",
    "run": "The specified run has been deleted or does not exist.",
    "run step": "The specified run step does not exist.",
    "assistant file": "The specified assistant file has been deleted or does not exist.",
    "message file": "The specified message file not exist.",
    "file": "The specified file has been deleted or does not exist.",
}
NO_FILE_SEARCH = "The tool 'file_search' and vector stores are not supported on this server."
EMPTY_MESSAGES = "The messages information cannot be empty."
BAD_ORDER = "Order must be 'asc' or 'desc'"
BAD_LIMIT = "Limit must be between 1 and 100"
UNKNOWN_URL = "Invalid URL provided in your request."
NO_KEY = "API key or Uid is missing. Please provide a valid API key or Uid."
BAD_KEY = "Invalid API-key provided."
OTHER_WORKSPACE = "Not authorized: the API key does not belong to the workspace that the request names."


@dataclass(eq=False)
class Fault(Exception):
    """A request that the server does not carry out. Not an error of ours: the client is told.

    `retry_after` in seconds; `detail` holds extra facts for the envelope (`run_id` of a busy thread, say).
    """

    kind: FaultKind
    message: str
    param: str | None = None
    retry_after: float | None = None
    detail: dict[str, str] = field(default_factory=dict[str, str])

    def __str__(self) -> str:
        return self.message


def missing(thing: Thing) -> Fault:
    """The fault for an object that was deleted, never was, or belongs to someone else."""
    return Fault("missing", MISSING[thing])


def invalid(message: str, param: str | None = None) -> Fault:
    """The fault for a request whose content is wrong."""
    return Fault("invalid", message, param)
