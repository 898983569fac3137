"""Whether a call is made at once, needs a person, or is never made: by its tool, and by its arguments. Pure.

The first rule whose conditions all hold decides, else the default. What the code of the function demands is the least.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, cast

from orchestrator.manifests.approvals import Condition
from orchestrator.manifests.fields import Approval
from orchestrator.reconcile.desired import Binding

_STRICT: Mapping[Approval, int] = {"auto": 0, "ask": 1, "deny": 2}
_NOTHING = object()


def stricter(one: Approval, other: Approval) -> Approval:
    """The approval that asks for more."""
    return max(one, other, key=_STRICT.__getitem__)


def decide(binding: Binding, arguments: str) -> Approval:
    """What holds for one call. `arguments`: as the model wrote them; what is no JSON object meets no condition."""
    if not binding.rules:
        return stricter(binding.approval, binding.least)
    try:
        given: Any = json.loads(arguments or "{}")
    except ValueError:
        given = {}
    chosen = binding.approval
    for rule in binding.rules:
        if all(_holds(condition, _at(given, path)) for path, condition in rule.when.items()):
            chosen = rule.then
            break
    return stricter(chosen, binding.least)


def _at(given: Any, path: str) -> Any:
    """The argument at a path such as `order.amount`."""
    for step in path.split("."):
        if not isinstance(given, Mapping) or step not in given:
            return _NOTHING
        given = cast("Mapping[str, Any]", given)[step]
    return given


def _holds(condition: Condition, value: Any) -> bool:
    """Whether everything that a condition says is true; of a value that is not there, only `present: false` is."""
    if condition.present is not None and condition.present != (value is not _NOTHING):
        return False
    if value is _NOTHING:
        return condition.present is False
    tests = (
        condition.equals is None or _same(value, condition.equals),
        condition.among is None or any(_same(value, one) for one in condition.among),
        condition.over is None or (_number(value) and value > condition.over),
        condition.under is None or (_number(value) and value < condition.under),
        condition.matches is None or (isinstance(value, str) and fnmatchcase(value, condition.matches)),
    )
    return all(tests)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(value: Any, other: Any) -> bool:
    return isinstance(value, bool) == isinstance(other, bool) and value == other
