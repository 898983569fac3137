"""What the model reads after a call: the result as text, or a short JSON object that says why there is none."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticSerializationError, to_json, to_jsonable_python

from orchestrator.wire.outputs import LARGEST, tidy

_MOST_PROBLEMS = 20
_MOST_INPUT = 80


class NoText(Exception):
    """A result that has no JSON form; the message is for the model and shows no value."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One outcome of a call. `code` is None when it went well; `retry_after`: seconds that were asked for."""

    text: str
    code: str | None = None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutput:
    """What became of a call, for the model (`text`) and for programs. `seconds`: how long it took in all.

    `retry_after`: seconds to wait before another try, if the function said so.
    """

    text: str
    ok: bool
    code: str | None
    seconds: float
    retry_after: float | None = None


def result_text(value: object, largest: int = LARGEST) -> str:
    """A result as text: `str` as it is, nothing as `null`, the rest as JSON; then tidied (`wire.outputs`).

    Bytes are taken as UTF-8, else as base64; numbers that JSON does not know become "NaN", "Infinity".

    Raises:
        NoText: there is no JSON form.
    """
    if value is None:
        return "null"
    if isinstance(value, str):
        return tidy(value, largest) or "null"
    if isinstance(value, bytes | bytearray):
        try:
            return result_text(bytes(value).decode(), largest)
        except UnicodeDecodeError:
            value = bytes(value)
    if inspect.isgenerator(value) or inspect.isasyncgen(value) or inspect.isawaitable(value):
        raise NoText(f"The function returned a {type(value).__name__}, which has no JSON form.")
    return tidy(_json(value), largest)


def _json(value: object) -> str:
    for mode in ("utf8", "base64"):
        try:
            return to_json(value, bytes_mode=mode, inf_nan_mode="strings").decode()
        except (PydanticSerializationError, UnicodeError):
            continue
    try:  # text that is no Unicode, such as names of files: only the standard library escapes it
        return json.dumps(to_jsonable_python(value, bytes_mode="base64", inf_nan_mode="strings"))
    except (PydanticSerializationError, TypeError, ValueError, RecursionError) as error:
        raise NoText(f"The function returned a value of type {type(value).__name__} that has no JSON form.") from error


def error(code: str, message: str, **more: object) -> Answer:
    """An answer that is an error: `{"error": {"code": …, "message": …}}`."""
    text = json.dumps({"error": {"code": code, "message": message, **more}}, ensure_ascii=False, default=str)
    return Answer(tidy(text), code)


def not_an_object(reason: str, schema: Mapping[str, Any]) -> Answer:
    """The arguments are no JSON object; the schema comes along, for the model to try again."""
    message = f"The arguments must be one JSON object that fits the schema. {reason}"
    return error("bad_json", message, schema=schema)


def wrong_arguments(invalid: ValidationError, name: str, schema: Mapping[str, Any]) -> Answer:
    """What pydantic complains of: one line per problem, with the path to the value."""
    details = invalid.errors(include_url=False, include_context=False)
    first = details[0]
    if not first["loc"] and first["type"] in {"json_invalid", "string_unicode", "arguments_type"}:
        return not_an_object(first["msg"], schema)
    problems = [_problem(d, schema) for d in details[:_MOST_PROBLEMS]]
    if len(details) > _MOST_PROBLEMS:
        problems.append(f"… and {len(details) - _MOST_PROBLEMS} more")
    message = f"The arguments do not fit '{name}', which was not called: " + "; ".join(problems)
    return error("bad_arguments", message)


def _problem(detail: ErrorDetails, schema: Mapping[str, Any]) -> str:
    path = ".".join(str(part) for part in detail["loc"]) or "arguments"
    if detail["type"] == "missing_keyword_only_argument":
        return f"{path}: is required"
    if detail["type"] == "unexpected_keyword_argument":
        known = ", ".join(schema.get("properties", {})) or "none"
        return f"{path}: there is no such argument (known: {known})"
    given = json.dumps(detail["input"], ensure_ascii=False, default=lambda v: type(v).__name__)
    given = given if len(given) <= _MOST_INPUT else given[:_MOST_INPUT] + "…"
    return f"{path}: {detail['msg']} (given: {given})"
