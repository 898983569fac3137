"""Schemas of an OpenAPI document → JSON Schema (2020-12) of arguments, references kept. Pure.

References stay references, so that recursive schemas stay finite: what is referred to is gathered under `$defs`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from orchestrator.functions.openapi.document import Document, Json

_DROPPED = frozenset(
    ("example", "examples", "xml", "externalDocs", "discriminator", "deprecated", "nullable", "readOnly", "writeOnly")
)
_SCHEMAS = frozenset(
    (
        *("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"),
        *("unevaluatedProperties", "unevaluatedItems"),
    )
)
_LISTS = frozenset(("allOf", "anyOf", "oneOf", "prefixItems"))
_MAPS = frozenset(("properties", "patternProperties", "$defs", "dependentSchemas"))
_BOUNDS = (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum"))


class Shapes:
    """Converts the schemas of one operation; `definitions` grows with what they refer to."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._names: dict[str, str] = {}
        self.definitions: dict[str, Any] = {}

    def convert(self, schema: Any) -> Any:
        """One schema, as a request may hold it: what is `readOnly` is left out.

        Raises:
            DocumentFault: a reference leads out of the document or nowhere.
        """
        if not isinstance(schema, Mapping):
            return schema if isinstance(schema, bool) else {}
        given = cast("Json", schema)
        reference = given.get("$ref")
        if isinstance(reference, str):
            beside = {} if self._document.old else {k: v for k, v in given.items() if k == "description"}
            return {"$ref": f"#/$defs/{self._define(reference)}", **beside}
        made = {key: self._part(key, value) for key, value in given.items() if key not in _DROPPED and key[:2] != "x-"}
        self._without_read_only(given, made)
        return self._modern(given, made) if self._document.old else made

    def _define(self, reference: str) -> str:
        name = self._names.get(reference)
        if name is None:
            name = self._free(reference.rpartition("/")[2].replace("~1", "_").replace("~0", "_") or "schema")
            self._names[reference] = name
            self.definitions[name] = True  # a place, so that a circle ends here
            self.definitions[name] = self.convert(self._document.follow({"$ref": reference}))
        return name

    def _free(self, name: str) -> str:
        plain = "".join(c if c.isalnum() or c in "_.-" else "_" for c in name)
        taken = set(self._names.values())
        return next(n for n in (plain, *(f"{plain}_{i}" for i in range(2, len(taken) + 3))) if n not in taken)

    def _part(self, key: str, value: Any) -> Any:
        if key in _SCHEMAS:
            return self.convert(value)
        if key in _LISTS and isinstance(value, list):
            return [self.convert(one) for one in cast("list[Any]", value)]
        if key in _MAPS and isinstance(value, Mapping):
            return {name: self.convert(one) for name, one in cast("Json", value).items()}
        return value

    def _without_read_only(self, given: Json, made: dict[str, Any]) -> None:
        properties = cast("Json", given.get("properties") or {})
        hidden = {name for name, one in properties.items() if _flag(self._document.follow(one), "readOnly")}
        if hidden:
            made["properties"] = {name: one for name, one in made["properties"].items() if name not in hidden}
            made["required"] = [name for name in given.get("required") or () if name not in hidden]

    def _modern(self, given: Json, made: dict[str, Any]) -> dict[str, Any]:
        """What 3.0 says in its own way."""
        for flag, bound in _BOUNDS:
            if isinstance(given.get(flag), bool):
                exclusive = made.pop(flag)
                if exclusive and bound in made:
                    made[flag] = made.pop(bound)
        if not _flag(given, "nullable"):
            return made
        if isinstance(kind := made.get("type"), str):
            made["type"] = [kind, "null"]
            if "enum" in made and None not in made["enum"]:
                made["enum"] = [*made["enum"], None]
            return made
        return {"anyOf": [made, {"type": "null"}]} if made else made


def _flag(schema: Any, name: str) -> bool:
    return isinstance(schema, Mapping) and cast("Json", schema).get(name) is True


def plain_object(document: Document, schema: Any) -> Json | None:
    """The schema itself if it is an object with named properties and nothing else that decides; None: it is not."""
    found = document.follow(schema)
    if not isinstance(found, Mapping):
        return None
    given = cast("Json", found)
    if not given.get("properties") or any(key in given for key in (*_LISTS, "not", "if", "patternProperties")):
        return None
    if given.get("type", "object") != "object" or _flag(given, "nullable"):
        return None
    return given if given.get("additionalProperties", False) in (False, None, True) else None
