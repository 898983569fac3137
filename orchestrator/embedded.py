"""The server of this product, wired to manifests: functions they bind, limits they set.

The server knows none of that; it is handed a `Performer` and `Bounds`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from time import monotonic, time

from orchestrator.functions import Registry
from orchestrator.functions.context import Occasion, Surroundings
from orchestrator.functions.performing import Around, Stage, Terms
from orchestrator.functions.states import States
from orchestrator.reconcile.approving import decide
from orchestrator.reconcile.desired import Binding, Desired, Rules
from orchestrator.reconcile.stamp import read_stamp
from orchestrator.server.performers.door import Call, Limits
from orchestrator.server.records import Assistant, Run

_RUNS = 2000  # whose snapshot is kept
_FOR_THE_ANSWER = 5.0  # seconds of a run that calls leave to what comes after them


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What the manifests of one environment say of functions, at one moment."""

    owner: str = ""
    desired: Mapping[str, Desired] = field(default_factory=dict[str, Desired])
    registry: Registry = field(default_factory=Registry)

    def wanted(self, assistant: Assistant) -> Desired | None:
        """The manifest of an assistant that bears our exact stamp."""
        stamp = read_stamp(assistant.metadata)
        return self.desired.get(stamp.manifest) if stamp and stamp.owner == self.owner else None


class Functions:
    """Performs the functions that manifests bind; `snapshot` is replaced as a whole when they change.

    `default`: the limits of runs for which no manifest says otherwise; `states`: where plug-ins keep what stays with a
    thread, None: it stays for one call.
    """

    def __init__(self, snapshot: Snapshot, default: Limits | None = None, states: States | None = None) -> None:
        self.snapshot = snapshot
        self._states = states
        self._default = default or Limits()
        self._stage = Stage()
        self._runs: dict[str, Snapshot] = {}

    def performs(self, assistant: Assistant, call: Call) -> bool:
        """Only for assistants of ours, and never what a person has to approve: that becomes `requires_action`."""
        binding = _binding(self.snapshot, assistant, call)
        return binding is not None and decide(binding, call.arguments) != "ask"

    def repeatable(self, assistant: Assistant, call: Call) -> bool:
        """Whether the function is marked idempotent, or is not called at all."""
        binding = _binding(self.snapshot, assistant, call)
        function = self.snapshot.registry.find(binding.function) if binding else None
        return function is None or function.idempotent

    async def perform(self, assistant: Assistant, run: Run, call: Call) -> str:
        """The output of the function as text, whatever happens in it."""
        snapshot = self._of_run(run)
        binding = _binding(snapshot, assistant, call)
        if binding is None:  # the manifest changed between the question and the call
            return said("tool_gone", f"The function '{call.name}' is no longer there.")
        limits = self.limits(assistant)
        occasion = Occasion(
            run_id=run.id, thread_id=run.thread_id, assistant=_manifest(assistant), call_id=f"{run.id}:{call.id}"
        )
        terms = Terms(until=_end_of_round(run, limits), largest=limits.output_bytes)
        return await perform(
            self._stage,
            snapshot.registry,
            binding,
            call.arguments,
            occasion=occasion,
            terms=terms,
            around=partial(self._around, run),
        )

    def _around(self, run: Run, unit: str) -> Surroundings:
        return Surroundings(state=self._states.of(run.thread_id, unit)) if self._states else Surroundings()

    async def close(self) -> None:
        """Close what plug-ins opened."""
        await self._stage.close()
        if self._states:
            self._states.close()

    def limits(self, assistant: Assistant) -> Limits:
        """What the manifest says, and defaults for what it does not."""
        wanted = self.snapshot.wanted(assistant)
        return self._default if wanted is None else _limits(wanted.rules, self._default)

    def _of_run(self, run: Run) -> Snapshot:
        """The snapshot that a run's first call found: all calls of a run see one version of code and manifests."""
        snapshot = self._runs.pop(run.id, self.snapshot)
        self._runs[run.id] = snapshot  # the last used is last
        while len(self._runs) > _RUNS:
            del self._runs[next(iter(self._runs))]
        return snapshot


def _binding(snapshot: Snapshot, assistant: Assistant, call: Call) -> Binding | None:
    wanted = snapshot.wanted(assistant) if call.type == "function" else None
    return wanted.bindings.get(call.name) if wanted else None


def _manifest(assistant: Assistant) -> str:
    stamp = read_stamp(assistant.metadata)
    return stamp.manifest if stamp else ""


def _end_of_round(run: Run, limits: Limits) -> float:
    """When calls must be over, on the clock of `monotonic`, so that the run can still tell what came of them."""
    left = run.created_at + limits.run_seconds - time()
    return monotonic() + max(0.0, left - min(_FOR_THE_ANSWER, left / 2))


def _limits(rules: Rules, default: Limits) -> Limits:
    said = {
        "tool_rounds": rules.tool_rounds,
        "tool_calls": rules.tool_calls,
        "same_calls": rules.same_calls,
        "parallel_calls": rules.parallel_calls,
        "output_bytes": rules.output_bytes,
        "run_seconds": rules.run_seconds,
        "context_messages": rules.last_messages,
    }
    return replace(default, **{name: value for name, value in said.items() if value is not None})


async def perform(
    stage: Stage,
    registry: Registry,
    binding: Binding,
    arguments: str,
    *,
    occasion: Occasion,
    terms: Terms | None = None,
    around: Around | None = None,
) -> str:
    """Call the function behind a binding. Also for calls that a remote target hands to us."""
    if decide(binding, arguments) == "deny":
        return said("denied", f"The function '{binding.function}' may not be called.")
    own = replace(terms or Terms(), timeout=binding.timeout, retries=binding.retries)
    output = await stage.call(registry, binding.function, arguments, terms=own, occasion=occasion, around=around)
    return output.text


def said(code: str, message: str) -> str:
    """An output that tells the model of an error."""
    return json.dumps({"error": {"code": code, "message": message}}, ensure_ascii=False)
