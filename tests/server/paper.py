"""The OpenAPI document as a judge: does an answer look as the document says?"""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import jsonschema_rs
import orjson

Json = Mapping[str, Any]


class Paper:
    """Judges answers; `complaints` tells what is wrong with one, nothing when it is as described."""

    def __init__(self, document: Json) -> None:
        self.document = document
        self._validators: dict[int, jsonschema_rs.Draft202012Validator] = {}

    @cached_property
    def _templates(self) -> list[tuple[re.Pattern[str], str]]:
        """Words go before names, as on the server."""
        ordered = sorted(self.document["paths"], key=lambda path: [part.startswith("{") for part in path.split("/")])
        return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), path) for path in ordered]

    def operation(self, method: str, path: str) -> Json | None:
        """What the document says of a method at a path."""
        found = next((template for shape, template in self._templates if shape.fullmatch(path)), None)
        return self.document["paths"][found].get(method.lower()) if found else None

    def complaints(self, method: str, path: str, status: int, media: str, body: bytes) -> Iterator[str]:
        """What is wrong with an answer."""
        operation = self.operation(method, path)
        if operation is None:
            return
        place = f"{method} {path} → {status}"
        response = operation["responses"].get(str(status))
        if response is None:
            yield f"{place} is not in the document: {body[:300]!r}"
            return
        media = media.partition(";")[0]
        content = response.get("content", {})
        content = content.get(media) or content.get("*/*")
        if content is None:
            yield f"{place}: the document does not know the media type {media!r} here"
            return
        for part in _parts(media, body):
            try:
                self._validator(content["schema"]).validate(part)
            except (jsonschema_rs.ValidationError, orjson.JSONDecodeError) as error:
                yield f"{place}: {part!r:.2000}\n{error!s:.2000}"

    def validator(self, schema: Json) -> jsonschema_rs.Draft202012Validator:
        """For a schema that may refer to the document's components."""
        keywords = {"contentMediaType": self._inside_of_text}
        whole = {**schema, "components": self.document["components"]}
        return jsonschema_rs.Draft202012Validator(whole, validate_formats=True, keywords=keywords)

    def _validator(self, schema: Json) -> jsonschema_rs.Draft202012Validator:
        if id(schema) not in self._validators:
            self._validators[id(schema)] = self.validator(schema)
        return self._validators[id(schema)]

    def _inside_of_text(self, parent: Json, media: str, path: list[str | int]) -> "_Inside":
        """`contentMediaType` and `contentSchema`: JSON in a string, as events carry it."""
        return _Inside(self.validator(parent.get("contentSchema", {})))


class _Inside:
    def __init__(self, validator: jsonschema_rs.Draft202012Validator) -> None:
        self._validator = validator

    def validate(self, instance: str) -> None:
        self._validator.validate(orjson.loads(instance))


def _parts(media: str, body: bytes) -> Iterator[Any]:
    """What is judged: the JSON, or each event; nothing of other media types."""
    if media == "application/json":
        yield orjson.loads(body)
    elif media == "text/event-stream":
        yield from events(body)


def events(body: bytes) -> Iterator[dict[str, str]]:
    """The events of a stream that have data, each with its fields."""
    for frame in body.decode().split("\n\n"):
        fields = [line.partition(":")[::2] for line in frame.split("\n") if line and not line.startswith(":")]
        event = {name: value.removeprefix(" ") for name, value in fields}
        if "data" in event:
            yield event
