"""Manifests in one form: two columns for each level, list entries indented, no blanks at line ends. Pure.

Each document is read and written by ruamel.yaml, which keeps comments and quotes. Afterwards the text is read again by
our own reader: if it does not hold exactly the same values, the file is left as it is, and that is told.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from orchestrator.manifests import source
from orchestrator.manifests.markdown import front_of, read_markdown

_MARK = re.compile(r"^---(?:[ \t].*)?$\n?", re.MULTILINE)
_UNUSUAL = re.compile(r"^(?:\.\.\.|%)", re.MULTILINE)
_COMMENT = re.compile(r"(?:^|[ \t])(#.*)$", re.MULTILINE)
_ENDS = re.compile(r"[ \t]+$", re.MULTILINE)


class CannotFormat(Exception):
    """The text stays as it is; the message says why."""


def formatted(text: str, file: str) -> str:
    """The text in the one form; of Markdown, its front matter.

    Raises:
        CannotFormat: it is not valid, or cannot be written anew without changing what it says.
    """
    if file.endswith(".md"):
        return _markdown(text)
    before = source.parse(text)
    if before.faults:
        raise CannotFormat(f"it is not valid: {before.faults[0].message}")
    new = _yaml(text.replace("\r\n", "\n"))
    after = source.parse(new)
    if after.faults or after.documents != before.documents:
        raise CannotFormat("it cannot be written anew without changing what it says")
    return new


def _markdown(text: str) -> str:
    span = front_of(text)
    before, faults = read_markdown(text, "")
    if span is None or before is None or faults:
        raise CannotFormat("it is not valid: " + (faults[0].message if faults else "the file has no front matter"))
    new = text[: span[0]] + _yaml(text[span[0] : span[1]].replace("\r\n", "\n")) + text[span[1] :]
    after = read_markdown(new, "")[0]
    if after is None or after.value != before.value:
        raise CannotFormat("it cannot be written anew without changing what it says")
    return new


def _yaml(text: str) -> str:
    if _UNUSUAL.search(text):
        raise CannotFormat("lines that begin with '...' or '%' are not formatted")
    return "".join(_parts(text.lstrip("\n")))


def _parts(text: str) -> Iterator[str]:
    """Documents, and between them the lines that separate them, as they were."""
    at = 0
    for mark in _MARK.finditer(text):
        yield from _document(text[at : mark.start()])
        yield mark[0].rstrip() + "\n"
        at = mark.end()
    yield from _document(text[at:])


def _document(text: str) -> Iterator[str]:
    if not text.strip():
        return
    if all(not line.strip() or line.lstrip().startswith("#") for line in text.splitlines()):
        yield _ENDS.sub("", text).rstrip("\n") + "\n"
        return
    form = YAML(typ="rt")
    form.preserve_quotes = True
    form.width = 1 << 20
    form.indent(mapping=2, sequence=4, offset=2)  # pyright: ignore[reportUnknownMemberType]
    out = io.StringIO()
    try:
        form.dump(form.load(text), out)  # pyright: ignore[reportUnknownMemberType]
    except (YAMLError, ValueError, NotImplementedError, AttributeError, TypeError) as error:
        raise CannotFormat(f"ruamel.yaml cannot read it: {str(error).splitlines()[0]}") from error
    new = out.getvalue().removesuffix("...\n")  # written after a block that keeps its last blank lines
    if _comments(new) != _comments(text):
        raise CannotFormat("a comment would get lost")
    yield new


def _comments(text: str) -> Counter[str]:
    """Everything that may be a comment, with how often it is there."""
    return Counter(found[1].rstrip() for found in _COMMENT.finditer(text))
