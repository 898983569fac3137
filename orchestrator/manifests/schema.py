"""JSON Schema (draft 2020-12) of one manifest document, for editors: completion, descriptions, red lines. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic.json_schema import models_json_schema

from orchestrator.manifests.loaded import KINDS
from orchestrator.manifests.model import API_VERSION
from orchestrator.tools import BY_TYPE

_ONE_SECRET = {"minProperties": 1, "maxProperties": 1}


def json_schema() -> dict[str, Any]:
    """The schema; `kind` decides which of the definitions holds."""
    models = [*KINDS.values(), *BY_TYPE.values()]
    _, found = models_json_schema([(model, "validation") for model in models], ref_template="#/$defs/{model}")
    definitions = cast("dict[str, Any]", found["$defs"])
    definitions["InlineTool"] = _inline_tool(definitions)
    definitions["SecretPlace"] |= _ONE_SECRET
    for unused in ("InlineText", "ToolKind", *(model.__name__ for model in BY_TYPE.values())):
        definitions.pop(unused, None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "orchestrator manifest",
        "description": "One document of assistants.d/**/*.yaml.",
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": {
            "apiVersion": {"const": API_VERSION},
            "kind": {"enum": list(KINDS), "description": "What the document declares."},
        },
        "allOf": [_when(kind) for kind in KINDS],
        "$defs": dict(sorted(definitions.items())),
    }


def _when(kind: str) -> dict[str, Any]:
    is_kind = {"properties": {"kind": {"const": kind}}, "required": ["kind"]}
    return {"if": is_kind, "then": {"$ref": f"#/$defs/{kind}"}}


def _inline_tool(definitions: Mapping[str, Any]) -> dict[str, Any]:
    """A tool kind: `type` names it, the other keys are that kind's settings."""
    cases = [_settings(kind, definitions[model.__name__]) for kind, model in BY_TYPE.items()]
    return {
        "title": "InlineTool",
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": list(BY_TYPE), "description": "The kind of tool."}},
        "allOf": cases,
    }


def _settings(kind: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    is_kind = {"properties": {"type": {"const": kind}}, "required": ["type"]}
    named = {"type": {"const": kind, "description": BY_TYPE[kind].DOC}}
    return {"if": is_kind, "then": {**schema, "properties": {**named, **schema.get("properties", {})}}}
