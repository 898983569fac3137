"""The kind Environment: where assistants live, with which values, under which rules. No I/O.

Texts may hold `${env.NAME}`; they are expanded when the environment is selected (`environments.py`), so that a variable
which only production needs is not missed on a laptop.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import Discriminator, Field, Strict, Tag, model_validator

from orchestrator.manifests.fields import Name, Plain, Seconds, Secret, Strictly, Text, Url, Variables, fault
from orchestrator.manifests.model import Metadata
from orchestrator.manifests.policy import Policy
from orchestrator.settings import LOCAL


class TargetSettings(Strictly):
    """An Assistant API: its dialect, its address, and where its key is found."""

    dialect: Text
    """How the API speaks: `dashscope` or `openai`."""
    base_url: Url
    """What stands before `/assistants`."""
    api_key: Secret | None = None
    """Where the key is found."""
    workspace: Text | None = None
    """The workspace of a key; in the dialect `openai` the project."""


class Select(Strictly):
    """Which assistants: all given labels agree and, if names are given, the name is one of them. Empty: all."""

    labels: Mapping[str, str] = Field(default_factory=dict[str, str])
    """Labels that all agree."""
    names: Annotated[tuple[Name, ...], Strict(False)] | None = None
    """Names, of which it has one."""

    def matches(self, name: str, labels: Mapping[str, str]) -> bool:
        """Whether an assistant of this name with these labels is meant."""
        named = self.names is None or name in self.names
        return named and all(labels.get(key) == value for key, value in self.labels.items())


class Merge(Strictly):
    """Values laid over the `spec` of an assistant: objects are merged, all else is replaced."""

    spec: Mapping[str, Any]
    """Keys of an assistant's `spec`; null takes a key away, or clears it."""


class Patch(Strictly):
    """A structural variation: for the selected assistants, these values."""

    select: Select = Field(default_factory=Select)
    """Which assistants; left out: all."""
    merge: Merge
    """What is laid over them."""


class Requests(Strictly):
    """How hard the target is worked."""

    concurrency: Annotated[int, Field(ge=1, le=32)] | None = None
    """Requests in flight at once. Default: 16."""
    per_second: Annotated[float, Field(gt=0)] | None = None
    """Requests a second, at most. Default: as many as come."""


class Endpoint(Strictly):
    """Model names that match are served by an endpoint of the OpenAI-compatible kind."""

    match: Text
    """A model's name, or a pattern with `*`, `?`, `[…]`; the first entry that matches wins."""
    base_url: Url
    """What stands before `/chat/completions`."""
    api_key: Secret | None = None
    """Where the key of the endpoint is found."""
    context_tokens: Annotated[int, Field(ge=1)] | None = None
    """How many tokens the model takes."""
    upstream_name: Text | None = None
    """The model's name at the endpoint, if it is another than the assistant's."""
    timeout: Seconds | None = None
    """The longest silence of the endpoint before a run fails; two minutes if left out."""
    extra_body: Mapping[str, Any] = Field(default_factory=dict[str, Any])
    """Laid over the body of each request: `{enable_thinking: false}`, say; null takes a field away."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the endpoint calls the limit of an answer."""
    reasoning: Literal["return", "drop"] = "return"
    """Reasoning is never part of an answer. Whether the model gets it back with the outputs of the calls it led to."""

    @model_validator(mode="after")
    def _leaves_us_ours(self) -> Endpoint:
        taken = sorted(OURS.intersection(self.extra_body))
        if taken:
            raise fault("extra_body", f"'{taken[0]}' is set by the server itself", "extraBody", taken[0])
        return self


class Script(Strictly):
    """Model names that match are answered from a script: offline and deterministic. A path in the project's folder."""

    match: Text
    """A model's name, or a pattern with `*`, `?`, `[…]`; the first entry that matches wins."""
    script: Text
    """A path in the project's folder, such as `models/demo.yaml`."""
    context_tokens: Annotated[int, Field(ge=1)] | None = None
    """How many tokens the model is taken to take: to see what a long conversation is cut to."""


OURS = frozenset(("model", "messages", "stream", "tools"))  # fields of a request that nobody else may set


def _model_tag(value: object) -> str:
    if isinstance(value, Mapping) and "script" in cast("Mapping[str, object]", value):
        return "<script>"
    return "<baseUrl>"


ModelRoute = Annotated[
    Annotated[Endpoint, Tag("<baseUrl>")] | Annotated[Script, Tag("<script>")], Discriminator(_model_tag)
]


class EnvironmentSpec(Strictly):
    """Target, values, patches and rules; `models` only for the embedded server."""

    target: TargetSettings | None = None
    """Left out only in the built-in environment `local`: the embedded server."""
    project: Text | None = None
    """Who owns the assistants, with the environment. Default: `default`."""
    variables: Variables = Field(default_factory=dict[str, Plain])
    """Values of template variables that an assistant does not give itself."""
    patches: Annotated[tuple[Patch, ...], Strict(False)] = ()
    """Values laid over assistants here, one after the other."""
    policy: Policy = Field(default_factory=Policy)
    """How much an apply may do, and what it is held against."""
    requests: Requests = Field(default_factory=Requests)
    """How hard the target is worked."""
    models: Annotated[tuple[ModelRoute, ...], Strict(False)] = ()
    """Which endpoint serves which model; for the embedded server only."""


class Environment(Strictly):
    """A named place to apply to."""

    api_version: Literal["orchestrator/v1"]
    """The version of manifests."""
    kind: Literal["Environment"]
    """What the document declares."""
    metadata: Metadata
    """Name, labels, earlier names."""
    spec: EnvironmentSpec
    """What it is."""

    @model_validator(mode="after")
    def _target_fits(self) -> Environment:
        if self.metadata.name == LOCAL and self.spec.target is not None:
            raise fault("target", f"'{LOCAL}' is the embedded server and has no target", "spec", "target")
        if self.metadata.name != LOCAL and self.spec.target is None:
            raise fault("missing", "'target' is missing", "spec")
        return self
