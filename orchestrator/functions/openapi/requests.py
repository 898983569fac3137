"""Arguments of an operation → one HTTP request. Pure.

Styles of parameters as OpenAPI defines them (after RFC 6570): simple, label, matrix, form, spaceDelimited,
pipeDelimited, deepObject, each exploded or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import quote, urlencode

import orjson

from orchestrator.functions.openapi.operations import Operation, Slot

Pairs = list[tuple[str, str]]
_DELIMITERS = {"spaceDelimited": "%20", "pipeDelimited": "|", "form": ",", "simple": ","}


class ArgumentFault(Exception):
    """An argument that cannot be sent; the message is for the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to send. `target`: path and query, below the base address; `content`: None for no body."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    content: bytes | None = None


def request(operation: Operation, arguments: Mapping[str, Any]) -> Request:
    """The request of a call whose arguments fit the schema.

    Raises:
        ArgumentFault: a value would change the path, or does not fit into a header.
    """
    target, headers = operation.path, {"accept": "application/json, text/*;q=0.9, */*;q=0.1"}
    query: list[str] = []
    cookies: list[str] = []
    for slot in operation.slots:
        if slot.argument not in arguments:
            continue
        value = arguments[slot.argument]
        match slot.where:
            case "path":
                target = target.replace("{" + slot.name + "}", _segment(slot, value))
            case "query":
                query += list(_query(slot, value))
            case "header":
                headers[slot.name] = _header(slot, value)
            case "cookie":
                cookies.append(f"{slot.name}={quote(_joined(slot, value, ','), safe='')}")
    if cookies:
        headers["cookie"] = "; ".join(cookies)
    media, content = _content(operation, arguments)
    if content is not None:
        headers["content-type"] = media
    if query:
        target += ("&" if "?" in target else "?") + "&".join(query)
    return Request(method=operation.method, target=target, headers=headers, content=content)


# ---- parameters


def _segment(slot: Slot, value: Any) -> str:
    """A value in the path. It cannot be empty or a dot segment: the request would go elsewhere."""
    escaped = _path_text(slot, value)
    if escaped.strip(".") == "":
        raise ArgumentFault(f"'{slot.argument}' must not be empty or consist of dots")
    return escaped


def _path_text(slot: Slot, value: Any) -> str:
    if slot.style == "label":
        return "." + (".".join(_assigned(value)) if slot.explode else ",".join(_flat(value)))
    if slot.style == "matrix":
        return _matrix(slot, value)
    return ",".join(_assigned(value) if slot.explode else _flat(value)) if not slot.json else _escaped(_json(value))


def _matrix(slot: Slot, value: Any) -> str:
    name = _escaped(slot.name)
    if not slot.explode or not isinstance(value, dict | list):
        return f";{name}={','.join(_flat(value))}"
    if isinstance(value, dict):
        return "".join(f";{pair}" for pair in _assigned(cast("object", value)))
    return "".join(f";{name}={one}" for one in _flat(cast("object", value)))


def _query(slot: Slot, value: Any) -> Iterator[str]:
    name = _escaped(slot.name)
    if slot.json:
        yield f"{name}={_escaped(_json(value))}"
    elif slot.style == "deepObject" and isinstance(value, dict):
        given = cast("Mapping[str, Any]", value)
        yield from (f"{name}%5B{_escaped(key)}%5D={_escaped(_text(one))}" for key, one in given.items())
    elif isinstance(value, dict) and slot.explode:
        yield from _assigned(cast("object", value))
    elif isinstance(value, list) and slot.explode:
        yield from (f"{name}={one}" for one in _flat(cast("object", value)))
    else:
        yield f"{name}={_DELIMITERS.get(slot.style, ',').join(_flat(value))}"


def _header(slot: Slot, value: Any) -> str:
    text = _joined(slot, value, ",")
    if not (text.isascii() and text.isprintable()):
        raise ArgumentFault(f"'{slot.argument}' must be plain ASCII on one line")
    return text


def _joined(slot: Slot, value: Any, delimiter: str) -> str:
    if slot.json:
        return _json(value)
    if isinstance(value, dict):
        given = cast("Mapping[str, Any]", value)
        joint = "=" if slot.explode else delimiter
        return delimiter.join(f"{key}{joint}{_text(one)}" for key, one in given.items())
    return delimiter.join(_text(one) for one in cast("list[Any]", value)) if isinstance(value, list) else _text(value)


def _flat(value: Any) -> list[str]:
    """The parts of a value, escaped: of an object, its keys and values in turn."""
    if isinstance(value, dict):
        given = cast("Mapping[str, Any]", value)
        return [_escaped(part) for key, one in given.items() for part in (key, _text(one))]
    if isinstance(value, list):
        return [_escaped(_text(one)) for one in cast("list[Any]", value)]
    return [_escaped(_text(value))]


def _assigned(value: Any) -> list[str]:
    """The parts of a value, escaped: of an object, `key=value`."""
    if isinstance(value, dict):
        given = cast("Mapping[str, Any]", value)
        return [f"{_escaped(key)}={_escaped(_text(one))}" for key, one in given.items()]
    return _flat(value)


# ---- the body


def _content(operation: Operation, arguments: Mapping[str, Any]) -> tuple[str, bytes | None]:
    body = operation.body
    if body is None:
        return "", None
    media = body.media.partition(";")[0].strip()
    if body.whole is not None:
        return body.media, _encoded(media, arguments[body.whole]) if body.whole in arguments else None
    given = {own: arguments[argument] for argument, own in body.fields.items() if argument in arguments}
    if not given and media.endswith("json"):
        return body.media, b"{}"
    if media == "multipart/form-data":
        boundary = _boundary(given)
        return f"{media}; boundary={boundary}", _multipart(given, boundary)
    return body.media, _encoded(media, given)


def _encoded(media: str, value: Any) -> bytes:
    if media.endswith("json"):
        return orjson.dumps(value)
    if media == "application/x-www-form-urlencoded" and isinstance(value, dict):
        return urlencode(_form(cast("Mapping[str, Any]", value))).encode()
    return _text(value).encode()


def _form(given: Mapping[str, Any]) -> Pairs:
    pairs: Pairs = []
    for key, value in given.items():
        values = cast("list[Any]", value) if isinstance(value, list) else [value]
        pairs += [(key, _text(one)) for one in values]
    return pairs


def _boundary(given: Mapping[str, Any]) -> str:
    """A line that occurs in no value."""
    text, number = _json(dict(given)), 0
    while f"part-{number}" in text:
        number += 1
    return f"part-{number}"


def _multipart(given: Mapping[str, Any], boundary: str) -> bytes:
    lines: list[str] = []
    for key, value in _form(given):
        name = quote(key, safe=" ").replace("%20", " ")
        lines += [f"--{boundary}", f'content-disposition: form-data; name="{name}"', "", value]
    return "\r\n".join([*lines, f"--{boundary}--", ""]).encode()


# ---- text


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else _json(value)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _escaped(text: str) -> str:
    return quote(text, safe="")
