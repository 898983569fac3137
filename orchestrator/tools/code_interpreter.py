"""`code_interpreter`: Runs Python code and returns what it prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from orchestrator.tools.kind import Described, text_argument


class CodeInterpreter(Described):
    """Runs Python code and returns what it prints."""

    TYPE: ClassVar[str] = "code_interpreter"
    ALIASES: ClassVar[tuple[str, ...]] = ()
    DOC: ClassVar[str] = "Runs Python code and returns what it prints."
    PARAMETERS: ClassVar[Mapping[str, Any]] = text_argument("code", "Python source text.")
