"""A value together with the place that it was read from, so that every later complaint can point at the file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Generic, TypeVar

from orchestrator.diagnostics import Diagnostic, Severity, Span
from orchestrator.manifests.source import Path, Place, line_of, place_of

T_co = TypeVar("T_co", covariant=True)

SECRET_FIELDS = frozenset({"apiKey", "userToken", "fromEnv", "fromFile"})
_SECRET_LINE = re.compile(
    r"""(?ix) (?: api_?key | user_?token | \btoken | \bbearer | secret | password ) ["']? \s* : \s* [^\s{\[$|>]
    | \bsk-\w{6,}"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document of a file: its plain values, and the text in which places are looked up when asked for."""

    file: str
    text: str = field(repr=False)
    value: object = field(repr=False)
    index: int = 0

    def span(self, path: Path, *, key: bool = False) -> Span:
        """The place of the value (or key) at `path`; of its nearest parent if it is not there."""
        return span_of(self.file, self.place(path, key=key))

    def place(self, path: Path, *, key: bool) -> Place:
        """As `span`, without the file."""
        return place_of(self.text, self.index, path, key=key)

    def quote(self, line: int) -> str | None:
        """The line, unless it seems to hold a secret."""
        return quote(self.text, line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """The part of a value below `path` that came from somewhere else: `base` in `document`."""

    path: Path
    document: Document
    base: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed(Generic[T_co]):
    """A manifest, the plain values it was made of (`raw`), and the document they stand in."""

    value: T_co
    raw: Mapping[str, Any] = field(repr=False)
    document: Document = field(repr=False)
    overlays: tuple[Overlay, ...] = field(default=(), repr=False)

    @property
    def file(self) -> str:
        """The file as complaints name it."""
        return self.document.file

    @property
    def span(self) -> Span:
        """The place of the name, where a complaint on the whole manifest points to."""
        return self.at("metadata", "name")

    def at(self, *path: str | int, key: bool = False) -> Span:
        """The place of the value at `path`, in the words of the YAML file: `at("spec", "tools", 0, "type")`."""
        document, inner = self.origin(path)
        return document.span(inner, key=key)

    def complain(
        self,
        code: str,
        message: str,
        path: Path = ("metadata", "name"),
        *,
        hint: str | None = None,
        severity: Severity = "error",
        key: bool = False,
    ) -> Diagnostic:
        """A diagnostic at `path`, with the quoted line unless that could show a secret."""
        document, inner = self.origin(path)
        return complain(document, code, message, inner, hint=hint, severity=severity, key=key)

    def origin(self, path: Path) -> tuple[Document, Path]:
        """The document in which the value at `path` stands, and its path there."""
        for overlay in reversed(self.overlays):
            if path[: len(overlay.path)] == overlay.path:
                return overlay.document, (*overlay.base, *path[len(overlay.path) :])
        return self.document, path


def span_of(file: str, place: Place) -> Span:
    """The place in a file; at least one character wide, so that all spans can be put in order."""
    end = place.end_column or place.column + 1
    return Span(file=file, line=place.line, column=place.column, end_column=end)


def complain(
    document: Document,
    code: str,
    message: str,
    path: Path,
    *,
    hint: str | None = None,
    severity: Severity = "error",
    key: bool = False,
) -> Diagnostic:
    """A diagnostic at `path` of a document. Lines of secret fields are never quoted."""
    span = document.span(path, key=key)
    shown = None if SECRET_FIELDS.intersection(map(str, path)) else document.quote(span.line)
    return Diagnostic(code=code, message=message, span=span, quote=shown, hint=hint, severity=severity)


@lru_cache(maxsize=64)
def quote(text: str, line: int) -> str | None:
    """Line `line` of a text; None if it seems to hold a secret."""
    found = line_of(text, line)
    return None if _SECRET_LINE.search(found) else found
