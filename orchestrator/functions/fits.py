"""Whether a JSON Schema written in a manifest fits the function that it is bound to.

Only what is certain is said: a union overlaps or it does not, and what cannot be decided fits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from orchestrator.functions.registry import Function

_Schema = Mapping[str, Any]


def misfits(schema: Mapping[str, Any], function: Function) -> list[str]:
    """Sentences, each about one parameter, that say how the schema contradicts the signature; empty: it fits."""
    if schema.get("type", "object") != "object":
        return [f"the schema must be of type object, not {_words(_as_types(schema['type']))}"]
    offered, taken = _properties(schema), _properties(function.parameters)
    return [
        *_not_taken(offered, taken, function),
        *_not_given(schema, offered, function),
        *_contradictions(schema, offered, taken, function),
    ]


def _not_taken(offered: _Schema, taken: _Schema, function: Function) -> list[str]:
    if function.parameters.get("additionalProperties", True) is not False:
        return []
    known = ", ".join(taken) or "none"
    return [f"parameter '{n}' is not taken by the function (it takes: {known})" for n in offered if n not in taken]


def _not_given(schema: _Schema, offered: _Schema, function: Function) -> list[str]:
    required = schema.get("required")
    listed = cast("list[object]", required) if isinstance(required, list) else []
    found: list[str] = []
    for name in function.parameters.get("required", ()):
        if name not in offered:
            found.append(f"parameter '{name}' is required by the function but missing from the schema")
        elif name not in listed:
            found.append(f"parameter '{name}' is required by the function but not by the schema")
    return found


def _contradictions(schema: _Schema, offered: _Schema, taken: _Schema, function: Function) -> list[str]:
    found: list[str] = []
    for name in offered:
        if name not in taken:
            continue
        ours = _resolved(offered[name], schema)
        theirs = _resolved(taken[name], function.parameters)
        complaint = _type_misfit(name, ours, theirs) or _value_misfit(name, ours, theirs)
        if complaint:
            found.append(complaint)
    return found


def _type_misfit(name: str, ours: _Schema, theirs: _Schema) -> str | None:
    given, accepted = _types(ours), _types(theirs)
    if given is None or accepted is None:
        return None
    wide = accepted | ({"integer"} if "number" in accepted else set[str]())
    fits = given & wide if len(given) > 1 else given <= wide
    if fits:
        return None
    return f"parameter '{name}' is {_words(given)} in the schema, but the function takes {_words(accepted)}"


def _value_misfit(name: str, ours: _Schema, theirs: _Schema) -> str | None:
    given, accepted = _values(ours), _values(theirs)
    if given is None or accepted is None:
        return None
    texts = {json.dumps(value) for value in accepted}
    wrong = [json.dumps(value) for value in given if json.dumps(value) not in texts]
    if not wrong:
        return None
    return f"parameter '{name}' may be {', '.join(wrong)} in the schema, but the function takes {_words(texts)}"


def _types(schema: _Schema) -> set[str] | None:
    """The JSON types that a schema allows; None: cannot be said."""
    if "type" in schema:
        return _as_types(schema["type"])
    branches = schema.get("anyOf") or schema.get("oneOf")
    if not isinstance(branches, list):
        return None
    united: set[str] = set()
    for branch in cast("list[object]", branches):
        types = _types(_mapping(branch))
        if types is None:
            return None
        united |= types
    return united


def _as_types(value: object) -> set[str]:
    return {str(v) for v in cast("list[object]", value)} if isinstance(value, list) else {str(value)}


def _values(schema: _Schema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    values = schema.get("enum")
    return cast("list[Any]", values) if isinstance(values, list) else None


def _resolved(schema: object, root: _Schema) -> _Schema:
    """Follow one reference into `$defs`; what else a reference may say is left undecided."""
    found = _mapping(schema)
    reference = found.get("$ref")
    if not isinstance(reference, str):
        return found
    head, _, name = reference.rpartition("/")
    return _mapping(_mapping(root.get("$defs")).get(name)) if head == "#/$defs" else {}


def _properties(schema: _Schema) -> _Schema:
    return _mapping(schema.get("properties"))


def _mapping(value: object) -> _Schema:
    return cast("_Schema", value) if isinstance(value, Mapping) else {}


def _words(names: set[str]) -> str:
    return " or ".join(sorted(names))
