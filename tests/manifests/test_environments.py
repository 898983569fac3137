"""Environments: what is expanded when, what a patch does, and where complaints point."""

from __future__ import annotations

import pytest

from orchestrator.errors import ManifestsInvalid
from orchestrator.manifests import FromFile, load_text, patched, select

HEAD = "apiVersion: orchestrator/v1\nkind: Environment\nmetadata: {name: %s}\nspec:\n"
TARGET = "  target: {dialect: dashscope, baseUrl: https://x.example/v1}\n"


def environment(*lines: str, name: str = "prod") -> str:
    return HEAD % name + (TARGET if name != "local" else "") + "".join(f"  {line}\n" for line in lines)


def patch(merge: str, select: str = "{}") -> str:
    return f"patches: [{{select: {select}, merge: {{spec: {merge}}}}}]"


def test_local_needs_no_manifest(folder, assistant) -> None:
    selected = select(folder({"a.yaml": assistant()}), "local", {})
    assert selected.environment.value.spec.target is None
    assert list(selected.assistants) == ["a"]


def test_local_has_no_target_and_others_have_one(folder) -> None:
    loaded = folder({"a.yaml": HEAD % "local" + TARGET, "b.yaml": HEAD % "prod" + "  project: x\n"})
    assert [(d.code, str(d.span)) for d in loaded.diagnostics] == [
        ("MAN004", "assistants.d/a.yaml:5:11"),
        ("MAN003", "assistants.d/b.yaml:5:3"),
    ]


def test_an_unknown_environment_gets_a_hint(folder) -> None:
    with pytest.raises(ManifestsInvalid, match="did you mean 'prod'"):
        select(folder({"e.yaml": environment("project: x")}), "prd", {})


def test_a_variable_of_another_environment_may_be_missing(folder) -> None:
    loaded = folder({"e.yaml": environment("project: ${env.NAME}")})
    assert loaded.diagnostics == ()
    assert select(loaded, "prod", {"NAME": "x"}).environment.value.spec.project == "x"
    with pytest.raises(ManifestsInvalid) as caught:
        select(loaded, "prod", {})
    (only,) = caught.value.diagnostics
    assert (only.code, str(only.span)) == ("MAN009", "assistants.d/e.yaml:6:12")


@pytest.mark.parametrize(
    ("text", "environ", "result"),
    [
        ("a${env.X}b", {"X": "1"}, "a1b"),
        ("${env.X:=d}", {}, "d"),
        ("${env.X:=d}", {"X": "x"}, "x"),
        ("${env.X:=}", {"X": "x"}, "x"),
        ("$${env.X}", {}, "${env.X}"),
        ("${env.X}", {"X": "${env.Y}"}, "${env.Y}"),
        ("$X $(X) {X}", {"X": "x"}, "$X $(X) {X}"),
    ],
)
def test_expressions_give_text(assistant, text: str, environ: dict[str, str], result: str) -> None:
    (placed,), found = load_text(assistant(f"description: '{text}'"), environ)
    assert found == []
    assert placed.value.spec.description == result


@pytest.mark.parametrize("text", ["${X}", "${env.}", "${env.X", "${env.1}", "${ env.X }", "${file.x}"])
def test_what_is_no_expression_is_a_fault(assistant, text: str) -> None:
    _, (only,) = load_text(assistant(f"description: '{text}'"), {"X": "x"})
    assert (only.code, only.span.line) == ("MAN004", 6)


def test_a_missing_variable_is_told_at_its_place(assistant) -> None:
    _, found = load_text(assistant("description: x ${env.A} ${env.B}", "metadata: {k: '${env.C}'}"), {})
    assert [(d.code, d.span.line, d.span.column) for d in found] == [
        ("MAN009", 6, 16),
        ("MAN009", 6, 16),
        ("MAN009", 7, 17),
    ]


def test_text_for_the_model_and_schemas_are_left_alone() -> None:
    head = "apiVersion: orchestrator/v1\nmetadata: {name: a}\n"
    texts = [
        head + "kind: Template\nspec: {body: 'a ${env.X}'}",
        head + "kind: Assistant\nspec: {model: m, instructions: 'a ${env.X}'}",
        head + "kind: Tool\nspec: {function: f, parameters: {type: object, description: '${env.X}'}}",
    ]
    assert [load_text(text, {})[1] for text in texts] == [[], [], []]


@pytest.mark.parametrize(
    ("lines", "merge", "path", "value"),
    [
        ([], "{model: {name: b}}", "model.name", "b"),
        ([], "{model: b}", "model.name", "b"),
        ([], "{model: {temperature: 0}}", "model.name", "qwen-plus"),
        ([], "{protect: true}", "protect", True),
        (["metadata: {a: x, b: y}"], "{metadata: {b: null, c: z}}", "metadata", {"a": "x", "c": "z"}),
        (["tools: [{type: calculator}]"], "{tools: []}", "tools", ()),
        (["context: {lastMessages: 3}"], "{context: null}", "context", None),
        (["instructions: x"], "{instructions: {file: a.j2}}", "instructions", FromFile(file="a.j2")),
        (
            ["instructions: {template: t, variables: {a: 1}}"],
            "{instructions: {file: a.j2}}",
            "instructions",
            FromFile(file="a.j2"),
        ),
        (
            ["instructions: {file: a.j2, variables: {a: 1}}"],
            "{instructions: {variables: {b: 2}}}",
            "instructions.variables",
            {"a": 1, "b": 2},
        ),
        ([], "{description: '${env.D}'}", "description", "from env"),
        ([], "{instructions: '${env.D}'}", "instructions.text", "${env.D}"),
    ],
)
def test_a_patch_is_merged(folder, assistant, lines: list[str], merge: str, *, path: str, value: object) -> None:
    loaded = folder({"a.yaml": assistant(*lines), "e.yaml": environment(patch(merge)), "a.j2": ""})
    found = select(loaded, "prod", {"D": "from env"}).assistants["a"].value.spec
    for step in path.split("."):
        found = getattr(found, step)
    assert found == value


