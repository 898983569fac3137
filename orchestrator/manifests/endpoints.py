"""Endpoints that a manifest of kind Plugin may name: services with an OpenAPI document, MCP servers. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, Strict, model_validator

from orchestrator.manifests.fields import Approval, Seconds, Secret, SecretPlace, Strictly, Text, Texts, Url, fault

_HEADER = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"


class NamedSecret(Strictly):
    """A credential that goes under a name."""

    name: Annotated[str, Field(pattern=_HEADER, max_length=100)]
    """Name of the header, the query parameter or the cookie."""
    value: Secret
    """Where the credential is found."""


class Auth(Strictly):
    """How requests are authenticated: exactly one of these. The credential goes to the base address only."""

    bearer: Secret | None = None
    """A bearer token."""
    basic: Secret | None = None
    """User and password, as `user:password`."""
    header: NamedSecret | None = None
    """A header of its own, such as `X-Api-Key`."""
    query: NamedSecret | None = None
    """A parameter of the query."""
    cookie: NamedSecret | None = None
    """A cookie."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise fault("auth", "exactly one of bearer, basic, header, query and cookie", *given[1:2])
        return self

    @property
    def chosen(self) -> tuple[str, SecretPlace, str]:
        """Kind, where the secret is found, and the name that it goes under, if it has one."""
        for kind in type(self).model_fields:
            value = getattr(self, kind)
            if isinstance(value, NamedSecret):
                return kind, value.value, value.name
            if value is not None:
                return kind, value, ""
        raise AssertionError("one was given")


class Mcp(Strictly):
    """An MCP server: a command to start, or an address. Its tools are functions, once a person has accepted them."""

    command: Annotated[tuple[Text, ...], Strict(False), Field(min_length=1)] | None = None
    """Program and arguments of a server that speaks on its standard input and output."""
    env: Mapping[str, Secret] = Field(default_factory=dict[str, Secret])
    """Variables of that program's environment, which is empty otherwise, and where each is found."""
    url: Url | None = None
    """Address of a server that speaks streamable HTTP."""
    auth: Auth | None = None
    """How its requests are authenticated: bearer, basic or header."""
    allow: Annotated[tuple[Text, ...], Strict(False)] | None = None
    """Names of the tools to offer. Default: all that were accepted."""
    approval: Approval = "ask"
    """Whether tools need a person; those that say they only read do not."""
    approvals: Mapping[str, Approval] = Field(default_factory=dict[str, Approval])
    """The same for single tools, by name."""
    timeout: Seconds | None = None
    """How long a call may take. Default: 30 s."""
    private: bool = False
    """Whether the server may have an address of an inner network."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.command is None) == (self.url is None):
            raise fault("mcp", "exactly one of command and url", "url" if self.url else "command")
        if self.auth is not None and (self.url is None or self.auth.query or self.auth.cookie):
            raise fault("mcp", "auth is for an address, and one of bearer, basic and header", "auth")
        return self


class OpenApi(Strictly):
    """A service with an OpenAPI document, version 3.0 or 3.1; its operations are functions."""

    document: Text
    """Path of the document below the project's folder, JSON or YAML."""
    base_url: Url | None = None
    """Address that paths are put after. Default: the first server of the document."""
    include: Annotated[tuple[Text, ...], Strict(False)] | None = None
    """Ids of the operations to offer. Needed when the document has more than 40; without it all are offered."""
    exclude: Texts = ()
    """Ids of operations that are not offered."""
    auth: Auth | None = None
    """How requests are authenticated. Default: not at all."""
    approval: Approval = "ask"
    """Whether operations that may change something need a person; those that only read do not."""
    approvals: Mapping[str, Approval] = Field(default_factory=dict[str, Approval])
    """The same for single operations, by id."""
    timeout: Seconds | None = None
    """How long a call may take. Default: 30 s, of which one request may take 10 s."""
    private: bool = False
    """Whether the service may have an address of an inner network."""
