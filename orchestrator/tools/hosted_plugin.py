"""A plug-in of Model Studio's console: on the wire its id is the `type`. Bound by a manifest of kind Plugin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from orchestrator.tools.kind import ToolKind


class UserAuth(BaseModel):
    """The `auth` of the wire; anything else in it is not understood here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    auth_type: str = Field(alias="type")
    user_token: SecretStr


class HostedPlugin(ToolKind):
    """`id` as the console shows it; `user_token` only for plug-ins with user-level authentication."""

    DOC: ClassVar[str] = "A plug-in of the hosted API's console."

    id: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,128}$")
    auth_type: str = "user_http"
    user_token: SecretStr | None = None

    @property
    def type(self) -> str:
        """The plug-in's id."""
        return self.id

    def encode(self) -> dict[str, Any]:
        """With the token in clear: for the wire only."""
        if self.user_token is None:
            return {"type": self.id}
        return {"type": self.id, "auth": {"type": self.auth_type, "user_token": self.user_token.get_secret_value()}}

    @classmethod
    def decode(cls, wire: Mapping[str, Any]) -> Self:
        """Read `{"type": ID, "auth": {…}}`; whether a target echoes `auth` is its own affair."""
        fields: dict[str, Any] = {
            "id": wire.get("type"),
            **{k: v for k, v in wire.items() if k not in ("type", "auth")},
        }
        if "auth" in wire:
            fields |= UserAuth.model_validate(wire["auth"]).model_dump()
        return cls.model_validate(fields)

    def comparable(self) -> dict[str, Any]:
        """Only the id: the token is a secret, and reads need not echo it."""
        return {"type": self.id}
