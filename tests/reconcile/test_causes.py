"""Why an assistant changes: inputs compared by hash, one cause told once, and nothing claimed that is not known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reviewing import rich

from orchestrator.reconcile.causes import Cause, Input, Inputs, causes, moved

INPUTS = st.builds(
    lambda rows: Inputs(digests=rows),
    st.dictionaries(
        st.builds(Input, st.sampled_from(["file", "template", "variable", "code"]), st.text(max_size=8), st.just("")),
        st.text("0123456789abcdef", min_size=4, max_size=4),
        max_size=6,
    ),
)


@given(INPUTS)
def test_law_inputs_are_read_as_they_were_written(inputs: Inputs) -> None:
    assert Inputs.from_json(inputs.to_json()) == inputs
    assert moved(inputs, inputs, "instructions") == []


@pytest.mark.parametrize(
    "rows", [None, {}, "x", [1], [["file", "a", "b"]], [["new kind", "a", "", "1"]], [["file", 1, "", "2"]]]
)
def test_inputs_that_nobody_understands_are_not_known(rows: object) -> None:
    assert Inputs.from_json(rows) is None


def test_an_input_is_a_cause_only_of_fields_that_it_concerns() -> None:
    before = Inputs(digests={Input("template", "tone"): "1", Input("file", "a.yaml", "model"): "1"})
    after = Inputs(digests={Input("template", "tone"): "2", Input("file", "a.yaml", "model"): "2"})
    assert moved(before, after, "instructions") == [Cause("template", "tone")]
    assert moved(before, after, "model") == [Cause("file", "a.yaml")]
    assert moved(before, after, "tools") == []


def test_without_history_only_the_field_is_known() -> None:
    assert causes([("model", False), ("tools", True)], None, None) == (
        Cause("edited", "model"),
        Cause("drift", "tools"),
    )


def test_one_cause_of_many_assistants_is_told_once() -> None:
    (first, *others) = rich().causes
    assert (first.cause, first.names) == (
        Cause("template", "templates/tone.md.j2"), ("guide", "sales", "support"),
    )  # fmt: skip
    assert all(len(shared.names) == 1 or shared.cause.kind == "edited" for shared in others)


def test_the_riskiest_changes_come_first_with_their_reasons() -> None:
    found = {one.name: one for one in rich().changes}
    assert [one.risk.level for one in rich().changes] == sorted(
        (one.risk.level for one in found.values()), key=["high", "medium", "low"].index
    )
    assert found["gone"].risk.reasons == ("it is deleted",)
    assert found["support"].capabilities == (
        "can now call `refund`", "can no longer use `plugin_7`", "calls `track` by another definition",
    )  # fmt: skip
    assert "undoes what somebody changed at the target: instructions" in found["shop"].risk.reasons
    assert found["sales"].risk.level == "low"
    assert found["gone"].tokens.after == 0 < found["gone"].tokens.before
