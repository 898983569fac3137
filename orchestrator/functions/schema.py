"""JSON Schema as a model should see it: without made-up titles, and the same in every generation of a plug-in."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, cast

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind

# Names of synthetic packages get into `$defs` when two classes bear the same name.
_GENERATION = re.compile(r"_plug_[0-9a-f]+_\d+__")


class NoTitles(GenerateJsonSchema):
    """pydantic's generator, which shall not make titles out of names, nor warn of defaults without JSON form."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Never: a title that repeats the name costs tokens and says nothing."""
        return False

    def emit_warning(self, kind: JsonSchemaWarningKind, detail: str) -> None:
        """Say nothing: the schema is right without the default."""


def tidy(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Drop the titles of `$defs` that repeat the name of a class, and the number of the generation."""
    text = json.dumps(schema)
    result = cast("dict[str, Any]", json.loads(_GENERATION.sub("", text)))
    for name, definition in cast("dict[str, dict[str, Any]]", result.get("$defs", {})).items():
        title = definition.get("title")
        if isinstance(title, str) and _plain(name).endswith(_plain(title)):
            del definition["title"]
    return result


def _plain(name: str) -> str:
    return re.sub(r"[^a-zA-Z0-9]", "", name)
