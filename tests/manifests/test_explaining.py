"""Every field of every kind can be explained, from the very schema that editors get."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from orchestrator.errors import SettingsError
from orchestrator.manifests import KINDS
from orchestrator.manifests.explaining import every_path, explain
from orchestrator.tools import BY_TYPE

EXAMPLES = Path(__file__).parents[2] / "assistants.d"
PATHS = every_path()


@pytest.mark.parametrize("path", PATHS)
def test_every_field_of_every_kind_says_what_it_is(path: str) -> None:
    found = explain(path)
    assert found.description.strip()
    assert found.types
    assert all(child.description.strip() and child.types for child in found.children)


def test_every_kind_and_the_depths_of_each_are_reached() -> None:
    assert set(KINDS) <= set(PATHS)
    for path in (
        "Assistant.spec.tools.prompt_ra.pipeline_id",
        "Assistant.spec.instructions.variables",
        "Plugin.spec.hosted.auth.userToken.fromEnv",
        "Environment.spec.policy.rules.ends.day",
        "Environment.spec.target.apiKey.fromFile",
        "Environment.spec.models.extraBody",
    ):
        assert path in PATHS


def _keys(value: object, path: str) -> set[str]:
    """Every path that a document uses, lists without numbers."""
    if isinstance(value, list):
        return {found for one in value for found in _keys(one, path)}
    if not isinstance(value, dict):
        return {path}
    return {path} | {found for key, inner in value.items() for found in _keys(inner, f"{path}.{key}")}


def test_whatever_the_examples_use_is_explained() -> None:
    files = sorted(EXAMPLES.glob("*.yaml"))
    documents = [one for file in files for one in yaml.safe_load_all(file.read_text()) if one]
    assert documents
    for document in documents:
        for path in _keys(document, document["kind"]):
            assert explain(path).path == path


def test_a_field_of_a_list_is_found_without_a_number_or_with_one() -> None:
    wanted = explain("Assistant.spec.tools.approval")
    assert (wanted.types, wanted.values) == (("text", "null"), ("auto", "ask", "deny"))
    assert (wanted.has_default, wanted.default, wanted.required) == (True, None, False)
    for number in ("[]", "[0]", ".0"):
        assert explain(f"Assistant.spec.tools{number}.approval") == wanted


def test_the_forms_of_a_value_stand_apart() -> None:
    forms = {child.form for child in explain("Assistant.spec.tools").children}
    assert {"ToolRef", "PluginRef", *(f"type: {kind}" for kind in BY_TYPE)} <= forms
    assert {child.form for child in explain("Assistant.spec.model").children} == {""}
    rules = {child.form for child in explain("Environment.spec.policy.rules").children}
    assert {"rule: model-allowed", "rule: token-growth"} <= rules


def test_bounds_defaults_and_what_must_be_given_are_told() -> None:
    retries = explain("Tool.spec.retries")
    assert dict(retries.limits) == {"at least": 0, "at most": 10}
    approval = explain("Tool.spec.approval")
    assert (approval.default, approval.values) == ("auto", ("auto", "ask", "deny"))
    function = explain("Tool.spec.function")
    assert (function.required, function.has_default) == (True, False)
    assert "form" in function.limits


@pytest.mark.parametrize(
    "path",
    ["Environment.spec.variables.city", "Assistant.metadata.labels.team", "Tool.spec.parameters.properties.city.type"],
)
def test_keys_of_an_authors_own_choice_are_passed_through(path: str) -> None:
    assert explain(path).description == "A key of the author's own choice."


def test_a_patch_has_the_fields_of_an_assistant_and_needs_none() -> None:
    patched = explain("Environment.spec.patches.merge.spec")
    assert {child.name for child in patched.children} == {child.name for child in explain("Assistant.spec").children}
    assert not any(child.required for child in patched.children)
    assert explain("Environment.spec.patches.merge.spec.model.topK").types == ("whole number", "null")


@pytest.mark.parametrize(
    ("path", "message", "hint"),
    [
        ("Asistant.spec", "There is no kind 'Asistant'.", "did you mean 'Assistant'?"),
        ("Assistant.spec.tool", "Assistant.spec has no 'tool'.", "did you mean 'tools'?"),
        ("Assistant.spec.model.temprature", "Assistant.spec.model has no 'temprature'.", "did you mean 'temperature'?"),
        ("Tool.spec.retries.x", "Tool.spec.retries has no 'x'.", "'Tool.spec.retries' has nothing below it"),
        ("", "A path is missing.", "begin with a kind: Assistant, Template, Tool, Plugin, Environment"),
        ("..", "A path is missing.", "begin with a kind: Assistant, Template, Tool, Plugin, Environment"),
    ],
)
def test_a_path_that_leads_nowhere_names_the_nearest(path: str, message: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        explain(path)
    assert (caught.value.message, caught.value.hint) == (message, hint)
