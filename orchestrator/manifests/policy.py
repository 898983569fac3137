"""What an Environment says of apply: limits, rules over what is rendered, and waivers of rules. No I/O.

One model per rule; what a rule does stands in `reconcile/rules/`. A rule that is not named here has its default.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal, cast

from pydantic import BeforeValidator, Discriminator, Field, Strict, Tag, WithJsonSchema, model_validator

from orchestrator.diagnostics import did_you_mean
from orchestrator.manifests.fields import Strictly, Text, Texts, fault

RuleSeverity = Literal["error", "warning", "info", "off"]


def _day(value: object) -> date:
    text = value if isinstance(value, str) and len(value) == len("2027-01-31") else ""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise fault("day", "not a day: write it as 2027-01-31") from None


Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]


class RuleSettings(Strictly):
    """What all rules have."""

    severity: RuleSeverity | None = None
    """What a finding is: `error` refuses apply, `off` switches the rule off. Default: the rule's own."""


class ModelAllowed(RuleSettings):
    """POL001: assistants use only models that are allowed here."""

    rule: Literal["model-allowed"] = "model-allowed"
    """The rule's name."""
    allow: Texts | None = None
    """Names of models, with `*`; left out: all that are not denied."""
    deny: Texts = ()
    """Names of models, with `*`, that are refused also where they are allowed."""


class ToolNotBound(RuleSettings):
    """POL002: a prompt mentions a tool that the assistant does not have."""

    rule: Literal["tool-not-bound"] = "tool-not-bound"
    """The rule's name."""


class ToolNotMentioned(RuleSettings):
    """POL003: an assistant has a tool that its prompt never mentions. Off unless it is named."""

    rule: Literal["tool-not-mentioned"] = "tool-not-mentioned"
    """The rule's name."""


class SecretKey(RuleSettings):
    """POL004: a text looks like a key or password of a known form."""

    rule: Literal["secret-key"] = "secret-key"
    """The rule's name."""


class SecretEntropy(RuleSettings):
    """POL005: a text holds a long word as random as a key."""

    rule: Literal["secret-entropy"] = "secret-entropy"
    """The rule's name."""
    length: Annotated[int, Field(ge=16, le=1000)] = 24
    """Shorter words are not looked at."""


class TokenGrowth(RuleSettings):
    """POL006: an update makes what the model is told much longer. Off unless it is named; only `plan` can tell."""

    rule: Literal["token-growth"] = "token-growth"
    """The rule's name."""
    percent: Annotated[float, Field(gt=0)] = 100.0
    """More growth than that is a finding, in per cent of what it was."""
    tokens: Annotated[int, Field(ge=0)] = 200
    """Growth by fewer tokens than that never is."""


class InstructionsLength(RuleSettings):
    """POL007: the instructions are very long; each request pays for them."""

    rule: Literal["instructions-length"] = "instructions-length"
    """The rule's name."""
    tokens: Annotated[int, Field(ge=1)] = 16_000
    """How many tokens they may have, as estimated."""


class PlaceholderLeft(RuleSettings):
    """POL008: rendered instructions still hold what looks like a placeholder."""

    rule: Literal["placeholder-left"] = "placeholder-left"
    """The rule's name."""
    accept: Texts = ()
    """Texts that are meant as they stand, such as `${documents}`."""


class KnownEnd(Strictly):
    """An end that the built-in table does not have."""

    match: Text
    """A model's name for `model-retirement`, the target's host for `api-retirement`; with `*`."""
    day: Day
    """The last day, as 2027-01-31."""
    source: Text | None = None
    """Who said so."""
    instead: Text | None = None
    """What to use then."""


Ends = Annotated[tuple[KnownEnd, ...], Strict(False)]


class ModelRetirement(RuleSettings):
    """POL009: the model was shut down, or will be soon."""

    rule: Literal["model-retirement"] = "model-retirement"
    """The rule's name."""
    days: Annotated[int, Field(ge=0)] = 180
    """How many days ahead it is told."""
    ends: Ends = ()
    """Further ends; they come before those of the built-in table."""


class ApiRetirement(RuleSettings):
    """POL010: the target's API was shut down, or will be."""

    rule: Literal["api-retirement"] = "api-retirement"
    """The rule's name."""
    days: Annotated[int, Field(ge=0)] = 365
    """How many days ahead it is told; an end without a date always is."""
    ends: Ends = ()
    """Further ends; they come before those of the built-in table."""


