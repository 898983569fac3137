"""The operations of a document: what a model is told of each, and where each argument goes. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from orchestrator.functions.openapi.document import Document, DocumentFault, Json
from orchestrator.functions.openapi.shapes import Shapes, plain_object

METHODS = ("get", "head", "post", "put", "patch", "delete", "options")
READING = frozenset({"get", "head", "options"})
REPEATABLE = READING | {"put", "delete"}
NAME_LENGTH = 64
_NOT_PARAMETERS = {"accept", "content-type", "authorization"}  # as the specification says of headers
_DESCRIPTION = 1024

Where = Literal["path", "query", "header", "cookie"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """Where one argument goes. `json`: it is written as JSON text, whatever its style."""

    argument: str
    name: str
    where: Where
    style: str
    explode: bool
    json: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The request's body. `fields`: argument → property; `whole`: the argument that is the body itself."""

    media: str
    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    whole: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation. `id`: as the document or its path names it; `tool`: what a model calls it."""

    id: str
    tool: str
    method: str
    path: str
    description: str
    parameters: Mapping[str, Any]
    slots: tuple[Slot, ...]
    body: Body | None


@dataclass(frozen=True, slots=True)
class Skipped:
    """An operation that cannot be offered, and why."""

    id: str
    reason: str


def operations(document: Document, wanted: frozenset[str] | None = None) -> Iterator[Operation | Skipped]:
    """All operations, or those whose id is wanted, in the order of the document.

    Raises:
        DocumentFault: two operations have one id.
    """
    hidden = _credentials(document)
    ids: set[str] = set()
    tools: dict[str, str] = {}
    for path, item in cast("Mapping[str, Any]", document.raw.get("paths") or {}).items():
        shared = cast("Json", document.follow(item))
        for method in METHODS:
            given = cast("Json | None", shared.get(method))
            if given is None:
                continue
            name = str(given.get("operationId") or f"{method}_{path}")
            if name in ids:
                raise DocumentFault(f"two operations have the id '{name}'")
            ids.add(name)
            if wanted is not None and name not in wanted:
                continue
            tool = tool_name(str(given.get("operationId") or f"{method}_{path.strip('/')}"), tools)
            try:
                yield _Reader(document, hidden, shared, given).operation(name, tool, method, path)
            except DocumentFault as fault:
                yield Skipped(name, str(fault))


def ids(document: Document) -> tuple[str, ...]:
    """The ids of all operations, in the order of the document."""
    found: list[str] = []
    for path, item in cast("Mapping[str, Any]", document.raw.get("paths") or {}).items():
        shared = cast("Json", document.follow(item))
        found += [str(shared[m].get("operationId") or f"{m}_{path}") for m in METHODS if shared.get(m) is not None]
    return tuple(found)


def _credentials(document: Document) -> frozenset[tuple[str, str]]:
    """Places of credentials: they come from the manifest, and a model must not fill them in."""
    components = cast("Json", document.raw.get("components") or {})
    schemes = cast("Json", components.get("securitySchemes") or {})
    keys = [document.follow(one) for one in schemes.values()]
    return frozenset((str(k.get("in")), str(k.get("name")).lower()) for k in keys if k.get("type") == "apiKey")


def tool_name(name: str, taken: dict[str, str]) -> str:
    """Letters, digits, `_` and `-`, 64 at most; what is cut or doubled ends in a few characters of its hash."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_") or "operation"
    if len(plain) > NAME_LENGTH or taken.get(plain, name) != name:
        plain = f"{plain[: NAME_LENGTH - 7]}_{hashlib.sha256(name.encode()).hexdigest()[:6]}"
    taken[plain] = name
    return plain


