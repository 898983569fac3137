"""What an Environment may say of its policy, and where it is told what is wrong with it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from orchestrator.manifests import Policy, load
from orchestrator.manifests.policy import RULES, ModelAllowed, PlaceholderLeft
from orchestrator.reconcile.rules import RULES as CHECKS

HEAD = """apiVersion: orchestrator/v1
kind: Environment
metadata: {name: production}
spec:
  target: {dialect: dashscope, baseUrl: "https://example.com/api/v1"}
  policy:
"""


def _policy(folder: Path, text: str) -> tuple[Policy | None, list[str]]:
    (folder / "env.yaml").write_text(HEAD + "".join(f"    {line}\n" for line in text.splitlines()))
    loaded = load(folder, {})
    found = [f"{d.span.line}:{d.span.column} {d.code} {d.message}" for d in loaded.diagnostics if d.span]
    one = loaded.environments.get("production")
    return (one.value.spec.policy if one else None), found


def test_every_rule_that_can_be_set_is_checked_and_has_options_of_its_own() -> None:
    assert {rule.name for rule in CHECKS} == set(RULES)
    assert all(settings().model_dump()["rule"] == name for name, settings in RULES.items())
    codes = [rule.code for rule in CHECKS]
    assert codes == sorted(set(codes))
    assert all((settings.__doc__ or "").startswith(code) for settings, code in zip(RULES.values(), codes, strict=True))


def test_rules_and_waivers_are_read(tmp_path: Path) -> None:
    policy, found = _policy(
        tmp_path,
        """rules:
  - {rule: model-allowed, severity: warning, allow: [qwen-*]}
  - {rule: placeholder-left, accept: ["${documents}"]}
waivers:
  - {rule: secret-key, assistant: weather, reason: rotated, until: 2027-01-31}""",
    )
    assert found == []
    assert policy is not None
    assert policy.rules == (
        ModelAllowed(severity="warning", allow=("qwen-*",)),
        PlaceholderLeft(accept=("${documents}",)),
    )
    assert (policy.waivers[0].rule, policy.waivers[0].until) == ("secret-key", date(2027, 1, 31))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("rules: [{rule: model-alowed}]", "7:20 MAN007 there is no rule 'model-alowed'; did you mean 'model-allowed'?"),
        ("rules: [{severity: error}]", "7:13 MAN003 'rule' is missing"),
        ("rules: [model-allowed]", "7:13 MAN004 a rule is an object: {rule: NAME, severity: …}"),
        ("rules: [{rule: secret-key, severity: bad}]", "7:42 MAN004 'severity' must be"),
        ("rules: [{rule: secret-key, allow: [a]}]", "7:32 MAN002 unknown key 'allow'"),
        ("rules: [{rule: secret-key}, {rule: secret-key}]", "7:40 MAN004 the rule 'secret-key' is given twice"),
        ("rules: [{rule: token-growth, percent: 0}]", "7:43 MAN004"),
        ("waivers: [{rule: x, assistant: a, reason: r, until: 2027-01-31}]", "7:22 MAN007 there is no rule 'x'"),
        ("waivers: [{rule: secret-key, assistant: a, until: 2027-01-31}]", "MAN003 'reason' is missing"),
        ("waivers: [{rule: secret-key, assistant: a, reason: r, until: soon}]", "MAN004 not a day"),
        ("waivers: [{rule: secret-key, assistant: a, reason: r, until: 2027-02-30}]", "MAN004 not a day"),
        ("waivers: [{rule: secret-key, assistant: a, reason: r}]", "MAN003 'until' is missing"),
    ],
    ids=lambda text: text[:60],
)
def test_what_is_wrong_is_told_at_its_place(tmp_path: Path, text: str, complaint: str) -> None:
    _, found = _policy(tmp_path, text)
    assert len(found) == 1
    assert complaint in found[0]


def test_an_unknown_option_of_a_rule_names_the_nearest_one(tmp_path: Path) -> None:
    (tmp_path / "env.yaml").write_text(HEAD + "    rules: [{rule: token-growth, percents: 5}]\n")
    (complaint,) = load(tmp_path, {}).diagnostics
    assert complaint.hint == "did you mean 'percent'?"
