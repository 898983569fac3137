"""Text → an OpenAPI document, version 3.0 or 3.1, that is what it says it is. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import yaml
from openapi_pydantic import parse_obj
from pydantic import ValidationError
from pydantic_core import from_json

LARGEST = 32 * 1024 * 1024  # bytes
_DEEPEST = 64
_MOST_NODES = 2_000_000
Json = Mapping[str, Any]


class DocumentFault(Exception):
    """A document that cannot be used; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Document:
    """The document as plain values. `old`: version 3.0, whose schemas are not quite JSON Schema."""

    raw: Json
    old: bool

    @property
    def server(self) -> str | None:
        """The first address it names, variables at their defaults; None: none."""
        servers = cast("list[Json]", self.raw.get("servers") or [])
        if not servers:
            return None
        url = str(servers[0].get("url", ""))
        for name, variable in cast("Mapping[str, Json]", servers[0].get("variables") or {}).items():
            url = url.replace("{" + name + "}", str(variable.get("default", "")))
        return url or None

    def follow(self, value: Any) -> Any:
        """What a `$ref` of this document leads to; anything else is itself.

        Raises:
            DocumentFault: it leads out of the document, nowhere, or in a circle.
        """
        seen: set[str] = set()
        found: Any = value
        while isinstance(found, Mapping) and isinstance(reference := cast("Json", found).get("$ref"), str):
            if reference in seen:
                raise DocumentFault(f"the reference '{reference}' leads in a circle")
            seen.add(reference)
            found = self._at(reference)
        return cast("Any", found)

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#/"):
            raise DocumentFault(f"the reference '{reference[:200]}' leads out of the document; bundle it into one file")
        place: Any = self.raw
        for step in reference[2:].split("/"):
            key = step.replace("~1", "/").replace("~0", "~")
            place = cast("Json", place).get(key) if isinstance(place, Mapping) else None
            if place is None:
                raise DocumentFault(f"the reference '{reference[:200]}' leads nowhere")
        return place


def read(text: bytes) -> Document:
    """Read JSON or YAML.

    Raises:
        DocumentFault: it is neither, or no OpenAPI document of version 3.0 or 3.1.
    """
    if len(text) > LARGEST:
        raise DocumentFault(f"the document is larger than {LARGEST // 1024 // 1024} MiB")
    raw = _values(text)
    if not isinstance(raw, dict):
        raise DocumentFault("the document is not an object")
    document = cast("dict[str, Any]", raw)
    version = str(document.get("openapi") or document.get("swagger") or "")
    if not version.startswith(("3.0", "3.1")):
        told = f"version {version[:20]}" if version else "no version"
        raise DocumentFault(f"the document has {told}; OpenAPI 3.0 and 3.1 can be read")
    try:
        parse_obj(document)
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(step) for step in first["loc"][1:])[:200]  # the first step is the version
        raise DocumentFault(f"this is no valid OpenAPI document: {place}: {first['msg']}") from invalid
    except RecursionError as error:
        raise DocumentFault("the document is nested too deeply") from error
    return Document(document, old=version.startswith("3.0"))


def _values(text: bytes) -> Any:
    if text.lstrip()[:1] == b"{":
        try:
            return from_json(text)
        except ValueError as error:
            raise DocumentFault(f"the document is not valid JSON: {error}") from error
    try:
        _scan(text)
        return _Loader(text).get_single_data()
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise DocumentFault(f"the document is not valid YAML: {str(error).splitlines()[0]}") from error


class _Loader(yaml.CSafeLoader):
    """Safe values; dates stay text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _scan(text: bytes) -> None:
    """Refuse what would take too much room, before anything is made of it."""
    depth = nodes = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise DocumentFault("the document uses YAML aliases; write it without them, or as JSON")
        nodes += isinstance(event, yaml.NodeEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST or nodes > _MOST_NODES:
            raise DocumentFault("the document is nested too deeply, or has too many values")
