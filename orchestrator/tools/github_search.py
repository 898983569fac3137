"""`github_search`: Searches repositories on GitHub."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from orchestrator.tools.kind import Described, text_argument


class GithubSearch(Described):
    """Searches repositories on GitHub."""

    TYPE: ClassVar[str] = "github_search"
    ALIASES: ClassVar[tuple[str, ...]] = ()
    DOC: ClassVar[str] = "Searches repositories on GitHub."
    PARAMETERS: ClassVar[Mapping[str, Any]] = text_argument("query", "What to look for.")
