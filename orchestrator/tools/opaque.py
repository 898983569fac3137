"""A tool that we do not know, kept exactly as the target told it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from orchestrator.tools.kind import ToolKind, as_object


class Opaque(ToolKind):
    """The wire form, untouched. Never made from a manifest; secrets in `auth` are not compared."""

    DOC: ClassVar[str] = "A tool of the target that is not known here."

    wire: Mapping[str, Any]

    @property
    def type(self) -> str:
        """Whatever the target says."""
        return str(self.wire.get("type", ""))

    def encode(self) -> dict[str, Any]:
        """As it came."""
        return dict(self.wire)

    @classmethod
    def decode(cls, wire: Mapping[str, Any]) -> Self:
        """Anything goes."""
        return cls(wire=dict(as_object(wire)))

    def comparable(self) -> dict[str, Any]:
        """As it came, less `auth`."""
        return {k: v for k, v in self.wire.items() if k != "auth"}
