"""The policy of an environment held against its assistants: complaints with their places, and whether to refuse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from orchestrator.diagnostics import Diagnostic, Span, in_order
from orchestrator.errors import AgainstPolicy
from orchestrator.manifests import Endpoint, Placed, Script
from orchestrator.manifests.source import Path
from orchestrator.reconcile.changes import Create, Update
from orchestrator.reconcile.desired import Desired
from orchestrator.reconcile.plans import Plan
from orchestrator.reconcile.rules import RULES, Case, Judged, Judgement, World, judge
from orchestrator.reconcile.visible import visible
from orchestrator.tools import BY_TYPE
from orchestrator.workspace import Workspace

_SHOWN = 5  # names in a refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the rules say, as complaints; `refusing` are the findings because of which nothing may be applied."""

    diagnostics: tuple[Diagnostic, ...]
    refusing: tuple[Judged, ...] = ()

    def raise_for_secrets(self) -> None:
        """Refuse before anything is shown that would show a secret.

        Raises:
            AgainstPolicy: a rule on secrets refuses.
        """
        self._refuse([one for one in self.refusing if one.rule.secret])

    def raise_for_errors(self) -> None:
        """Refuse what a rule of severity error complains of.

        Raises:
            AgainstPolicy: there is such a finding, and no waiver for it.
        """
        self._refuse(list(self.refusing))

    def _refuse(self, found: list[Judged]) -> None:
        if not found:
            return
        pairs = list(dict.fromkeys(_short(one) for one in found))
        shown = ", ".join(pairs[:_SHOWN]) + (f" and {len(pairs) - _SHOWN} more" if len(pairs) > _SHOWN else "")
        hint = "correct what is named above, or waive it in policy.waivers of the Environment"
        raise AgainstPolicy(f"The policy of the environment refuses this: {shown}.", hint=hint)


def _short(one: Judged) -> str:
    return one.rule.name if one.rule.once else f"{one.rule.name} ({one.case.desired.name})"


def judge_folder(work: Workspace) -> Verdict:
    """All assistants as they are rendered; what needs the target to be seen is left out."""
    return _verdict(work, [Case(one) for one in work.desired], whole=True)


def judge_some(work: Workspace, shown: Iterable[Desired]) -> Verdict:
    """Assistants that are about to be shown, as they will be shown."""
    return _verdict(work, [Case(one) for one in shown], whole=False)


def judge_plan(work: Workspace, planned: Plan) -> Verdict:
    """The assistants of a plan: what it writes, as it would write it, and what it leaves as it is."""
    written = [_case(change) for change in planned.changes if isinstance(change, Create | Update)]
    as_they_are = {*planned.unchanged, *planned.held}
    cases = [*written, *(Case(one) for one in work.desired if one.name in as_they_are)]
    whole = not planned.beside and len(cases) >= len(work.desired)
    return _verdict(work, sorted(cases, key=lambda case: case.desired.name), whole=whole)


def _case(change: Create | Update) -> Case:
    return Case(change.after, change.before.body if isinstance(change, Update) else None)


def _verdict(work: Workspace, cases: list[Case], *, whole: bool) -> Verdict:
    found = judge(cases, RULES, work.environment.value.spec.policy, _world(work), whole=whole)
    told = [*(_complaint(work, one) for one in found.findings), *_about_waivers(work, found)]
    here = tuple(dict.fromkeys(work.from_here(one) for one in told))
    return Verdict(diagnostics=in_order(here), refusing=tuple(one for one in found.findings if one.refuses))


def _complaint(work: Workspace, one: Judged) -> Diagnostic:
    """A finding at its place. Never with the quoted line: it may be the one that holds a secret."""
    whose = "" if one.rule.once else f"{one.case.desired.name}: "
    message = f"{whose}{one.finding.message} [{one.rule.name}]"
    if one.waiver is not None:
        message += f"; waived until {one.waiver.until.isoformat()}: {one.waiver.reason}"
    return Diagnostic(
        code=one.rule.code,
        message=visible(message),
        span=work.environment.at(*one.finding.path) if one.rule.once else _span(one.case, one.finding.path),
        hint=None if one.waiver else one.finding.hint,
        severity="info" if one.waiver else one.severity,
    )


def _span(case: Case, path: Path) -> Span:
    source = case.desired.source
    return source.at(*path) if isinstance(source, Placed) else source.span


def _about_waivers(work: Workspace, found: Judgement) -> Iterator[Diagnostic]:
    for one in found.waivers:
        path = ("spec", "policy", "waivers", one.number)
        complaint = work.environment.complain(one.code, one.message, path, hint=one.hint, severity="warning")
        yield replace(complaint, quote=None)


def _world(work: Workspace) -> World:
    target = work.environment.value.spec.target
    host = urlsplit(target.base_url).hostname if target is not None else None

    def serves(model: str) -> tuple[str | None, str]:
        return (host, model) if target is not None else _endpoint(work, model)

    return World(
        today=datetime.now(UTC).date(),
        tools=frozenset({*work.loaded.tools, *BY_TYPE} - {"function"}),
        dialect=target.dialect if target is not None else None,
        host=host,
        serves=serves,
    )


def _endpoint(work: Workspace, model: str) -> tuple[str | None, str]:
    """The endpoint behind the embedded server, and what the model is called there."""
    for route in work.environment.value.spec.models:
        if fnmatchcase(model, route.match):
            match route:
                case Script():
                    return None, model
                case Endpoint(base_url=url, upstream_name=name):
                    return urlsplit(url).hostname, name or model
    return None, model
