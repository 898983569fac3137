"""Rules held against rendered assistants, with the waivers of an Environment: what is found, how bad it is. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from itertools import islice

from orchestrator.diagnostics import Severity, did_you_mean
from orchestrator.manifests.policy import RULES as SETTINGS
from orchestrator.manifests.policy import Policy, RuleSettings, Waiver
from orchestrator.reconcile.rules.rule import MOST, Case, Finding, Rule, World

EXPIRED, UNUSED = "POL011", "POL012"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A finding on an assistant, how bad it is here, and the waiver that accepts it."""

    case: Case
    rule: Rule
    finding: Finding
    severity: Severity
    waiver: Waiver | None = None

    @property
    def refuses(self) -> bool:
        """Whether nothing may be applied because of it."""
        return self.severity == "error" and self.waiver is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """Something about a waiver: which of the Environment's, by number."""

    number: int
    code: str
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Everything that was found."""

    findings: tuple[Judged, ...] = ()
    waivers: tuple[Complaint, ...] = ()


def judge(cases: Iterable[Case], rules: Iterable[Rule], policy: Policy, world: World, *, whole: bool) -> Judgement:
    """Hold all rules against all cases. `whole`: these are all assistants, so a waiver that nothing needs is told."""
    held = list(_in_force(rules, policy))
    alive = [waiver for waiver in policy.waivers if waiver.until >= world.today]
    seen = list(cases)
    found = [
        Judged(case=case, rule=rule, finding=finding, severity=severity, waiver=_waiver(alive, rule, case))
        for rule, severity, settings in held
        for case in (seen[:1] if rule.once else seen)
        for finding in islice(rule.check(case, world, settings), MOST)
    ]
    return Judgement(findings=tuple(found), waivers=tuple(_complaints(policy, found, seen, held, world, whole=whole)))


_Held = tuple[Rule, Severity, RuleSettings]


def _in_force(rules: Iterable[Rule], policy: Policy) -> Iterator[_Held]:
    """Rules that hold here, how bad their findings are, and their options."""
    given = {str(getattr(settings, "rule", "")): settings for settings in policy.rules}
    for rule in rules:
        settings = given.get(rule.name)
        if settings is None and not rule.always:
            continue
        severity = (settings.severity if settings else None) or rule.severity
        if severity != "off":
            yield rule, severity, settings or SETTINGS[rule.name]()


def _waiver(alive: Iterable[Waiver], rule: Rule, case: Case) -> Waiver | None:
    name = case.desired.name
    return next((w for w in alive if w.rule == rule.name and fnmatchcase(name, w.assistant)), None)


def _complaints(
    policy: Policy,
    found: list[Judged],
    cases: list[Case],
    held: list[_Held],
    world: World,
    *,
    whole: bool,
) -> Iterator[Complaint]:
    used = {id(one.waiver) for one in found if one.waiver is not None}
    unknowable = {rule.name for rule, _, _ in held if rule.needs_before}
    for number, waiver in enumerate(policy.waivers):
        if waiver.until < world.today:
            yield _expired(number, waiver, world.today)
        elif whole and id(waiver) not in used and waiver.rule not in unknowable:
            yield _unused(number, waiver, [case.desired.name for case in cases])


def _expired(number: int, waiver: Waiver, today: date) -> Complaint:
    days = (today - waiver.until).days
    message = f"the waiver of '{waiver.rule}' for '{waiver.assistant}' ended {days} day{'s' * (days != 1)} ago"
    return Complaint(number=number, code=EXPIRED, message=message, hint="correct what it waives, or renew it")


def _unused(number: int, waiver: Waiver, names: list[str]) -> Complaint:
    known = any(fnmatchcase(name, waiver.assistant) for name in names)
    message = f"the waiver of '{waiver.rule}' for '{waiver.assistant}' waives nothing"
    hint = "take it out" if known else did_you_mean(waiver.assistant, names)
    return Complaint(number=number, code=UNUSED, message=message, hint=hint)
