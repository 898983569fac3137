"""Arguments of functions that are not Python, checked by their JSON Schema (draft 2020-12).

The schemas come from strangers: nothing is fetched to resolve a `$ref`, and patterns cannot run away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema_rs
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError, from_json

_MOST = 20  # problems told of one call


class SchemaFault(Exception):
    """A schema that cannot be used; the message says why."""


class SchemaValidator:
    """JSON text → `((values,), {})`, a call with all arguments as one dictionary."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        """Compile it.

        Raises:
            SchemaFault: it is not a JSON Schema, or refers to something outside of itself.
        """
        try:
            self._validator = jsonschema_rs.Draft202012Validator(dict(schema), retriever=_nothing)
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
            raise SchemaFault(str(error).splitlines()[0]) from error

    def validate_json(self, data: str, /) -> tuple[tuple[dict[str, Any]], dict[str, Any]]:
        """The arguments.

        Raises:
            pydantic.ValidationError: the text is no JSON object, or does not fit.
        """
        try:
            value = from_json(data)
        except ValueError as error:
            detail = InitErrorDetails(type="json_invalid", loc=(), input=data, ctx={"error": str(error)})
            raise ValidationError.from_exception_data("arguments", [detail]) from error
        problems = [_detail(error) for error, _ in zip(self._validator.iter_errors(value), range(_MOST), strict=False)]
        if problems:
            raise ValidationError.from_exception_data("arguments", problems)
        return (value,), {}


def _detail(error: jsonschema_rs.ValidationError) -> InitErrorDetails:
    text = error.message if len(error.message) <= 300 else f"{error.message[:300]}…"
    kind = PydanticCustomError("schema", "{text}", {"text": text})
    return InitErrorDetails(type=kind, loc=tuple(error.instance_path), input=error.instance)


def _nothing(uri: str) -> Any:
    raise ValueError(f"'{uri}' lies outside of the schema")
