"""Rules over rendered assistants: one file per family, one list that names them. Pure.

To add a rule: its options in `manifests/policy.py`, its check in the file of its family, a row in the README.
"""

from __future__ import annotations

from orchestrator.reconcile.rules import models, prompts, secrets
from orchestrator.reconcile.rules.judging import Complaint, Judged, Judgement, judge
from orchestrator.reconcile.rules.rule import Case, Finding, Rule, World

RULES: tuple[Rule, ...] = tuple(
    sorted((*models.RULES, *prompts.RULES, *secrets.RULES), key=lambda rule: rule.code),
)

__all__ = ["RULES", "Case", "Complaint", "Finding", "Judged", "Judgement", "Rule", "World", "judge"]
