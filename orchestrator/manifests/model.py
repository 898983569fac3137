"""The kinds of manifests as frozen models: Assistant, Template, Tool, Plugin, Environment. No I/O.

Every model mirrors the YAML (camelCase there). `model_fields_set` of a `spec` tells what the author wrote: what is not
in it is not managed, an explicit `null` or `[]` clears.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    SerializeAsAny,
    Strict,
    Tag,
    model_validator,
)

from orchestrator.diagnostics import did_you_mean
from orchestrator.manifests.approvals import ApprovalRules
from orchestrator.manifests.fields import (
    Approval,
    Identifier,
    Name,
    Plain,
    Seconds,
    Strictly,
    Text,
    Texts,
    ToolName,
    Variables,
    fault,
)
from orchestrator.tools import BY_ALIAS, BY_TYPE, ToolKind
from orchestrator.wire.assistants import (
    DESCRIPTION_LENGTH,
    INSTRUCTIONS_LENGTH,
    METADATA_KEY,
    METADATA_PAIRS,
    METADATA_VALUE,
    NAME_LENGTH,
    STAMP_KEY,
    TOOLS_COUNT,
)

API_VERSION = "orchestrator/v1"
_IGNORABLE = (
    r"^(model(\.(name|temperature|topP|topK|maxTokens))?|displayName|description|instructions|tools|fileIds"
    r"|metadata(\..+)?)$"
)

_T = TypeVar("_T")
_List = Annotated[tuple[_T, ...], Strict(False)]


# ---- the envelope


class _Labelled(Strictly):
    labels: Mapping[str, str] = Field(default_factory=dict[str, str])
    """For the patches of environments to select by."""


class Metadata(_Labelled):
    """Who the manifest is."""

    name: Name
    """Identity: lower-case letters, digits and `-`, at most 63 characters, unique per kind."""
    previous_names: Annotated[tuple[Name, ...], Strict(False)] = ()
    """Earlier names: a rename then changes the object instead of making a new one."""


class ToolMetadata(_Labelled):
    """As all metadata; a tool's name is what the model sees and may hold `_`."""

    name: ToolName
    """What the model sees: lower-case letters, digits, `_` and `-`, at most 63 characters, unique among tools."""
    previous_names: Annotated[tuple[ToolName, ...], Strict(False)] = ()
    """Earlier names of the tool."""


# ---- Assistant


