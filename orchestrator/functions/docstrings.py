"""What a docstring says of a function and of its parameters, in Google, NumPy or Sphinx style."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import griffe

# Reading sections needs griffe, whose import takes a tenth of a second: only a docstring that looks like it pays.
_SECTIONED = re.compile(
    r"^\s*(?:[A-Z][A-Za-z ]*:\s*$|(?:Other )?Parameters\s*$|Returns?\s*$|Yields\s*$|Raises\s*$|Examples?\s*$|Notes?\s*$"
    r"|:(?:param|parameter|arg|argument|key|keyword|returns?|rtype|raises?|type)\b)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Docs:
    """The text before the sections, and one description per parameter that has any."""

    text: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])


def read(docstring: str | None) -> Docs:
    """Read a docstring in whichever style it is written; text without sections is the description."""
    clean = inspect.cleandoc(docstring or "")
    if not _SECTIONED.search(clean):
        return Docs(clean)
    return _by_style(clean) or Docs(clean)


def _by_style(clean: str) -> Docs | None:
    """The reading of the first parser that finds parameters, else of the first that finds any section."""
    from griffe import Docstring, parse_google, parse_numpy, parse_sphinx  # noqa: PLC0415 (lazy: see above)

    fallback: Docs | None = None
    # griffe cleans indentation once more; the leading newline keeps an indented second line in its place.
    docstring = Docstring("\n" + clean)
    for parse in (parse_google, parse_numpy, parse_sphinx):
        sections = parse(docstring, warnings=False)
        docs = _docs_of(sections)
        if docs.parameters:
            return docs
        if fallback is None and any(section.kind.value != "text" for section in sections):
            fallback = docs
    return fallback


def _docs_of(sections: list[griffe.DocstringSection]) -> Docs:
    texts: list[str] = []
    parameters: dict[str, str] = {}
    for section in sections:
        value: Any = section.value
        if section.kind.value == "text":
            texts.append(str(value).strip())
        elif section.kind.value == "admonition":
            texts.append(f"{section.title or 'Note'}: {str(value.description).strip()}")
        elif section.kind.value in {"parameters", "other parameters"}:
            for entry in value:
                parameters[str(entry.name).lstrip("*")] = " ".join(str(entry.description).split())
    return Docs("\n\n".join(text for text in texts if text), {k: v for k, v in parameters.items() if v})
