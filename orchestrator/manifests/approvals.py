"""Approval by arguments: conditions on what a model wants to call a function with. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, Strict, model_validator

from orchestrator.manifests.fields import Approval, Plain, Strictly, fault


class Condition(Strictly):
    """What is true of one argument; everything that is said must hold."""

    equals: Plain | None = None
    """Its value."""
    among: Annotated[tuple[Plain, ...], Strict(False)] | None = None
    """One of these is its value."""
    over: float | None = None
    """It is a number above this."""
    under: float | None = None
    """It is a number below this."""
    matches: str | None = None
    """It is text that fits a pattern with `*` and `?`."""
    present: bool | None = None
    """Whether it is given at all."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise fault("condition", "says nothing: give one of equals, among, over, under, matches and present")
        return self


class ApprovalRule(Strictly):
    """When the conditions hold for the arguments of a call, this is what is done."""

    when: Annotated[Mapping[str, Condition], Field(min_length=1)]
    """Conditions by argument; of one inside of another, by its path: `order.amount`."""
    then: Approval
    """`auto` calls at once, `ask` asks a person first, `deny` never calls."""


class ApprovalRules(Strictly):
    """The first rule that holds decides, else the default."""

    default: Approval = "auto"
    """What is done when no rule holds."""
    rules: Annotated[tuple[ApprovalRule, ...], Strict(False), Field(min_length=1)]
    """From the first to the last."""
