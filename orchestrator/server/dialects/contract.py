"""How a dialect describes itself: what each verb takes and gives, as JSON Schema (2020-12). `openapi.py` reads it.

A verb has one name in all dialects (`create_run`), a contract says what it means in one of them. Schemas with a name
are components; `Names` makes the references to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Schema = dict[str, Any]
Fields = Mapping[str, Schema]

JSON = "application/json"
EVENTS = "text/event-stream"
FORM = "multipart/form-data"
HIGHEST = 2**63 - 1  # the largest integer of a body, and of the database

FLAG: Schema = {"type": "boolean"}
TEXT: Schema = {"type": "string"}
NAME: Schema = {"type": "string", "minLength": 1}
ANYTHING: Schema = {"type": "object"}
NOTHING: Schema = {"type": "null"}
NUMBER: Schema = {"type": "number"}
COUNT: Schema = {"type": "integer", "minimum": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A query parameter or a header."""

    name: str
    schema: Schema
    about: str
    place: str = "query"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What a verb takes and gives in one dialect, by media type. `needed`: there must be a body."""

    gives: Mapping[str, Schema]
    takes: Mapping[str, Schema] = field(default_factory=dict[str, Schema])
    needed: bool = True
    parameters: tuple[Parameter, ...] = ()
    about: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A status that refusals have. `posts`: only of requests with a body; `ids`: only where something is named."""

    about: str
    posts: bool = False
    ids: bool = False
    waits: bool = False  # it may carry Retry-After
    keyed: bool = False  # only of requests that may bear an Idempotency-Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """One dialect on paper.

    `produces` tells where in a verb's request and answer the ids are that other verbs need, as runtime expressions of
    OpenAPI; it is laid over what holds for all dialects.
    """

    operations: Mapping[str, Operation]  # by the verb's name
    schemas: Fields
    refusals: Mapping[int, Refused]
    refusal: Schema
    headers: tuple[Parameter, ...] = ()  # of every request
    signature: tuple[Parameter, ...] = ()  # headers of every answer
    produces: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])


class Names:
    """References to the schemas of one dialect."""

    def __init__(self, dialect: str) -> None:
        self._prefix = f"#/components/schemas/{dialect}."

    def __call__(self, name: str) -> Schema:
        """The reference to a schema."""
        return {"$ref": self._prefix + name}


def choice(*values: str) -> Schema:
    """One of some strings."""
    return {"type": "string", "enum": list(values)}


def text(longest: int) -> Schema:
    """A string of at most so many characters."""
    return {"type": "string", "maxLength": longest}


def integer(lowest: int, highest: int = HIGHEST) -> Schema:
    """An integer within bounds, both included."""
    return {"type": "integer", "minimum": lowest, "maximum": highest}


def number(highest: float) -> Schema:
    """A number from 0 on."""
    return {"type": "number", "minimum": 0, "maximum": highest}


def items(schema: Schema, most: int | None = None, *, least: int = 0) -> Schema:
    """A list."""
    bounds = {"minItems": least} if least else {}
    return {"type": "array", "items": schema, **bounds, **({} if most is None else {"maxItems": most})}


def either(*schemas: Schema) -> Schema:
    """One of some schemas."""
    return {"anyOf": list(schemas)}


def optional(schema: Schema) -> Schema:
    """The same, or null."""
    if "type" in schema and "enum" not in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return either(schema, NOTHING)


def takes(needed: Fields, others: Fields | None = None) -> Schema:
    """An object of a request: fields that are needed, fields that are not, and whatever else."""
    least = {"required": list(needed)} if needed else {}
    return {"type": "object", "properties": {**needed, **(others or {})}, **least}


def gives(fields: Fields, others: Fields | None = None) -> Schema:
    """An object of an answer: all of these fields, and some of the others."""
    return {"type": "object", "properties": {**fields, **(others or {})}, "required": list(fields)}


def closed(*schemas: Schema) -> Schema:
    """All of these at once, and no further field."""
    one = dict(schemas[0]) if len(schemas) == 1 else {"allOf": list(schemas)}
    return {**one, "unevaluatedProperties": False}


def event(names: Schema, data: Schema) -> Schema:
    """A server-sent event whose data is JSON."""
    payload = {"type": "string", "contentMediaType": JSON, "contentSchema": data}
    number = {"type": "string", "pattern": "^[0-9]+$", "description": "The event's number within its run, from 1."}
    properties = {"event": names, "id": number, "data": payload}
    return {"type": "object", "properties": properties, "required": ["event", "data"]}


PAGE = (
    Parameter(name="limit", schema={**integer(1, 100), "default": 20}, about="How many items at most."),
    Parameter(name="order", schema={**choice("asc", "desc"), "default": "desc"}, about="By creation."),
    Parameter(name="after", schema=TEXT, about="Id of an item of the list: begin behind it."),
    Parameter(name="before", schema=TEXT, about="Id of an item of the list: end in front of it."),
)
