"""Plans and results to be read: one file per format, one list. Pure; bodies are comparable, so no secret shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.reconcile.plans import Plan
from orchestrator.reconcile.reports import document, github, markdown, page, text
from orchestrator.reconcile.reports.document import FORMAT_VERSION, results_json, review_json
from orchestrator.reconcile.reports.outcome import results_text
from orchestrator.reconcile.reports.shape import MAX_BYTES, Shape
from orchestrator.reconcile.reports.text import change_name, drift_text, summary
from orchestrator.reconcile.review import Recorded, Review, review

__all__ = [
    "FORMATS",
    "FORMAT_VERSION",
    "MAX_BYTES",
    "Shape",
    "change_name",
    "drift_text",
    "plan_json",
    "plan_text",
    "results_json",
    "results_text",
    "review_json",
    "summary",
]

FORMATS: Mapping[str, Callable[[Review, Shape], str]] = {
    "text": text.render,
    "json": document.render,
    "markdown": markdown.render,
    "github": github.render,
    "html": page.render,
}


def plan_text(plan: Plan, recorded: Recorded | None = None) -> str:
    """A plan as text, with its changed sentences; the summary is the last line. `recorded`: see `review`."""
    return text.render(review(plan, recorded) if recorded else review(plan), Shape())


def plan_json(plan: Plan, recorded: Recorded | None = None) -> dict[str, Any]:
    """A plan for programs. `recorded`: see `review`."""
    return review_json(review(plan, recorded) if recorded else review(plan))
