"""Fields of an assistant and their limits (source: Model Studio's Assistant API; OpenAI's where it is silent)."""

from __future__ import annotations

from collections.abc import Mapping

ASSISTANT_FIELDS = (
    "model",
    "name",
    "description",
    "instructions",
    "tools",
    "file_ids",
    "metadata",
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
)

STAMP_KEY = "orchestrator"  # the one pair of the metadata that is ours
METADATA_PAIRS = 16
METADATA_KEY = 64  # characters
METADATA_VALUE = 512  # characters
NAME_LENGTH = 256
DESCRIPTION_LENGTH = 512
INSTRUCTIONS_LENGTH = 256_000
TOOLS_COUNT = 128
CODE_FILES = 20  # of one code interpreter (OpenAI's)
VECTOR_STORES = 1  # of one file search (OpenAI's)
REASONING_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def metadata_fault(metadata: object) -> str | None:
    """Say what is wrong with a metadata object: not string to string, too many pairs, too long; None if fine."""
    if not isinstance(metadata, Mapping):
        return "metadata must be an object of strings"
    if len(metadata) > METADATA_PAIRS:  # pyright: ignore[reportUnknownArgumentType]
        return f"metadata holds at most {METADATA_PAIRS} pairs"
    for key, value in metadata.items():  # pyright: ignore[reportUnknownVariableType]
        if not isinstance(key, str) or not isinstance(value, str):
            return "metadata must be an object of strings"
        if not 0 < len(key) <= METADATA_KEY:
            return f"a metadata key has 1 to {METADATA_KEY} characters"
        if len(value) > METADATA_VALUE:
            return f"a metadata value has at most {METADATA_VALUE} characters"
    return None