class _Reader:
    """Reads one operation."""

    def __init__(self, document: Document, hidden: frozenset[tuple[str, str]], shared: Json, given: Json) -> None:
        self._document = document
        self._hidden = hidden
        self._shared = shared
        self._given = given
        self._shapes = Shapes(document)

    def operation(self, name: str, tool: str, method: str, path: str) -> Operation:
        parameters = self._parameters()
        body = self._body()
        flat: Json = body.properties if body else {}
        named = [str(p["name"]) for p in parameters]
        slots: list[Slot] = []
        properties: dict[str, Any] = {}
        required: list[str] = []
        for parameter in parameters:
            own = str(parameter["name"])
            clash = named.count(own) > 1 or own in flat
            argument = f"{own}__{parameter['in']}" if clash else own
            slots.append(self._slot(argument, parameter))
            properties[argument] = self._told(parameter)
            if parameter.get("required") or parameter["in"] == "path":
                required.append(argument)
        fields: dict[str, str] = {}
        for own, schema in flat.items():
            argument = f"{own}__body" if own in named else own
            fields[argument] = own
            properties[argument] = schema
            if body and own in body.required:
                required.append(argument)
        schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
        if required:
            schema["required"] = required
        if self._shapes.definitions:
            schema["$defs"] = self._shapes.definitions
        whole = next(iter(fields)) if body and body.whole else None
        return Operation(
            id=name,
            tool=tool,
            method=method.upper(),
            path=path,
            description=self._description(method, path),
            parameters=schema,
            slots=tuple(slots),
            body=Body(media=body.media, fields={} if whole else fields, whole=whole) if body else None,
        )

    def _description(self, method: str, path: str) -> str:
        texts = [str(self._given.get(key) or "").strip() for key in ("summary", "description")]
        text = "\n\n".join(dict.fromkeys(text for text in texts if text)) or f"{method.upper()} {path}"
        return text if len(text) <= _DESCRIPTION else text[: _DESCRIPTION - 1] + "…"

    def _parameters(self) -> list[Json]:
        """Those of the operation over those of its path."""
        found: dict[tuple[str, str], Json] = {}
        for one in (*(self._shared.get("parameters") or ()), *(self._given.get("parameters") or ())):
            parameter = cast("Json", self._document.follow(one))
            place = (str(parameter.get("in")), str(parameter.get("name")))
            ignored = place[0] == "header" and place[1].lower() in _NOT_PARAMETERS
            if not ignored and (place[0], place[1].lower()) not in self._hidden:
                found[place] = parameter
        return list(found.values())

    def _slot(self, argument: str, parameter: Json) -> Slot:
        where = cast("Where", parameter["in"])
        style = str(parameter.get("style") or ("form" if where in ("query", "cookie") else "simple"))
        return Slot(
            argument=argument,
            name=str(parameter["name"]),
            where=where,
            style=style,
            explode=bool(parameter.get("explode", style == "form")),
            json=bool(parameter.get("content")),
        )

    def _told(self, parameter: Json) -> Any:
        content = cast("Json", parameter.get("content") or {})
        given = next(iter(content.values())).get("schema") if content else parameter.get("schema")
        schema = self._shapes.convert(given or {})
        text = parameter.get("description")
        return {**cast("Json", schema), "description": str(text)} if text and isinstance(schema, dict) else schema

    def _body(self) -> _Read | None:
        given = self._given.get("requestBody")
        if given is None:
            return None
        body = cast("Json", self._document.follow(given))
        media, content = _media(cast("Json", body.get("content") or {}))
        schema: Any = cast("Json", content).get("schema") or {}
        needed = bool(body.get("required"))
        plain = plain_object(self._document, schema)
        if plain is not None and (needed or not plain.get("required")):
            made = self._shapes.convert(plain)
            return _Read(media, made["properties"], frozenset(made.get("required") or ()) if needed else frozenset())
        return _Read(media, {"body": self._shapes.convert(schema)}, frozenset({"body"} if needed else ()), whole=True)


@dataclass(frozen=True, slots=True)
class _Read:
    """A body as it was read: the arguments it takes, those it needs, and whether the only one is the body itself."""

    media: str
    properties: Json
    required: frozenset[str]
    whole: bool = False


_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")


def _media(content: Json) -> tuple[str, Any]:
    """The media type to send, JSON before forms before text."""
    names = list(content)
    json = [
        n for n in names if n.partition(";")[0].strip() == "application/json" or n.partition(";")[0].endswith("+json")
    ]
    rest = [n for form in _FORMS for n in names if n.partition(";")[0].strip() == form]
    chosen = next(iter((*json, *rest)), None)
    if chosen is None and "*/*" in content:
        return "application/json", content["*/*"]
    if chosen is None:
        raise DocumentFault(f"it takes {', '.join(names)[:100] or 'a body of no type'}, which cannot be sent")
    return chosen, content[chosen]
