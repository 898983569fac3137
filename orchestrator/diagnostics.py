"""Where a complaint points to: a place in a file, and the complaint itself. Pure values, no I/O."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "info"]

_QUOTE_WIDTH = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A place in a file. `line` and `column` count from 1; `end_column` is exclusive, on the same line."""

    file: str
    line: int = 1
    column: int = 1
    end_column: int | None = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One complaint: a stable code, a sentence, the place, the quoted line and a way out."""

    code: str
    message: str
    span: Span | None = None
    quote: str | None = None
    hint: str | None = None
    severity: Severity = "error"

    def __str__(self) -> str:
        place = f"{self.span}: " if self.span else ""
        parts = [f"{place}{self.severity} {self.code}: {self.message}", *self._quoted()]
        if self.hint:
            parts.append(f"  hint: {self.hint}")
        return "\n".join(parts)

    def _quoted(self) -> list[str]:
        if self.span is None or not self.quote or not self.quote.strip():
            return []
        text, column = _window(self.quote.rstrip("\r\n"), self.span.column)
        width = max(1, (self.span.end_column or self.span.column + 1) - self.span.column)
        width = min(width, max(1, len(text) - column + 1))
        gutter = f"{self.span.line:5d} | "
        return [gutter + text, " " * (len(gutter) - 2) + "| " + " " * (column - 1) + "^" * width]

    def as_json(self) -> dict[str, object]:
        """The diagnostic as JSON-ready values, for `--format json`."""
        span = self.span
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "file": span.file if span else None,
            "line": span.line if span else None,
            "column": span.column if span else None,
            "hint": self.hint,
        }


def _window(line: str, column: int) -> tuple[str, int]:
    """Cut a very long line to the part around `column`; tabs and control characters become spaces."""
    clean = "".join(c if c.isprintable() else " " for c in line)
    if len(clean) <= _QUOTE_WIDTH:
        return clean, column
    start = max(0, column - 1 - _QUOTE_WIDTH // 2)
    return clean[start : start + _QUOTE_WIDTH], column - start


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Sort by place, so that a folder's complaints read top to bottom; those without a place come last."""
    return tuple(sorted(diagnostics, key=_place))


def _place(one: Diagnostic) -> tuple[str, int, int, str, str]:
    span = one.span or Span(file="\uffff")
    return span.file, span.line, span.column, one.code, one.message


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint that names the nearest known word, or lists the few known ones; None when there are none."""
    names = sorted(set(known))
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{near[0]}'?"
    if not names:
        return None
    shown = ", ".join(names[:12])
    return f"known: {shown}" + (" …" if len(names) > 12 else "")
