"""One rich plan for all formats: a create, edits of every kind, drift, a rename, a delete, and what is left alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pydantic import SecretStr
from worlds import At, desired

from orchestrator.diagnostics import Span
from orchestrator.reconcile.causes import Input, Inputs
from orchestrator.reconcile.changes import stamp_for
from orchestrator.reconcile.desired import Desired
from orchestrator.reconcile.observed import Observed
from orchestrator.reconcile.plans import Plan, plan
from orchestrator.reconcile.review import Review, review
from orchestrator.reconcile.stamp import Stamp
from orchestrator.tools import Function, FunctionDefinition, HostedPlugin

OWNER = "shop/production"
TONE = """# Role

You are {name}. Answer briefly.
Name your sources.

## Tone

- Be kind.
- Never shout.

Bye.
"""
NEW = """# Role

You are {name}. Answer in two sentences. Name your sources.

Bye.

## Tone

- Be kind.
- Never promise.
"""
HOSTILE = (
    "```\n::error file=a.py,line=1::owned%0A\n\x1b[31mred\x1b[0m <script>alert(1)</script> @all "
    "![x](http://a.example)\u202eevil\u200b"
)
CANARY = "canary-secret"
PLUGIN = HostedPlugin(id="plugin_7", user_token=SecretStr(CANARY))


def tool(name: str, description: str = "Does it.") -> Function:
    return Function(function=FunctionDefinition(name=name, description=description, parameters={"type": "object"}))


def _inputs(**digests: str) -> Inputs:
    known = {
        "tone": Input("template", "templates/tone.md.j2"),
        "city": Input("variable", "city (environment production)"),
        "tools": Input("file", "assistants.d/a.yaml", "tools"),
        "refund": Input("code", "shop.refund"),
    }
    return Inputs(digests={known[name]: digest for name, digest in digests.items()})


def _wanted(name: str, line: int, text: str = NEW, *, inputs: Inputs | None = None, **changes: object) -> Desired:
    made = desired(name, instructions=text.format(name=name), **changes)
    return replace(made, source=At(Span(file="assistants.d/a.yaml", line=line)), inputs=lambda: inputs)


def _there(one: Desired, **drift: object) -> Observed:
    stamp = stamp_for(one, OWNER, revision=1, attempt="a")
    return Observed(id=f"asst_{one.name}", body={**one.body, **drift}, stamp=stamp)


def rich() -> Review:
    """The plan with the inputs of the last apply."""
    moved, still = _inputs(tone="2", city="1"), _inputs(tone="1", city="1")
    support = _wanted(
        "support",
        4,
        inputs=_inputs(tone="2", tools="2"),
        tools=(tool("refund"), tool("track", "Tracks a parcel.")),
    )
    wanted = [
        _wanted("sales", 20, inputs=moved), _wanted("guide", 30, inputs=moved), support,
        _wanted("shop", 40, TONE, model="qwen-max", inputs=_inputs(city="1")),
        _wanted("fresh", 50, tools=(tool("refund"), PLUGIN)),
        replace(_wanted("renamed", 60, TONE), previous_names=("old-name",)),
        _wanted("same", 70, TONE),
    ]  # fmt: skip
    before = [
        _there(_wanted("sales", 1, TONE)), _there(_wanted("guide", 1, TONE), description="By hand."),
        _there(_wanted("support", 1, TONE, tools=(tool("track"), PLUGIN))),
        _there(_wanted("shop", 1, TONE), instructions=TONE.format(name="shop") + HOSTILE),
        _there(_wanted("old-name", 1, TONE)), _there(_wanted("same", 1, TONE)), _there(_wanted("gone", 1, TONE)),
        Observed(id="asst_stranger", body={"name": "theirs"}, stamp=Stamp(owner="x/y", manifest="z", fields={})),
    ]  # fmt: skip
    recorded: Mapping[str, Inputs] = {
        "sales": still, "guide": still, "support": _inputs(tone="1", tools="1"), "shop": _inputs(city="1"),
    }  # fmt: skip
    return review(plan_of(wanted, before), recorded.get)


def plan_of(wanted: list[Desired], before: list[Observed]) -> Plan:
    return plan(wanted, before, owner=OWNER, prune=True)
