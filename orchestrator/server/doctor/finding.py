"""What the doctor finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that was looked at. A warning may turn into trouble; with an error the server cannot do its work."""

    subject: str
    state: State
    text: str
    remedy: str | None = None


def ok(subject: str, text: str) -> Finding:
    """It is as it should be."""
    return Finding(subject=subject, state="ok", text=text)


def note(subject: str, text: str, remedy: str | None = None) -> Finding:
    """Worth knowing."""
    return Finding(subject=subject, state="note", text=text, remedy=remedy)


def warning(subject: str, text: str, remedy: str) -> Finding:
    """It works, but not well, or not for long."""
    return Finding(subject=subject, state="warning", text=text, remedy=remedy)


def error(subject: str, text: str, remedy: str) -> Finding:
    """It does not work."""
    return Finding(subject=subject, state="error", text=text, remedy=remedy)