RULES: Mapping[str, type[RuleSettings]] = {
    "model-allowed": ModelAllowed,
    "tool-not-bound": ToolNotBound,
    "tool-not-mentioned": ToolNotMentioned,
    "secret-key": SecretKey,
    "secret-entropy": SecretEntropy,
    "token-growth": TokenGrowth,
    "instructions-length": InstructionsLength,
    "placeholder-left": PlaceholderLeft,
    "model-retirement": ModelRetirement,
    "api-retirement": ApiRetirement,
}


def _rule_of(value: object) -> object:
    return cast("Mapping[str, object]", value).get("rule") if isinstance(value, Mapping) else None


def _known_rule(value: object) -> object:
    if isinstance(value, RuleSettings):
        return value
    if not isinstance(value, Mapping):
        raise fault("model_type", "a rule is an object: {rule: NAME, severity: …}")
    name = _rule_of(cast("object", value))
    if name is None:
        raise fault("missing", "'rule' is missing")
    if name not in RULES:
        near = did_you_mean(str(name)[:80], RULES)
        raise fault("unknown_rule", f"there is no rule '{str(name)[:80]}'; {near}", "rule")
    return cast("object", value)


def _rule_tag(value: object) -> str:
    return f"<{getattr(value, 'rule', None) or _rule_of(value)}>"


Rule = Annotated[
    Annotated[ModelAllowed, Tag("<model-allowed>")]
    | Annotated[ToolNotBound, Tag("<tool-not-bound>")]
    | Annotated[ToolNotMentioned, Tag("<tool-not-mentioned>")]
    | Annotated[SecretKey, Tag("<secret-key>")]
    | Annotated[SecretEntropy, Tag("<secret-entropy>")]
    | Annotated[TokenGrowth, Tag("<token-growth>")]
    | Annotated[InstructionsLength, Tag("<instructions-length>")]
    | Annotated[PlaceholderLeft, Tag("<placeholder-left>")]
    | Annotated[ModelRetirement, Tag("<model-retirement>")]
    | Annotated[ApiRetirement, Tag("<api-retirement>")],
    Discriminator(_rule_tag),
    BeforeValidator(_known_rule),
]


def _names_a_rule(value: str) -> str:
    if value not in RULES:
        raise fault("unknown_rule", f"there is no rule '{value[:80]}'; {did_you_mean(value, RULES)}")
    return value


class Waiver(Strictly):
    """A finding that is accepted for a while: it is told, and refuses nothing."""

    rule: Annotated[Text, BeforeValidator(lambda value: _names_a_rule(value) if isinstance(value, str) else value)]
    """The rule's name."""
    assistant: Text
    """The assistant's name, with `*`."""
    reason: Text
    """Why; told with the finding."""
    until: Day
    """The last day on which it holds, as 2027-01-31."""


class Policy(Strictly):
    """How much an apply may do, and what it is held against."""

    prune: Literal["confirm", "never", "auto"] = "confirm"
    """`never`: nothing is deleted here, whatever the options of a command say."""
    max_deletes: Annotated[int, Field(ge=0)] | None = None
    """How many assistants one apply may delete. Default: 10."""
    max_delete_percent: Annotated[float, Field(ge=0, le=100)] | None = None
    """Which share of our assistants one apply may delete, in per cent. Default: 20."""
    self_heal: bool = False
    """Read, and without effect so far."""
    rules: Annotated[tuple[Rule, ...], Strict(False)] = ()
    """Rules over the rendered assistants: `{rule: NAME, severity: error|warning|info|off, …}`."""
    waivers: Annotated[tuple[Waiver, ...], Strict(False)] = ()
    """Findings that are accepted for a while: `{rule, assistant, reason, until}`."""

    @model_validator(mode="after")
    def _each_rule_once(self) -> Policy:
        seen: set[str] = set()
        for nth, rule in enumerate(self.rules):
            name = str(_rule_tag(rule))[1:-1]
            if name in seen:
                raise fault("doubled", f"the rule '{name}' is given twice", "rules", nth, "rule")
            seen.add(name)
        return self
