"""The policy before a person's eyes: its complaints on standard error, and its refusals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from orchestrator.cli import output

if TYPE_CHECKING:
    from orchestrator.policing import Verdict
    from orchestrator.reconcile.desired import Desired
    from orchestrator.reconcile.plans import Plan
    from orchestrator.workspace import Workspace


def refuse_secrets(work: Workspace, shown: Iterable[Desired]) -> None:
    """To be called before assistants are shown.

    Raises:
        AgainstPolicy: a rule on secrets refuses; where it stands is told, the secret is not.
    """
    from orchestrator.errors import AgainstPolicy
    from orchestrator.policing import judge_some

    verdict = judge_some(work, shown)
    try:
        verdict.raise_for_secrets()
    except AgainstPolicy:
        for diagnostic in verdict.diagnostics:
            output.say(str(diagnostic))
        raise


def judged(work: Workspace, planned: Plan) -> Verdict:
    """Tell what the rules say of a plan. To be called before the plan is shown.

    Raises:
        AgainstPolicy: a secret would be shown; whatever else is refused is raised by `Verdict.raise_for_errors`.
    """
    from orchestrator.policing import judge_plan

    verdict = judge_plan(work, planned)
    for diagnostic in verdict.diagnostics:
        output.say(str(diagnostic))
    verdict.raise_for_secrets()
    return verdict
