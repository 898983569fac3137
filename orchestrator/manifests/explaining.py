"""What a field of a manifest is, read from the JSON Schema that editors get: one source for both. Pure.

A path is `Kind.field.field …`; lists are passed through without a number, and where a value may have several forms the
fields of all of them are there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from orchestrator.diagnostics import did_you_mean
from orchestrator.errors import SettingsError
from orchestrator.manifests.loaded import KINDS
from orchestrator.manifests.schema import json_schema

Schema = Mapping[str, Any]

_NUMBER = re.compile(r"\[\d*\]|\.\d+(?=\.|$)")  # `tools[0]`, `tools[]`, `tools.0`
_OWN = "A key of the author's own choice."
_ANYTHING: Schema = {"description": _OWN}
_NAMING = ("type", "rule")  # fields whose one value says which form it is
_TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
    "null": "null",
}
_LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "minLength": "characters, at least",
    "maxLength": "characters, at most",
    "minItems": "entries, at least",
    "maxItems": "entries, at most",
    "pattern": "form",
    "format": "format",
    "examples": "such as",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A field below. `form`: of which form of the value it is, as `tools` has several; empty if there is one."""

    name: str
    types: tuple[str, ...]
    required: bool
    description: str
    form: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A field. `has_default` False: it has none, since it must be given; `limits`: by words such as "at most"."""

    path: str
    types: tuple[str, ...]
    required: bool
    has_default: bool
    default: Any
    description: str
    values: tuple[str, ...]
    limits: Mapping[str, Any]
    children: tuple[Child, ...]


@dataclass(frozen=True, slots=True)
class _Field:
    """A field as one form of its parent has it."""

    schema: Schema
    required: bool
    form: str


def explain(path: str) -> Explained:
    """The field at a path.

    Raises:
        SettingsError: there is none; the hint names the nearest.
    """
    return _Walk(json_schema()).explain(path)


def every_path() -> list[str]:
    """The paths of all fields of all kinds, for completion."""
    walk = _Walk(json_schema())
    return [path for kind in KINDS for path in walk.below(kind)]


class _Walk:
    def __init__(self, schema: Schema) -> None:
        definitions = cast("Mapping[str, Schema]", schema["$defs"])
        self._definitions = {**definitions, "Merge": _with_fields_of_a_patch(definitions)}

    def explain(self, path: str) -> Explained:
        steps = [step for step in _NUMBER.sub("", path.strip()).split(".") if step]
        if not steps:
            raise SettingsError("A path is missing.", hint=f"begin with a kind: {', '.join(KINDS)}")
        fields = [self._kind(steps[0])]
        for nth, step in enumerate(steps[1:], 1):
            fields = self._step(fields, step, ".".join([*steps[:nth]]))
        return self._explained(".".join(steps), fields)

    def below(self, path: str) -> Iterator[str]:
        """A path and all below it; no kind contains itself."""
        yield path
        for name in dict.fromkeys(child.name for child in self.explain(path).children):
            yield from self.below(f"{path}.{name}")

    def _kind(self, word: str) -> _Field:
        if word not in KINDS:
            raise SettingsError(f"There is no kind '{word[:80]}'.", hint=did_you_mean(word, KINDS))
        return _Field(self._definitions[word], required=True, form="")

    def _step(self, fields: Sequence[_Field], step: str, so_far: str) -> list[_Field]:
        known = [pair for field in fields for pair in self._fields(field.schema)]
        found = [one for name, one in known if name == step]
        if found:
            return found
        free = [one for field in fields for one in self._values(field.schema)]
        if free:
            return free
        names = [name for name, _ in known]
        hint = did_you_mean(step, names) or f"'{so_far}' has nothing below it"
        raise SettingsError(f"{so_far} has no '{step[:80]}'.", hint=hint)

    def _forms(self, schema: Schema) -> Iterator[Schema]:
        """Everything that a value may be, with references followed and lists taken for their entries."""
        if "$ref" in schema:
            yield from self._forms(self._definitions[str(schema["$ref"]).rpartition("/")[2]])
        elif "items" in schema:
            yield from self._forms(schema["items"])
        elif any(word in schema for word in ("anyOf", "oneOf")):
            for one in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
                yield from self._forms(one)
        else:
            yield schema
            for case in schema.get("allOf", ()):
                yield from self._forms(case["then"])

    def _fields(self, schema: Schema) -> Iterator[tuple[str, _Field]]:
        for form in self._forms(schema):
            needed = form.get("required", ())
            for name, inner in form.get("properties", {}).items():
                yield name, _Field(inner, required=name in needed, form=_form_name(form))

    def _values(self, schema: Schema) -> Iterator[_Field]:
        """What stands below any key, where keys are the author's own."""
        for form in self._forms(schema):
            for inner in (form.get("additionalProperties"), *form.get("patternProperties", {}).values()):
                if isinstance(inner, dict):
                    yield _Field({"description": _OWN, **cast("Schema", inner)}, required=False, form="")
                elif inner is True:
                    yield _Field(_ANYTHING, required=False, form="")
            if form == _ANYTHING:
                yield _Field(_ANYTHING, required=False, form="")

    def _explained(self, path: str, fields: Sequence[_Field]) -> Explained:
        merged = [form for field in fields for form in self._forms(field.schema)]
        defaults = [field.schema["default"] for field in fields if "default" in field.schema]
        return Explained(
            path=path,
            types=_each(word for field in fields for word in self._types(field.schema)),
            required=all(field.required for field in fields),
            has_default=bool(defaults),
            default=defaults[0] if defaults else None,
            description="\n".join(_each(self._description(field.schema) for field in fields)),
            values=_each(str(value) for form in merged for value in _values_of(form)),
            limits={words: form[key] for form in merged for key, words in _LIMITS.items() if key in form}
            | {words: f.schema[key] for f in fields for key, words in _LIMITS.items() if key in f.schema},
            children=tuple(self._children(fields)),
        )

    def _children(self, fields: Sequence[_Field]) -> Iterator[Child]:
        found = list(dict.fromkeys((name, one.form) for field in fields for name, one in self._fields(field.schema)))
        several = len({form for _, form in found}) > 1
        by_name = {(name, one.form): one for field in fields for name, one in self._fields(field.schema)}
        for name, form in found:
            one = by_name[name, form]
            yield Child(
                name=name,
                types=_each(self._types(one.schema)),
                required=one.required,
                description=self._description(one.schema),
                form=form if several else "",
            )

    def _types(self, schema: Schema) -> Iterator[str]:
        if "$ref" in schema:
            yield from self._types(self._definitions[str(schema["$ref"]).rpartition("/")[2]])
        elif "items" in schema:
            yield f"list of {' or '.join(_each(self._types(schema['items'])))}"
        elif any(word in schema for word in ("anyOf", "oneOf")):
            for one in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
                yield from self._types(one)
        elif "const" in schema or "enum" in schema:
            yield "text"
        else:
            given = schema.get("type", "any value")
            words = cast("list[str]", given) if isinstance(given, list) else [str(given)]
            yield from (_TYPES.get(word, word) for word in words)

    def _description(self, schema: Schema) -> str:
        """Its own words, else those of what it refers to."""
        if "description" in schema:
            return str(schema["description"])
        if "$ref" in schema:
            return self._description(self._definitions[str(schema["$ref"]).rpartition("/")[2]])
        return next(iter(_each(self._description(one) for one in schema.get("anyOf", ()))), "")


def _with_fields_of_a_patch(definitions: Mapping[str, Schema]) -> Schema:
    """What a patch merges: fields of an assistant, of which none must be given."""
    merge = definitions["Merge"]
    described: Schema = {"description": merge["properties"]["spec"]["description"], "required": []}
    return {**merge, "properties": {"spec": {**definitions["AssistantSpec"], **described}}}


def _form_name(form: Schema) -> str:
    """How one of several forms is called: by the value that only it has, else by its title."""
    fields = cast("Mapping[str, Schema]", form.get("properties", {}))
    named = next((f"{name}: {fields[name]['const']}" for name in _NAMING if "const" in fields.get(name, ())), None)
    return named or str(form.get("title", ""))


def _values_of(schema: Schema) -> list[Any]:
    return [schema["const"]] if "const" in schema else list(schema.get("enum", ()))


def _each(words: Iterator[str] | Sequence[str]) -> tuple[str, ...]:
    """Each once, in order, without empty ones."""
    return tuple(dict.fromkeys(word for word in words if word))
