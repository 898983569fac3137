"""From pydantic's errors to complaints that an author understands: one per fault, at its place. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, cast, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from orchestrator.diagnostics import Diagnostic, did_you_mean
from orchestrator.manifests.environment import Endpoint, Script
from orchestrator.manifests.model import FromFile, FromTemplate, InlineTool, PluginRef, ToolRef, nearest_kind
from orchestrator.manifests.placed import SECRET_FIELDS, Document, Placed, complain
from orchestrator.manifests.policy import RULES
from orchestrator.manifests.source import Path
from orchestrator.tools import BY_TYPE

_M = TypeVar("_M")

MAX_COMPLAINTS = 100  # of one manifest

_TAGS: Mapping[str, type[BaseModel]] = {
    "<template>": FromTemplate,
    "<file>": FromFile,
    "<ref>": ToolRef,
    "<plugin>": PluginRef,
    "<script>": Script,
    "<baseUrl>": Endpoint,
    **{f"<{name}>": settings for name, settings in RULES.items()},
}
_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "mapping_type": "an object",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "too_short": "longer",
}
_QUOTED = re.compile(r"'([^']*)'")
_CODES = {"extra_forbidden": "MAN002", "missing": "MAN003", "unknown_tool_kind": "MAN006", "unknown_rule": "MAN007"}
_RULES = {
    "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$": "lower-case letters, digits and '-', not at the ends",
    "^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$": "lower-case letters, digits, '_' and '-', at most 63",
    "^[A-Za-z_][A-Za-z0-9_]*$": "letters, digits and '_', not beginning with a digit",
}


def from_pydantic(
    error: ValidationError, model: type[BaseModel], where: Document | Placed[object], raw: object
) -> Iterator[Diagnostic]:
    """A complaint for each fault that pydantic found in `raw`, the plain values that `model` was made of."""
    details = error.errors(include_url=False)
    for detail in details[:MAX_COMPLAINTS]:
        yield _complaint(detail, _plain_path(detail["loc"]), model, where, raw)
    if len(details) > MAX_COMPLAINTS:
        message = f"… and {len(details) - MAX_COMPLAINTS:,} more in this manifest"
        yield _point(where, "MAN004", message, (), hint=None, key=False)


def validated(
    model: type[_M], raw: Mapping[str, Any], where: Document | Placed[object], diagnostics: list[Diagnostic]
) -> _M | None:
    """The frozen model of plain values, or None and the complaints."""
    checked = cast("type[BaseModel]", model)
    try:
        return cast("_M", checked.model_validate(raw))
    except ValidationError as error:
        diagnostics.extend(from_pydantic(error, checked, where, raw))
        return None


def _complaint(
    detail: ErrorDetails, path: Path, model: type[BaseModel], where: Document | Placed[object], raw: object
) -> Diagnostic:
    kind, ctx = detail["type"], detail.get("ctx", {})
    path = (*path, *ctx.get("at", ()))
    code = _CODES.get(kind, "MAN004")
    hint: str | None = None
    name = str(path[-1]) if path else ""
    if kind == "extra_forbidden":
        hint = did_you_mean(name, _known_keys(model, detail["loc"], raw))
        message = f"unknown key '{name[:80]}'"
    elif kind == "missing":
        message = ctx.get("text") or f"'{name}' is missing"
        path = path if "text" in ctx else path[:-1]
    elif kind == "unknown_tool_kind":
        message, hint = ctx["text"], nearest_kind(str(_at(raw, path)))
    else:
        message = _sentence(detail, path, raw)
        hint = _hint(detail, path, raw)
    return _point(where, code, message, path, hint=hint, key=kind in ("extra_forbidden", "metadata_key", "unsupported"))


def _point(
    where: Document | Placed[object], code: str, message: str, path: Path, *, hint: str | None, key: bool
) -> Diagnostic:
    if isinstance(where, Document):
        return complain(where, code, message, path, hint=hint, key=key)
    return where.complain(code, message, path, hint=hint, key=key)


def _sentence(detail: ErrorDetails, path: Path, raw: object) -> str:
    kind, ctx = detail["type"], detail.get("ctx", {})
    subject = f"'{path[-1]}'" if path and isinstance(path[-1], str) and path[-1] != "[key]" else "the value"
    if "text" in ctx:
        return str(ctx["text"])
    if kind in _WANTED:
        return f"{subject} must be {_WANTED[kind]}, not {_described(_at(raw, path))}"
    if kind == "literal_error":
        shown = "" if SECRET_FIELDS.intersection(map(str, path)) else f", not {_described(_at(raw, path))}"
        return f"{subject} must be {ctx['expected']}{shown}"
    if kind == "string_pattern_mismatch":
        return f"{subject} is not of the form that is asked for"
    text = detail["msg"].removeprefix("Value error, ")
    return text if kind in ("tool", "instructions") else f"{subject}: {text[:1].lower()}{text[1:]}"


def _hint(detail: ErrorDetails, path: Path, raw: object) -> str | None:
    kind, ctx = detail["type"], detail.get("ctx", {})
    if kind == "string_pattern_mismatch":
        return _RULES.get(str(ctx.get("pattern")), f"the form is {ctx.get('pattern')}")
    if kind == "literal_error":
        return did_you_mean(str(_at(raw, path))[:80], _QUOTED.findall(str(ctx["expected"])))
    if kind == "string_type" and isinstance(_at(raw, path), (int, float)):
        return "quote it"
    if kind == "secret":
        return "put the secret into an environment variable and write {fromEnv: ITS_NAME}"
    return None


def _described(value: object) -> str:
    """A value in words; texts are shown only in part, objects not at all."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        return f"'{value[:40]}'" if len(value) <= 40 else "a longer text"
    return "a list" if isinstance(value, list) else "an object"


def _plain_path(loc: tuple[int | str, ...]) -> Path:
    return tuple(step for step in loc if not _is_tag(step) and step != "[key]")


def _is_tag(step: int | str) -> bool:
    return isinstance(step, str) and step.startswith("<") and step.endswith(">")


def _at(raw: object, path: Path) -> object:
    for step in path:
        try:
            raw = cast("Any", raw)[step]
        except (KeyError, IndexError, TypeError):
            return None
    return raw


def _known_keys(model: type[BaseModel], loc: tuple[int | str, ...], raw: object) -> set[str]:
    """The keys that may stand beside the unknown one at `loc`, found by walking the models."""
    models: set[type[BaseModel]] = {model}
    for nth, step in enumerate(loc[:-1]):
        if _is_tag(step):
            models = {_TAGS.get(str(step)) or _kind_of(_at(raw, _plain_path(loc[:nth])))}
        elif isinstance(step, str):
            models = {found for m in models for found in _models_of_field(m, step)}
    return {info.alias or name for m in models for name, info in m.model_fields.items()}


def _kind_of(entry: object) -> type[BaseModel]:
    kind = cast("Mapping[str, object]", entry).get("type") if isinstance(entry, Mapping) else None
    return BY_TYPE.get(str(kind), InlineTool)


def _models_of_field(model: type[BaseModel], key: str) -> Iterator[type[BaseModel]]:
    for name, info in model.model_fields.items():
        if key in (name, info.alias):
            yield from _models_in(info.annotation)


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
