"""Annotations for GitHub's workflow log: one per change, at the line of its manifest. Pure."""

from __future__ import annotations

from orchestrator.diagnostics import Diagnostic
from orchestrator.reconcile.reports import words
from orchestrator.reconcile.reports.shape import Shape
from orchestrator.reconcile.review import Review, Reviewed
from orchestrator.reconcile.visible import visible

_COMMANDS = {"high": "warning", "medium": "warning", "low": "notice"}
_SEVERITIES = {"error": "error", "warning": "warning", "info": "notice"}
_VERBS = {"create": "is new", "update": "changes", "delete": "is deleted", "release": "is released"}


def render(found: Review, _shape: Shape) -> str:
    """Warnings for what is risky, notices for the rest, the summary last."""
    told = [_complaint(one) for one in found.told]
    told += [_annotation(one) for one in found.changes]
    told += [f"::notice title=One cause::{message(words.cause_line(s))}" for s in found.causes if len(s.names) > 1]
    return "\n".join([*told, f"::notice title=Plan::{message(words.summary(found.plan))}"])


def _complaint(one: Diagnostic) -> str:
    """What the policy says, at its line."""
    where = f"file={value(one.span.file)},line={one.span.line}," if one.span else ""
    return f"::{_SEVERITIES[one.severity]} {where}title={value(one.code)}::{message(one.message)}"


def _annotation(one: Reviewed) -> str:
    where = f"file={value(one.place.file)},line={one.place.line}," if one.place else ""
    title = value(f"{one.name} {_VERBS[one.action]} ({one.risk.level} risk)")
    said = [*words.reasons(one), *one.capabilities, *(f"because {cause}" for cause in one.causes)]
    if tokens := words.tokens_line(one):
        said.append(tokens)
    if one.passages:
        said.append(f"differs in {', '.join(p.difference.field for p in one.passages)}")
    body = message("\n".join(dict.fromkeys(said)) or one.name)
    return f"::{_COMMANDS[one.risk.level]} {where}title={title}::{body}"


def message(text: str) -> str:
    """The text of a command: nothing in it can end it or begin another."""
    return visible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def value(text: str) -> str:
    """A property of a command."""
    return message(text).replace(":", "%3A").replace(",", "%2C")
