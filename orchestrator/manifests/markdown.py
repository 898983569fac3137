"""The short form of an Assistant: Markdown whose front matter is the `spec` (plus `name`, `labels`, `previousNames`)
and whose body is the instructions. Pure.

A body of blank lines only means that the instructions are not named. One line break at its end is kept, as in a block
text of YAML; blank lines around the body are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from orchestrator.manifests.editing import CannotEdit, changed, edit
from orchestrator.manifests.model import API_VERSION
from orchestrator.manifests.placed import Document
from orchestrator.manifests.source import Fault, Path, Place, parse, place_of

_FRONT = re.compile(r"---[ \t]*\r?\n(?P<yaml>.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_IDENTITY = ("name", "labels", "previousNames")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkdownDocument(Document):
    """Fields of `metadata` and `spec` stand at the top of the front matter; the instructions are the body."""

    front: str
    body: Place | None

    def place(self, path: Path, *, key: bool) -> Place:
        """As of a document of YAML."""
        if path[:2] == ("spec", "instructions") and self.body is not None:
            return self.body
        if path[:1] in (("metadata",), ("spec",)):
            return place_of(self.front, 0, path[1:], key=key)
        return Place(line=1, column=1, end_column=4)


def read_markdown(text: str, file: str) -> tuple[MarkdownDocument | None, tuple[Fault, ...]]:
    """The one manifest of a Markdown file, and what is wrong with its form."""
    start = Place(line=1, column=1)
    found = _FRONT.match(text)
    if found is None:
        hint = "begin with a line '---', then fields such as 'model: qwen-plus', then a line '---'"
        return None, (Fault(message="the file has no front matter", place=start, hint=hint),)
    front = "\n" + found["yaml"]  # in place of the opening `---`, so that lines count as in the file
    parsed = parse(front)
    faults = list(parsed.faults)
    if len(parsed.documents) > 1:
        faults.append(Fault(message="front matter is one document", place=start))
    fields: object = parsed.documents[0][1] if parsed.documents else {}
    if not isinstance(fields, dict):
        return None, (*faults, Fault(message="front matter must be an object", place=Place(line=2, column=1)))
    body = text[found.end() :]
    manifest, at = _manifest(cast("dict[str, Any]", fields), body), _first_line(text, found.end())
    if at is not None and "instructions" in fields:
        place = place_of(front, 0, ("instructions",), key=True)
        faults.append(Fault(message="instructions are given twice: here and as the body", place=place))
    return MarkdownDocument(file=file, text=text, value=manifest, front=front, body=at), tuple(faults)


def front_of(text: str) -> tuple[int, int] | None:
    """Where the front matter begins and ends, without its marks; None: there is none."""
    found = _FRONT.match(text)
    return found.span("yaml") if found else None


def edit_markdown(text: str, path: Path, value: object) -> str:
    """The text with one field of the manifest changed: instructions in the body, all else in the front matter.

    Raises:
        CannotEdit: it cannot be changed in place, or not be said in this form.
    """
    found, before = _FRONT.match(text), read_markdown(text, "")[0]
    if found is None or before is None:
        raise CannotEdit("the file has no front matter")
    if path == ("spec", "instructions") and isinstance(value, str) and before.body is not None:
        new = text[: found.end()] + _in_place_of(text[found.end() :], value)
    elif path[:1] in (("metadata",), ("spec",)) and path[:2] != ("spec", "instructions"):
        start, end = found.span("yaml")
        new = text[:start] + edit(text[start:end], 0, path[1:], value) + text[end:]
    else:
        raise CannotEdit("in Markdown, instructions are the body of the file")
    after = read_markdown(new, "")[0]
    if after is None or after.value != changed(before.value, path, value):
        raise CannotEdit("Markdown cannot say this: blank lines at its beginning and end, and line ends, are not kept")
    return new


def _in_place_of(body: str, text: str) -> str:
    """A body with other instructions; blank lines around them stay."""
    first = len(body) - len(body.lstrip())
    begin = body.rfind("\n", 0, first) + 1
    breaks = "\r\n" if "\r\n" in body else "\n"
    return body[:begin] + text.rstrip("\n").replace("\n", breaks) + body[len(body.rstrip()) :]


def _manifest(fields: Mapping[str, Any], body: str) -> Mapping[str, Any]:
    spec = {key: value for key, value in fields.items() if key not in _IDENTITY}
    if body.strip():
        spec["instructions"] = body.strip("\r\n").rstrip().replace("\r\n", "\n") + "\n"
    metadata = {key: fields[key] for key in _IDENTITY if key in fields}
    return {"apiVersion": API_VERSION, "kind": "Assistant", "metadata": metadata, "spec": spec}


def _first_line(text: str, end: int) -> Place | None:
    body = text[end:]
    if not body.strip():
        return None
    first = end + len(body) - len(body.lstrip())
    begin = text.rfind("\n", 0, first) + 1
    return Place(line=text.count("\n", 0, first) + 1, column=first - begin + 1)
