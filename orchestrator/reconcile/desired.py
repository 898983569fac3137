"""What we want: complete, rendered, no choice left open. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from orchestrator.diagnostics import Span
from orchestrator.manifests.approvals import ApprovalRule
from orchestrator.manifests.fields import Approval
from orchestrator.reconcile.body import Body
from orchestrator.reconcile.causes import Inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A function of the plug-in registry behind a tool of an assistant. `timeout` in seconds, None: the function's.

    `approval` holds where none of the `rules` does; `least` is what the code demands; see `approving.decide`.
    """

    function: str
    timeout: float | None = None
    retries: int = 0
    approval: Approval = "auto"
    rules: tuple[ApprovalRule, ...] = ()
    least: Approval = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a manifest says of runs; the API's assistant has no fields for it. None: the server's default."""

    tool_rounds: int | None = None
    tool_calls: int | None = None
    same_calls: int | None = None
    parallel_calls: int | None = None
    output_bytes: int | None = None
    run_seconds: float | None = None
    last_messages: int | None = None


class Source(Protocol):
    """Where a manifest stands; looked up only when it is told, since that means reading its text again."""

    @property
    def span(self) -> Span:
        """The place of its name."""
        ...


def _unknown() -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """One assistant as it shall be. `bindings`: by the name that the model sees; `ignored`: see `ignoring`.

    `inputs` says what it was made of, as hashes; worked out when asked, None where that is not known.
    """

    name: str
    body: Body
    source: Source = field(repr=False, compare=False)
    previous_names: tuple[str, ...] = ()
    protect: bool = False
    retain: bool = False
    ignored: frozenset[str] = frozenset()
    bindings: Mapping[str, Binding] = field(default_factory=dict[str, Binding])
    rules: Rules = field(default_factory=Rules)
    inputs: Callable[[], Inputs | None] = field(default=_unknown, repr=False, compare=False)

    @property
    def place(self) -> Span:
        """Where its manifest stands."""
        return self.source.span
