"""The kind Plugin: where functions come from, what they are given, and what they are allowed. No I/O.

Exactly one of `code` (an entry of the plug-in folder), `openapi` or `mcp` (see `endpoints.py`) and
`hosted` (a plug-in of the hosted API's console) says where the plug-in is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, Strict, model_validator

from orchestrator.manifests.endpoints import Mcp, OpenApi
from orchestrator.manifests.fields import Identifier, Secret, Strictly, fault
from orchestrator.manifests.model import Metadata

PLACES = ("code", "openapi", "mcp", "hosted")
_ONLY_CODE = ("settings", "secrets", "grant")


class HostedAuth(Strictly):
    """Credentials of one user for a hosted plug-in."""

    user_token: Secret
    """Where the token of the user is found."""


class Hosted(Strictly):
    """A plug-in of the hosted API's console, by the id that the console shows."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,128}$")]
    """The id that the console shows, such as `plugin_7c1e`."""
    auth: HostedAuth | None = None
    """Left out for a plug-in without user-level authentication."""


class PluginSpec(Strictly):
    """Where the plug-in is, and what it is given."""

    code: Identifier | None = None
    """An entry of the plug-in folder: `weather` for `plugins/weather.py`."""
    settings: Mapping[str, Any] = Field(default_factory=dict[str, Any])
    """What its code reads as `Context.settings`; checked against the model that the code declares."""
    secrets: Mapping[str, Secret] = Field(default_factory=dict[str, Secret])
    """What its code reads as `Context.secrets`: by name, where each is found."""
    grant: Annotated[tuple[str, ...], Strict(False)] = ()
    """Permissions that its code declares and may have: `net:api.example.com`, `net:private http://10.0.0.5:8080`, …"""
    openapi: OpenApi | None = None
    """A service with an OpenAPI document."""
    mcp: Mcp | None = None
    """An MCP server."""
    hosted: Hosted | None = None
    """A plug-in of Model Studio's console."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        given = [name for name in PLACES if getattr(self, name) is not None]
        if len(given) != 1:
            raise fault("place", f"a plug-in has exactly one of {', '.join(PLACES)}", *given[1:2])
        for name in _ONLY_CODE:
            if name in self.model_fields_set and self.code is None:
                raise fault("place", f"'{name}' is for plug-ins with 'code'", name)
        return self


class Plugin(Strictly):
    """A plug-in endpoint."""

    api_version: Literal["orchestrator/v1"]
    """The version of manifests."""
    kind: Literal["Plugin"]
    """What the document declares."""
    metadata: Metadata
    """Name, labels, earlier names."""
    spec: PluginSpec
    """What it is."""