def _as_model(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


class ModelSettings(Strictly):
    """The chat model and how it samples. In YAML also just the name."""

    name: Annotated[str, Field(min_length=1, max_length=256)]
    """The model, as the target calls it."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """How freely it chooses: 0 is nearly the same answer each time."""
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    """It chooses among the likeliest tokens that together have this probability."""
    top_k: Annotated[int, Field(ge=0)] | None = None
    """It chooses among so many of the likeliest tokens. Not in the dialect `openai`."""
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    """How many tokens an answer may have. Not in the dialect `openai`."""


class InlineText(Strictly):
    """Instructions as Jinja2 text right in the manifest."""

    text: Annotated[str, Field(max_length=INSTRUCTIONS_LENGTH)]
    """The text."""


class FromTemplate(Strictly):
    """Instructions from a manifest of kind Template."""

    template: Name
    """The name of a manifest of kind Template."""
    variables: Variables = Field(default_factory=dict[str, Plain])
    """Values of its variables; they come before those of the Environment."""


class FromFile(Strictly):
    """Instructions from a template source, a path relative to the folder of manifests."""

    file: Text
    """A path such as `templates/weather.md.j2`."""
    variables: Variables = Field(default_factory=dict[str, Plain])
    """Values of its variables; they come before those of the Environment."""


def _as_inline(value: object) -> object:
    return InlineText.model_validate({"text": value}) if isinstance(value, str) else value


def _instructions_tag(value: object) -> str | None:
    if isinstance(value, InlineText):
        return "<text>"
    return _only_tag(value, ("template", "file"))


def _only_tag(value: object, known: tuple[str, ...]) -> str | None:
    """The tag of the one known key that an object has; None if it has none or several."""
    keys: Mapping[str, object] = cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}
    chosen = [key for key in known if key in keys]
    return f"<{chosen[0]}>" if len(chosen) == 1 else None


Instructions = Annotated[
    Annotated[InlineText, Tag("<text>")]
    | Annotated[FromTemplate, Tag("<template>")]
    | Annotated[FromFile, Tag("<file>")],
    Discriminator(
        _instructions_tag,
        custom_error_type="instructions",
        custom_error_message="instructions are text, {template: NAME} or {file: PATH}",
    ),
]


class ToolRef(Strictly):
    """A manifest of kind Tool by name; `approval` overrides the tool's own."""

    ref: ToolName
    """The name of a manifest of kind Tool."""
    approval: Approval | None = None
    """Whether its calls need a person, for this assistant. Default: what the Tool says."""


class PluginRef(Strictly):
    """A manifest of kind Plugin by name."""

    plugin: Name
    """The name of a manifest of kind Plugin."""
    only: Annotated[tuple[str, ...], Strict(False)] | None = None
    """Names of its functions to offer. Default: all that its code does not hide."""
    approval: Approval | None = None
    """Whether calls of its functions need a person; the code may ask for more. Default: what the code says."""


class InlineTool(Strictly):
    """A tool kind right in the manifest: `type`, and beside it the settings of that kind."""

    type: str
    tool: SerializeAsAny[ToolKind]

    @model_validator(mode="before")
    @classmethod
    def _known_kind(cls, value: object) -> object:
        given = dict(cast("Mapping[str, Any]", value))
        kind = given.pop("type")
        if not isinstance(kind, str):
            raise fault("type", "must be text", "type")
        if kind not in BY_TYPE:
            raise fault("unknown_tool_kind", f"unknown tool kind '{kind[:80]}'", "type")
        return {"type": kind, "tool": BY_TYPE[kind].model_validate(given)}


def _tool_tag(value: object) -> str | None:
    return _only_tag(value, ("ref", "plugin", "type"))


ToolEntry = Annotated[
    Annotated[ToolRef, Tag("<ref>")] | Annotated[PluginRef, Tag("<plugin>")] | Annotated[InlineTool, Tag("<type>")],
    Discriminator(
        _tool_tag,
        custom_error_type="tool",
        custom_error_message="a tool is one of {ref: TOOL}, {type: KIND, …} and {plugin: PLUGIN}",
    ),
]


class Context(Strictly):
    """How much of the conversation the model is shown."""

    strategy: Literal["last_messages"] = "last_messages"
    """How the thread is cut: the newest messages stay."""
    last_messages: Annotated[int, Field(ge=1)] | None = None
    """How many messages of the thread are told, at most; obeyed by the embedded server."""


class Limits(Strictly):
    """Bounds of one run; times in seconds."""

    tool_rounds: Annotated[int, Field(ge=0, le=1000)] | None = None
    """Rounds of calls; one more ends the run. Default: 16."""
    tool_calls: Annotated[int, Field(ge=0, le=10_000)] | None = None
    """Calls in all. Default: 25."""
    same_calls: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Rounds that may make the same call with the same arguments. Default: 3."""
    parallel_calls: Annotated[int, Field(ge=1, le=64)] | None = None
    """Calls performed side by side. Default: 8."""
    output_bytes: Annotated[int, Field(ge=1024, le=1024 * 1024)] | None = None
    """Largest output of a call; what is longer is cut, with a mark. Default: 64 KiB."""
    tool_timeout: Seconds | None = None
    """How long a call may take. Default: 30 s."""
    run_timeout: Seconds | None = None
    """From the run's creation to its end, waiting included. Default: 600 s."""


def _user_metadata(value: Mapping[str, str]) -> Mapping[str, str]:
    if len(value) > METADATA_PAIRS - 1:
        raise fault("metadata", f"at most {METADATA_PAIRS - 1} pairs: one of {METADATA_PAIRS} is ours")
    for key, text in value.items():
        if key == STAMP_KEY:
            raise fault("metadata_key", f"the key '{STAMP_KEY}' is reserved for our own mark", key)
        if not 0 < len(key) <= METADATA_KEY:
            raise fault("metadata_key", f"a key has 1 to {METADATA_KEY} characters", key)
        if len(text) > METADATA_VALUE:
            raise fault("metadata", f"a value has at most {METADATA_VALUE} characters", key)
    return value


class AssistantSpec(Strictly):
    """What an assistant is. `None` of a field that stands in `model_fields_set` clears it."""

    model: Annotated[ModelSettings, BeforeValidator(_as_model, json_schema_input_type=str | ModelSettings)]
    """The model's name, or {name, temperature, topP, topK, maxTokens}."""
    display_name: Annotated[str, Field(min_length=1, max_length=NAME_LENGTH)] | None = None
    """The API's `name`. Default: metadata.name; null: none."""
    description: Annotated[str, Field(max_length=DESCRIPTION_LENGTH)] | None = None
    """For people; null clears."""
    instructions: (
        Annotated[Instructions, BeforeValidator(_as_inline, json_schema_input_type=str | FromTemplate | FromFile)]
        | None
    ) = None
    """Jinja2 text, {template, variables} or {file, variables}."""
    tools: Annotated[tuple[ToolEntry, ...], Strict(False), Field(max_length=TOOLS_COUNT)] | None = None
    """What it can call and use: {ref: TOOL}, {plugin: PLUGIN} or {type: KIND, …}; the list as a whole is managed."""
    file_ids: Texts | None = None
    """Ids of files that its tools may read; in the dialect `openai` those of the code interpreter."""
    context: Context | None = None
    """How much of a conversation the model is shown."""
    limits: Limits | None = None
    """Bounds of each run; obeyed where the embedded server, or `ask` and `chat`, perform its calls."""
    metadata: Annotated[Mapping[str, str], AfterValidator(_user_metadata)] | None = None
    """The API's own metadata: at most 15 pairs of text."""
    protect: bool = False
    """Never deleted, also when the manifest is gone."""
    on_delete: Literal["delete", "retain"] = "delete"
    """What pruning does once the manifest is gone: delete it, or take our mark off and leave it (`retain`)."""
    suspend: bool = False
    """Whether `up` leaves it as it is: neither changed nor repaired, until this is false again."""
    ignore: Annotated[tuple[Annotated[str, Field(pattern=_IGNORABLE)], ...], Strict(False)] = ()
    """Fields that others may change: written when it is made, then neither compared nor written."""


class Assistant(Strictly):
    """An assistant."""

    api_version: Literal["orchestrator/v1"]
    """The version of manifests."""
    kind: Literal["Assistant"]
    """What the document declares."""
    metadata: Metadata
    """Name, labels, earlier names."""
    spec: AssistantSpec
    """What it is."""


# ---- Template


class Variable(Strictly):
    """A value that a template needs. One without `required` and without `default` may be left out."""

    name: Identifier
    """As the text has it: `{{ name }}`."""
    type: Literal["string", "integer", "number", "boolean"] = "string"
    """What its values are."""
    required: bool = False
    """Whether each assistant, or the Environment, must give it."""
    default: Plain | None = None
    """Its value where nobody gives one."""
    description: str | None = None
    """What it is for."""

    def accepts(self, value: object) -> bool:
        """Whether a value is of this variable's type."""
        if isinstance(value, bool) or self.type == "boolean":
            return isinstance(value, bool) and self.type == "boolean"
        accepted = {"string": (str,), "integer": (int,), "number": (int, float)}
        return isinstance(value, accepted[self.type])

    @model_validator(mode="after")
    def _default_fits(self) -> Variable:
        if self.default is not None and not self.accepts(self.default):
            raise fault("default", f"the default is not of type {self.type}", "default")
        if self.required and self.default is not None:
            raise fault("default", "a required variable has no default", "default")
        return self


class TemplateSpec(Strictly):
    """Jinja2 text and the variables it needs."""

    variables: _List[Variable] = ()
    """What the text needs; an assistant can give no others."""
    body: Annotated[str, Field(max_length=INSTRUCTIONS_LENGTH)]
    """Jinja2 text; `{% include "FILE" %}` takes files of the folder."""


class Template(Strictly):
    """Text of instructions that several assistants share."""

    api_version: Literal["orchestrator/v1"]
    """The version of manifests."""
    kind: Literal["Template"]
    """What the document declares."""
    metadata: Metadata
    """Name, labels, earlier names."""
    spec: TemplateSpec
    """What it is."""


# ---- Tool


class ToolSpec(Strictly):
    """Which function is called, and how. `timeout` in seconds."""

    function: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*)*$", max_length=200)]
    """A name in the plug-in registry such as `weather.forecast`, never an import path."""
    description: Annotated[str, Field(max_length=4096)] | None = None
    """Told to the model; default: the function's docstring."""
    parameters: Mapping[str, Any] | None = None
    """JSON Schema of the arguments; default: from the function's signature."""
    timeout: Seconds | None = None
    """How long a call may take. Default: the function's, or 30 s."""
    retries: Annotated[int, Field(ge=0, le=10)] | None = None
    """How often a call that failed is tried again. Default: never."""
    approval: Approval | ApprovalRules = "auto"
    """`auto` calls at once, `ask` asks a person first, `deny` never calls; or rules by arguments: {default, rules}."""


class Tool(Strictly):
    """A tool binding: the name that the model sees, and the function that is called."""

    api_version: Literal["orchestrator/v1"]
    """The version of manifests."""
    kind: Literal["Tool"]
    """What the document declares."""
    metadata: ToolMetadata
    """Name, labels, earlier names."""
    spec: ToolSpec
    """What it is."""


# the other kinds have files of their own: `plugins.py`, `environment.py`


_ELSEWHERE = {  # what other vendors call it
    "web_search": "quark_search",
    "file_search": "rag",
    "retrieval": "rag",
    "image_generation": "text_to_image",
}


def nearest_kind(word: str) -> str | None:
    """A hint for an unknown tool kind; the old names of kinds are known too."""
    names = {**{kind: kind for kind in BY_TYPE}, **{old: kind.TYPE for old, kind in BY_ALIAS.items()}, **_ELSEWHERE}
    near = get_close_matches(word, names, n=1)
    return f"did you mean '{names[near[0]]}'?" if near else did_you_mean(word, BY_TYPE)
