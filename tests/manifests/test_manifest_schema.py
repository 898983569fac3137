"""The JSON Schema for editors agrees with the models on what keys there are."""

from __future__ import annotations

import json
import re

from orchestrator.manifests import KINDS, json_schema
from orchestrator.tools import BY_TYPE


def test_every_reference_of_the_schema_is_there() -> None:
    schema = json_schema()
    wanted = set(re.findall(r'"#/\$defs/([^"]+)"', json.dumps(schema)))
    assert wanted == set(schema["$defs"])


def test_each_kind_and_tool_kind_is_named() -> None:
    schema = json_schema()
    assert schema["properties"]["kind"]["enum"] == list(KINDS)
    assert schema["$defs"]["InlineTool"]["properties"]["type"]["enum"] == list(BY_TYPE)


def test_nothing_unknown_is_allowed_and_keys_are_camel_case() -> None:
    for name, definition in json_schema()["$defs"].items():
        if name != "InlineTool":
            assert definition["additionalProperties"] is False, name
    assert "displayName" in json_schema()["$defs"]["AssistantSpec"]["properties"]
    assert "display_name" not in json.dumps(json_schema())


def test_fields_are_described_and_short_forms_are_allowed() -> None:
    spec = json_schema()["$defs"]["AssistantSpec"]["properties"]
    assert spec["displayName"]["description"] == "The API's `name`. Default: metadata.name; null: none."
    assert {"type": "string"} in spec["model"]["anyOf"]
    assert {"type": "string"} in [one for part in spec["instructions"]["anyOf"] for one in part.get("anyOf", [part])]
