"""What a rule is: a name, a code, how bad a finding is, and a check of one rendered assistant. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from orchestrator.diagnostics import Severity
from orchestrator.manifests.source import Path
from orchestrator.reconcile.body import Body
from orchestrator.reconcile.desired import Desired
from orchestrator.reconcile.review import tool_name
from orchestrator.tools import ToolKind

MOST = 20  # findings of one rule on one assistant that are told
INSTRUCTIONS: Path = ("spec", "instructions")


def _no_host(name: str) -> tuple[str | None, str]:
    return None, name


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What rules know beside the assistants.

    `tools`: every name that a prompt could mean, bound or not; `dialect` and `host` of the target, None: our own
    server; `serves`: the host that answers for a model's name, and what the model is called there.
    """

    today: date
    tools: frozenset[str] = frozenset()
    dialect: str | None = None
    host: str | None = None
    serves: Callable[[str], tuple[str | None, str]] = _no_host


@dataclass(frozen=True, slots=True)
class Case:
    """One assistant to be judged. `before`: what stands at the target, None: not known or not there yet."""

    desired: Desired
    before: Body | None = None

    @property
    def instructions(self) -> str:
        """The rendered prompt."""
        return str(self.desired.body.get("instructions") or "")

    @property
    def tools(self) -> tuple[ToolKind, ...]:
        """Its tools, in the order of its manifest."""
        return cast("tuple[ToolKind, ...]", self.desired.body.get("tools") or ())

    def names(self) -> list[str]:
        """What each tool is called by the model."""
        return [tool_name(tool.comparable()) for tool in self.tools]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that a rule complains of. `path`: in the words of the manifest."""

    message: str
    path: Path
    hint: str | None = None


Check = Callable[[Case, World, Any], Iterator[Finding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule. `always`: it holds without being named.

    `secret`: what it found must not be shown, nor a plan that has it. `needs_before`: it can only be judged in a plan,
    with what stands at the target. `once`: a finding is about the environment, and told for one assistant only.
    """

    name: str
    code: str
    severity: Severity
    check: Check
    always: bool = True
    secret: bool = False
    needs_before: bool = False
    once: bool = False
