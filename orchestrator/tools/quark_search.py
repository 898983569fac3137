"""`quark_search`: Searches the web."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from orchestrator.tools.kind import Described, text_argument


class QuarkSearch(Described):
    """Searches the web."""

    TYPE: ClassVar[str] = "quark_search"
    ALIASES: ClassVar[tuple[str, ...]] = ("search",)
    DOC: ClassVar[str] = "Searches the web."
    PARAMETERS: ClassVar[Mapping[str, Any]] = text_argument("query", "What to look for.")
