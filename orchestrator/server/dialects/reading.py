"""What all dialects read alike: tools, content of messages, outputs of calls."""

from __future__ import annotations

from orchestrator.server.dialects.fields import Fields, given
from orchestrator.server.records import Json
from orchestrator.server.service.runs import ToolOutput


def tools(fields: Fields) -> tuple[Json, ...] | None:
    """Tools as they came. Their kinds are an open set; only what makes the vendor's SDK crash is refused."""
    found = fields.each("tools")
    if found is None:
        return None
    for tool in found:
        if tool.needed("type") == "function":
            function = tool.inner("function") or tool.wrong("function", "must be given")
            function.needed("name")
            function.text("description")
            function.inner("parameters")
    return tuple(tool.body for tool in found)


def content(fields: Fields) -> tuple[Json, ...]:
    """A string, or a list of parts; that it is not empty is demanded where it is stored."""
    if isinstance(fields.body.get("content"), list):
        return tuple(part for item in fields.each("content") or () for part in _part(item))
    return _text(fields.text("content"))


def _part(fields: Fields) -> tuple[Json, ...]:
    """One part; none when its text is empty."""
    kind = fields.needed("type")
    if kind == "text":
        if isinstance(fields.body.get("text"), str):
            return _text(fields.text("text"))
        inner = fields.inner("text") or fields.wrong("text", "must be given")
        return _text(inner.text("value"))
    if kind in _IMAGES:
        image = fields.inner(kind) or fields.wrong(kind, "must be given")
        where = _IMAGES[kind]
        return ({"type": kind, kind: {where: image.needed(where), **given(detail=image.text("detail"))}},)
    return fields.wrong("type", "must be 'text', 'image_file' or 'image_url'")


_IMAGES = {"image_file": "file_id", "image_url": "url"}  # where such a part says which image


def _text(text: str | None) -> tuple[Json, ...]:
    return ({"type": "text", "text": {"value": text, "annotations": []}},) if text else ()


def tool_outputs(body: Json) -> tuple[ToolOutput, ...]:
    """Outputs of the calls that a run waits for; one without an id belongs to the call at its place."""
    fields = Fields(body)
    outputs = fields.each("tool_outputs") or fields.wrong("tool_outputs", "must be given")
    return tuple(
        ToolOutput(call_id=item.text("tool_call_id") or None, output=item.text("output") or "") for item in outputs
    )


def file_id(body: Json) -> str:
    """The file that is to hang on an assistant."""
    return Fields(body).needed("file_id")


def wants_stream(body: Json) -> bool:
    """Whether the answer is to be a stream; there is no other sign of it."""
    return Fields(body).flag("stream")
