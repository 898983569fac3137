"""What every kind of tool can say of itself: its manifest form, its wire form, and what the model is told.

A kind is one class in one file; its fields are what stands in a manifest below `type:`. To add one, write the
file and name the class in `KINDS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self, cast

from pydantic import BaseModel, ConfigDict


class Offer(BaseModel):
    """A tool as a chat model is told of it: a function name, its description, JSON Schema of the arguments.

    `strict`: the arguments are to follow the schema exactly, where the model's endpoint knows how.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    description: str
    parameters: Mapping[str, Any]
    strict: bool | None = None


class ToolKind(BaseModel):
    """Base of all kinds. Law, tested for each: `Kind.decode(kind.encode()) == kind`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    TYPE: ClassVar[str] = ""
    ALIASES: ClassVar[tuple[str, ...]] = ()  # names of earlier years that the wire still carries
    DOC: ClassVar[str] = ""

    @property
    def type(self) -> str:
        """The `type` on the wire."""
        return self.TYPE

    def encode(self) -> dict[str, Any]:
        """The tool as the Assistant API takes it. May hold secrets; for the wire only."""
        return {"type": self.type, **self.model_dump(mode="json", exclude_none=True)}

    @classmethod
    def decode(cls, wire: Mapping[str, Any]) -> Self:
        """Read the wire form.

        Raises:
            pydantic.ValidationError: the object has keys or values that this kind does not know.
        """
        return cls.model_validate({k: v for k, v in wire.items() if k != "type"})

    def comparable(self) -> dict[str, Any]:
        """The wire form without secrets: what is compared, hashed and shown."""
        return self.encode()

    def offer(self) -> Offer | None:
        """What the model is told; None: nothing, the tool is not called by the model."""
        return None


class Described(ToolKind):
    """A built-in tool whose only setting is the optional description that the vendor's samples show."""

    description: str | None = None
    """Told to the model instead of what the tool says of itself."""
    PARAMETERS: ClassVar[Mapping[str, Any]] = {"type": "object", "properties": {}}

    def offer(self) -> Offer | None:
        """A function by the name of the type."""
        return Offer(name=self.TYPE, description=self.description or self.DOC, parameters=self.PARAMETERS)


def text_argument(name: str, description: str) -> Mapping[str, Any]:
    """JSON Schema of an object with one required string."""
    return {
        "type": "object",
        "properties": {name: {"type": "string", "description": description}},
        "required": [name],
    }


def as_object(value: object) -> Mapping[str, Any]:
    """The value if it is a JSON object, else an empty one."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
