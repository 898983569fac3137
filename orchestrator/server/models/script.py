r"""Scripts of the offline model: for which user text which calls and which reply come.

    replies:
      - when: 'weather in (?P<city>\w+)'       # a regular expression, searched in the newest user message, any case
        calls:                                # optional; if one of them is not offered, the rule does not match
          - {name: get_forecast, arguments: {city: "{city}"}}
        reply: "The forecast: {output}"       # optional beside calls; then it is "{output}"

Placeholders are the groups of `when`, `{text}` (the user message) and, in a reply, `{output}` (the outputs, one per
line). Values are text and are not expanded again. `arguments` may also be a string: JSON as it is to be sent, so
`'{"count": {count}}'` sends a number. The first 2,000 characters of a message are searched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

from orchestrator.diagnostics import Diagnostic, did_you_mean, in_order
from orchestrator.errors import ManifestsInvalid
from orchestrator.server.models.places import Loc, Places, ScriptUnreadable, read_places

SEARCHED = 2_000  # characters of a message

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NESTED = re.compile(r"(?<!\\)\((?:[^()\\]|\\.)*[+*](?:[^()\\]|\\.)*\)[+*{]")  # (a+)+ takes for ever on some texts
_TAKEN = frozenset({"text", "output"})


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ScriptedCall(_Part):
    """A call: the function's name, and its arguments with placeholders, as an object or as JSON text."""

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    arguments: dict[str, Any] | str = Field(default_factory=dict[str, Any])

    def filled(self, values: Mapping[str, str]) -> str:
        """The arguments as JSON text."""
        filled = _filled(self.arguments, values)
        return filled if isinstance(filled, str) else json.dumps(filled, ensure_ascii=False)


class Rule(_Part):
    """One rule of a script; it has calls, or a reply, or both."""

    when: str = Field(min_length=1, max_length=500)
    calls: tuple[ScriptedCall, ...] = ()
    reply: str | None = None

    @field_validator("when")
    @classmethod
    def _sound(cls, when: str) -> str:
        try:
            groups = re.compile(when, re.IGNORECASE).groupindex
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        if _NESTED.search(when):
            raise ValueError("a repetition inside of a repetition can take for ever")
        if taken := _TAKEN & groups.keys():
            raise ValueError(f"the group name '{min(taken)}' has a meaning of its own")
        return when

    @field_validator("calls", mode="before")
    @classmethod
    def _as_tuple(cls, calls: object) -> object:
        return tuple(cast("list[object]", calls)) if isinstance(calls, list) else calls

    def match(self, text: str) -> Mapping[str, str] | None:
        """The values of the placeholders if the rule fits; None: it does not."""
        found = re.search(self.when, text[:SEARCHED], re.IGNORECASE)
        return found and {**{name: value or "" for name, value in found.groupdict().items()}, "text": text}

    def said(self, values: Mapping[str, str]) -> str:
        """The reply."""
        return str(_filled("{output}" if self.reply is None else self.reply, values))


class Script(_Part):
    """All rules, in order: the first that matches counts."""

    replies: tuple[Rule, ...]

    @field_validator("replies", mode="before")
    @classmethod
    def _as_tuple(cls, replies: object) -> object:
        return tuple(cast("list[object]", replies)) if isinstance(replies, list) else replies


def load_script(path: Path) -> Script:
    """Read a script.

    Raises:
        ManifestsInvalid: the file cannot be read, is not YAML, or is not a script; all complaints at once.
    """
    try:
        places = read_places(path)
    except ScriptUnreadable as error:
        raise ManifestsInvalid([error.diagnostic]) from error
    try:
        script = Script.model_validate(places.value)
    except ValidationError as error:
        raise ManifestsInvalid(_unlike_a_script(places, error)) from error
    complaints = in_order([*places.complaints, *_unusable(places, script)])
    if complaints:
        raise ManifestsInvalid(complaints)
    return script


def _unlike_a_script(places: Places, error: ValidationError) -> tuple[Diagnostic, ...]:
    """One complaint per place: a value that may be of two types is reported for each."""
    found = {places.span(e["loc"]): _diagnostic(places, e) for e in reversed(error.errors())}
    return in_order([*places.complaints, *found.values()])


def _diagnostic(places: Places, error: ErrorDetails) -> Diagnostic:
    loc = error["loc"]
    if error["type"] == "extra_forbidden":
        known = {1: Script, 3: Rule}.get(len(loc), ScriptedCall).model_fields
        hint = did_you_mean(str(loc[-1]), known)
        return places.complain(loc, "MAN091", f"unknown key '{loc[-1]}'", hint=hint, at_key=True)
    if error["type"] == "missing":
        return places.complain(loc, "MAN091", f"'{loc[-1]}' is missing")
    message = str(error.get("ctx", {}).get("error") or error["msg"])
    return places.complain(loc, "MAN091", message)


def _unusable(places: Places, script: Script) -> Iterator[Diagnostic]:
    """Rules that say nothing, and placeholders without a meaning."""
    for i, rule in enumerate(script.replies):
        here: Loc = ("replies", i)
        known = {"text", *re.compile(rule.when).groupindex}
        if not rule.calls and rule.reply is None:
            yield places.complain(here, "MAN092", "a rule needs 'calls', or a 'reply', or both")
        for j, call in enumerate(rule.calls):
            yield from _unknown(places, (*here, "calls", j, "arguments"), call.arguments, known)
        yield from _unknown(places, (*here, "reply"), rule.reply, known | ({"output"} if rule.calls else set()))


def _unknown(places: Places, loc: Loc, template: object, known: set[str]) -> Iterator[Diagnostic]:
    for name in dict.fromkeys(_names(template)):
        if name not in known:
            hint = did_you_mean(name, known)
            yield places.complain(loc, "MAN093", f"unknown placeholder '{{{name}}}'", hint=hint)


def _names(template: object) -> Iterator[str]:
    match template:
        case str():
            yield from _PLACEHOLDER.findall(template)
        case dict():
            for value in cast("dict[str, object]", template).values():
                yield from _names(value)
        case list():
            for value in cast("list[object]", template):
                yield from _names(value)
        case _:
            pass


def _filled(template: object, values: Mapping[str, str]) -> object:
    """The template with values in place of placeholders, in one pass."""
    match template:
        case str():
            return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), template)
        case dict():
            return {key: _filled(value, values) for key, value in cast("dict[str, object]", template).items()}
        case list():
            return [_filled(value, values) for value in cast("list[object]", template)]
        case _:
            return template
