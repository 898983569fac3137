"""`calculator`: Calculates the value of an expression."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from orchestrator.tools.kind import Described, text_argument


class Calculator(Described):
    """Calculates the value of an expression."""

    TYPE: ClassVar[str] = "calculator"
    ALIASES: ClassVar[tuple[str, ...]] = ()
    DOC: ClassVar[str] = "Calculates the value of an expression."
    PARAMETERS: ClassVar[Mapping[str, Any]] = text_argument("expression", "An arithmetic expression.")
