"""`rag`: retrieval from knowledge bases; what was found replaces a placeholder in the instructions."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.tools.kind import ToolKind


class Retrieval(BaseModel):
    """`pipeline_id`: knowledge-base ids; the `…top_n` are chunks over all bases, and per base."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    pipeline_id: tuple[str, ...] | str
    """Ids of knowledge bases."""
    multiknowledge_rerank_top_n: int | None = Field(default=None, ge=1)
    """How many chunks of all bases together are kept."""
    rerank_top_n: int | None = Field(default=None, ge=1)
    """How many chunks of each base are kept."""
    parameters: dict[str, Any] | None = None
    """Further settings of the vendor, passed on as they are."""


class Rag(ToolKind):
    """Knowledge-base retrieval, with the vendor's own settings below `prompt_ra`."""

    TYPE: ClassVar[str] = "rag"
    DOC: ClassVar[str] = "Retrieval from knowledge bases."

    prompt_ra: Retrieval
    """The vendor's own settings."""
