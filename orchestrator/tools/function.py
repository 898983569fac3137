"""`function`: a call that somebody else answers: our plug-in registry, or the application."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.tools.kind import Offer, ToolKind


class FunctionDefinition(BaseModel):
    """Name (letters, digits, `_`, `-`; at most 64), description, JSON Schema of the arguments."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    """What the model calls."""
    description: str | None = None
    """Told to the model: what it does, and when to call it."""
    parameters: Mapping[str, Any] | None = None
    """JSON Schema of the arguments; left out: none."""
    strict: bool | None = None
    """Whether arguments follow the schema exactly, where the model's endpoint knows how."""


class Function(ToolKind):
    """A function tool. Written out in a manifest it is unbound: the application answers its calls."""

    TYPE: ClassVar[str] = "function"
    DOC: ClassVar[str] = "A function that a plug-in or the application performs."

    function: FunctionDefinition
    """What the model is told."""

    def comparable(self) -> dict[str, Any]:
        """The wire form; `strict: false` is what a target says of a function whose author did not ask for it."""
        wire = self.encode()
        return wire | {"function": {k: v for k, v in wire["function"].items() if (k, v) != ("strict", False)}}

    def offer(self) -> Offer:
        """The function itself."""
        f = self.function
        parameters = f.parameters or {"type": "object"}
        return Offer(name=f.name, description=f.description or "", parameters=parameters, strict=f.strict)