def test_null_clears_or_forgets(folder, assistant) -> None:
    text = assistant("description: x", "context: {lastMessages: 3}")
    loaded = folder({"a.yaml": text, "e.yaml": environment(patch("{description: null, context: null}"))})
    spec = select(loaded, "prod", {}).assistants["a"].value.spec
    assert spec.model_fields_set == {"model", "description"}


def test_patches_apply_in_order_to_the_selected(folder, assistant) -> None:
    lines = [
        "patches:",
        "  - {select: {names: [a]}, merge: {spec: {model: x}}}",
        "  - {select: {names: [a]}, merge: {spec: {model: y, protect: true}}}",
        "  - {select: {labels: {team: t}}, merge: {spec: {model: z}}}",
    ]
    files = {"a.yaml": assistant(), "b.yaml": assistant(name="b, labels: {team: t}"), "e.yaml": environment(*lines)}
    loaded = folder(files)
    selected = select(loaded, "prod", {}).assistants
    assert [(a.value.spec.model.name, a.value.spec.protect) for a in selected.values()] == [("y", True), ("z", False)]
    assert loaded.assistants["a"].value.spec.model.name == "qwen-plus"


def test_an_unselected_assistant_stays_the_same_object(folder, assistant) -> None:
    loaded = folder({"a.yaml": assistant(), "e.yaml": environment(patch("{model: x}", "{names: [b]}"))})
    assert patched(loaded.assistants["a"], loaded.environments["prod"]) is loaded.assistants["a"]
    (warning,) = loaded.diagnostics
    assert (warning.severity, warning.message) == ("warning", "the patch selects no assistant")
    loaded.raise_for_errors()


@pytest.mark.parametrize(
    ("merge", "code", "column"),
    [
        ("{model: {topP: 3}}", "MAN004", 55),
        ("{limits: {toolTimout: 3s}}", "MAN002", 50),
        ("{tools: [{ref: nope}]}", "MAN007", 55),
        ("{tools: [{type: web_serch}]}", "MAN006", 56),
    ],
)
def test_complaints_about_a_patch_point_into_it(folder, assistant, merge: str, code: str, column: int) -> None:
    loaded = folder({"a.yaml": assistant(), "e.yaml": environment(patch(merge))})
    assert loaded.diagnostics == ()
    with pytest.raises(ManifestsInvalid) as caught:
        select(loaded, "prod", {}).raise_for_errors()
    (only,) = caught.value.diagnostics
    assert (only.code, str(only.span)) == (code, f"assistants.d/e.yaml:6:{column}")


def test_an_unknown_key_of_a_patch_is_told_when_loading(folder, assistant) -> None:
    (only,) = folder({"a.yaml": assistant(), "e.yaml": environment(patch("{modl: x}"))}).diagnostics
    assert (only.code, only.hint) == ("MAN002", "did you mean 'model'?")


def test_taking_the_model_away_is_told(folder, assistant) -> None:
    loaded = folder({"a.yaml": assistant(), "e.yaml": environment(patch("{model: null}"))})
    with pytest.raises(ManifestsInvalid, match="'model' is missing"):
        patched(loaded.assistants["a"], loaded.environments["prod"])


def test_required_variables_depend_on_the_selected_environment(folder, assistant) -> None:
    head = "apiVersion: orchestrator/v1\nkind: Template\nmetadata: {name: t}\n"
    template = head + "spec: {body: x, variables: [{name: v, required: true}]}"
    files = {
        "a.yaml": assistant("instructions: {template: t}"),
        "t.yaml": template,
        "e.yaml": environment("variables: {v: x}"),
        "f.yaml": environment("variables: {v: 3}", name="wrong"),
    }
    loaded = folder(files)
    assert loaded.diagnostics == select(loaded, "prod", {}).diagnostics == ()
    assert [d.code for d in select(loaded, "local", {}).diagnostics] == ["MAN003"]
    (wrong,) = select(loaded, "wrong", {}).diagnostics
    assert (wrong.code, wrong.span.file) == ("MAN004", "assistants.d/f.yaml")


@pytest.mark.parametrize(
    "line",
    [
        "requests: {concurrency: 33}",
        "requests: {concurrency: 0}",
        "requests: {perSecond: 0}",
        "policy: {prune: always}",
        "policy: {maxDeletePercent: 101}",
        "models: [{match: a}]",
        "models: [{match: a, script: b, baseUrl: https://x}]",
        "models: [{match: a, baseUrl: 'file:///etc'}]",
        "patches: [{select: {name: a}, merge: {spec: {}}}]",
        "variables: {a b: c}",
    ],
)
def test_wrong_settings_are_one_complaint(folder, line: str) -> None:
    assert len(folder({"e.yaml": environment(line)}).diagnostics) == 1
