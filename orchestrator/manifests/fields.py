"""What fields of manifests are made of: the strict base, names, durations, plain values, secrets. No I/O."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

Approval = Literal["auto", "ask", "deny"]

DNS_LABEL = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"
TOOL_NAME = r"^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$"
_IDENTIFIER = r"^[A-Za-z_][A-Za-z0-9_]*$"

_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h))+")
_DURATION_PART = re.compile(r"([0-9.]+)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST = 7 * 24 * 3600.0
_URL = re.compile(r"https?://[^\s/?#]+[^\s]*")


class Strictly(BaseModel):
    """Base of all parts of a manifest: camelCase in YAML, snake_case here, nothing unknown, no conversions.

    `model_fields_set` tells which fields the author wrote: presence means managed.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=False,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )


def fault(kind: str, message: str, *at: str | int) -> PydanticCustomError:
    """An error with a complete sentence; `at` is the way from here to the value that is meant."""
    return PydanticCustomError(cast("Any", kind), cast("Any", "{text}"), {"text": message, "at": at})


def _seconds(value: object) -> float:
    text = value if isinstance(value, str) else ""
    seconds = 0.0
    if _DURATION.fullmatch(text) and len(text) < 30:
        seconds = sum(float(n) * _SECONDS[unit] for n, unit in _DURATION_PART.findall(text))
    if not 0 < seconds <= _LONGEST or not math.isfinite(seconds):
        raise fault(
            "duration", "not a duration: write a number and a unit, such as 500ms, 20s, 3m or 1h (at most 168h)"
        )
    return seconds


def _url(value: str) -> str:
    if "${env." not in value and not _URL.fullmatch(value):
        raise fault("url", "not an address that begins with http:// or https://")
    return value


def _plain(value: object) -> object:
    if not isinstance(value, (str, int, float)):
        raise fault("plain", "must be text, a number, true or false")
    return value


def _names_a_place(value: object) -> object:
    if isinstance(value, dict) and len(cast("dict[str, object]", value)) == 1:
        return cast("dict[str, object]", value)
    raise fault("secret", "a secret never stands in a manifest: give either {fromEnv: NAME} or {fromFile: PATH}")


Seconds = Annotated[
    float,
    BeforeValidator(_seconds),
    WithJsonSchema({"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$", "examples": ["20s", "3m"]}),
]
"""A duration such as `500ms`, `20s`, `3m`, `1h30m`; in Python: seconds."""

Url = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_url)]
Text = Annotated[str, Field(min_length=1)]
Name = Annotated[str, Field(pattern=DNS_LABEL, max_length=63)]
ToolName = Annotated[str, Field(pattern=TOOL_NAME, max_length=63)]
Identifier = Annotated[str, Field(pattern=_IDENTIFIER, max_length=100)]
Plain = Annotated[
    str | int | float | bool,
    BeforeValidator(_plain),
    WithJsonSchema({"type": ["string", "number", "boolean"]}),
]
Texts = Annotated[tuple[Text, ...], Strict(False)]
Variables = Mapping[Identifier, Plain]


class SecretPlace(Strictly):
    """Where a secret is found when it is needed: exactly one of `fromEnv`, `fromFile`. Never the secret itself."""

    from_env: Annotated[str, Field(pattern=_IDENTIFIER)] | None = None
    """Name of an environment variable."""
    from_file: Text | None = None
    """Path of a file, relative to the project's folder; one line break at its end is left out."""


Secret = Annotated[SecretPlace, BeforeValidator(_names_a_place)]
