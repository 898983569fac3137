"""What a manifest may say: fields, values, presence, and the complaint for everything else."""

from __future__ import annotations

import pytest

from orchestrator.diagnostics import Diagnostic
from orchestrator.errors import ManifestsInvalid
from orchestrator.manifests import Assistant, InlineText, InlineTool, ToolRef, load_text
from orchestrator.tools import CodeInterpreter


def complaints(text: str) -> list[Diagnostic]:
    placed, found = load_text(text, {}, file="a.yaml")
    assert not found or not placed
    return found


def only(text: str) -> Diagnostic:
    found = complaints(text)
    assert len(found) == 1, "\n".join(map(str, found))
    return found[0]


def spec_of(text: str):
    placed, found = load_text(text, {})
    assert found == []
    assert isinstance(placed[0].value, Assistant)
    return placed[0].value.spec


def under(diagnostic: Diagnostic) -> str:
    """The part of the quoted line that is underlined."""
    span = diagnostic.span
    assert span is not None
    assert diagnostic.quote is not None
    return diagnostic.quote[span.column - 1 : (span.end_column or span.column + 1) - 1]


def test_the_example_loads_whole(folder, example: str) -> None:
    loaded = folder({"a.yaml": example, "tone.md.j2": "x"})
    assert loaded.diagnostics == ()
    assert [
        len(x) for x in (loaded.assistants, loaded.templates, loaded.tools, loaded.plugins, loaded.environments)
    ] == [1, 1, 2, 1, 1]
    spec = loaded.assistants["weather"].value.spec
    assert (spec.model.name, spec.limits.tool_timeout, spec.limits.run_timeout) == ("qwen-plus", 20.0, 180.0)
    assert spec.tools[1] == ToolRef(ref="refund", approval="ask")
    assert isinstance(spec.tools[2], InlineTool)
    assert spec.tools[2].tool == CodeInterpreter()


def test_an_unknown_tool_kind_is_told_as_promised(assistant) -> None:
    assert str(only(assistant("tools:", "  - type: web_serch"))) == (
        "a.yaml:7:13: error MAN006: unknown tool kind 'web_serch'\n"
        "    7 |     - type: web_serch\n"
        "      |             ^^^^^^^^^\n"
        "  hint: did you mean 'quark_search'?"
    )


@pytest.mark.parametrize(
    ("line", "code", "marked", "hint"),
    [
        ("modl: x", "MAN002", "modl", "did you mean 'model'?"),
        ("display_name: x", "MAN002", "display_name", "did you mean 'displayName'?"),
        ("limits: {toolTimout: 3s}", "MAN002", "toolTimout", "did you mean 'toolTimeout'?"),
        ("tools: [{ref: a, aproval: ask}]", "MAN002", "aproval", "did you mean 'approval'?"),
        (
            "tools: [{type: rag, prompt_ra: {pipeline_id: a, rerank_topn: 1}}]",
            "MAN002",
            "rerank_topn",
            "did you mean 'rerank_top_n'?",
        ),
        ("instructions: {template: a, variabls: {}}", "MAN002", "variabls", "did you mean 'variables'?"),
        ("tools: [{ref: a, approval: aks}]", "MAN004", "aks", "did you mean 'ask'?"),
        ("description: 3", "MAN004", "3", "quote it"),
        ("tools: [{foo: a}]", "MAN004", "{", None),
        ("tools: [{ref: a, type: rag}]", "MAN004", "{", None),
        ("tools: [x]", "MAN004", "x", None),
        ("tools: [{type: [x]}]", "MAN004", "[", None),
        ("tools: {}", "MAN004", "{", None),
        ("tools: [{type: rag}]", "MAN003", "{", None),
        ("instructions: {}", "MAN004", "{", None),
        ("instructions: {text: x}", "MAN004", "{", None),
        ("instructions: {template: a, file: b}", "MAN004", "{", None),
        ("instructions: {template: a, variables: {x: [1]}}", "MAN004", "[", None),
        ("instructions: [x]", "MAN004", "[", None),
        ("limits: {toolTimeout: 20}", "MAN004", "20", None),
        ("limits: {toolTimeout: 0s}", "MAN004", "0s", None),
        ("limits: {toolTimeout: 9999h}", "MAN004", "9999h", None),
        ("limits: {toolRounds: -1}", "MAN004", "-1", None),
        ("limits: {toolRounds: true}", "MAN004", "true", None),
        ("limits: {toolRounds: 1.5}", "MAN004", "1.5", None),
        ("protect: yes", "MAN004", "yes", None),
        ("metadata: {orchestrator: x}", "MAN004", "orchestrator", None),
        ("metadata: {a: 1}", "MAN004", "1", "quote it"),
        ("context: {strategy: all}", "MAN004", "all", "known: last_messages"),
        ("context: {lastMessages: 0}", "MAN004", "0", None),
        ("fileIds: x", "MAN004", "x", None),
    ],
)
def test_each_fault_is_told_once_at_its_place(assistant, line: str, code: str, marked: str, hint: str | None) -> None:
    found = only(assistant(line))
    assert (found.code, under(found), found.hint) == (code, marked, hint)


@pytest.mark.parametrize(
    ("model", "marked"),
    [
        ("model: {name: q, temperature: 2.1}", "2.1"),
        ("model: {name: q, topP: -0.1}", "-0.1"),
        ("model: {name: q, topK: 1.5}", "1.5"),
        ("model: {name: q, maxTokens: 0}", "0"),
        ("model: 3", "3"),
        ("model: null", "null"),
        ("model: ''", "''"),
    ],
)
def test_settings_of_a_model_have_bounds(assistant, model: str, marked: str) -> None:
    found = only(assistant(model=model))
    assert (found.code, under(found)) == ("MAN004", marked)


def test_a_missing_key_is_told_at_its_object(assistant) -> None:
    found = only(assistant("description: x", model=""))
    assert (found.code, found.message, str(found.span)) == ("MAN003", "'model' is missing", "a.yaml:5:3")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("kind: Assistnt", "MAN004"),
        ("a: 1", "MAN003"),
        ("[a]", "MAN004"),
        ("hello", "MAN004"),
        ("null", "MAN004"),
        ("kind: [x]", "MAN004"),
        ("kind: Tool\napiVersion: v2", "MAN004"),
    ],
)
def test_the_envelope_is_needed(text: str, code: str) -> None:
    assert only(text).code == code


@pytest.mark.parametrize("name", ["A", "a_b", "-a", "a-", "a" * 64, "''", "ä", "a.b"])
def test_names_are_dns_labels(assistant, name: str) -> None:
    assert only(assistant(name=name)).code == "MAN004"


def test_names_of_tools_may_hold_underscores() -> None:
    tool = "apiVersion: orchestrator/v1\nkind: Tool\nmetadata: {name: %s}\nspec: {function: a.b}"
    assert complaints(tool % "get_forecast") == []
    assert only(tool % "Get").code == "MAN004"


@pytest.mark.parametrize("function", ["os:system", "a/b", "", ".a", "a..b", "1a"])
def test_a_function_is_a_name_of_the_registry(function: str) -> None:
    text = f"apiVersion: orchestrator/v1\nkind: Tool\nmetadata: {{name: a}}\nspec: {{function: '{function}'}}"
    assert only(text).code == "MAN004"


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("{mcp: {}}", "exactly one of command and url"),
        ("{mcp: {command: [a], url: 'https://a.example'}}", "exactly one of command and url"),
        ("{mcp: {url: 'https://a.example', auth: {cookie: {name: a, value: {fromEnv: A}}}}}", "one of bearer, basic"),
        ("{mcp: {command: [a], auth: {bearer: {fromEnv: A}}}}", "auth is for an address"),
        ("{}", "a plug-in has exactly one of code, openapi, mcp, hosted"),
    ],
)
def test_a_plugin_is_at_one_place(spec: str, told: str) -> None:
    found = only(f"apiVersion: orchestrator/v1\nkind: Plugin\nmetadata: {{name: a}}\nspec: {spec}")
    assert told in found.message


def test_user_metadata_leaves_room_for_our_mark(assistant) -> None:
    pairs = ", ".join(f"k{n}: v" for n in range(16))
    assert only(assistant(f"metadata: {{{pairs}}}")).code == "MAN004"
    assert complaints(assistant(f"metadata: {{{pairs[:-8]}}}")) == []
    assert only(assistant(f"metadata: {{a: {'x' * 513}}}")).code == "MAN004"
    assert only(assistant(f"metadata: {{{'x' * 65}: a}}")).code == "MAN004"


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("20s", 20), ("3m", 180), ("1h", 3600), ("1h30m", 5400), ("1.5s", 1.5)]
)
def test_durations_become_seconds(assistant, text: str, seconds: float) -> None:
    assert spec_of(assistant(f"limits: {{runTimeout: {text}}}")).limits.run_timeout == seconds


def test_presence_is_kept(assistant) -> None:
    assert spec_of(assistant()).model_fields_set == {"model"}
    spec = spec_of(assistant("description: null", "instructions:", "tools: []", "metadata: null", "fileIds: []"))
    assert spec.model_fields_set == {"model", "description", "instructions", "tools", "metadata", "file_ids"}
    assert (spec.description, spec.instructions, spec.tools, spec.metadata, spec.file_ids) == (None, None, (), None, ())


def test_instructions_may_be_text(assistant) -> None:
    assert spec_of(assistant("instructions: |", "  Be [kind].", "  ${env.X} {{ y }}")).instructions == InlineText(
        text="Be [kind].\n${env.X} {{ y }}\n"
    )


def test_models_are_frozen(assistant) -> None:
    with pytest.raises(ValueError, match="frozen"):
        spec_of(assistant()).description = "x"


@pytest.mark.parametrize(
    ("declared", "fine"),
    [
        ("type: integer, default: 3", True),
        ("type: integer, default: 3.5", False),
        ("type: number, default: 3", True),
        ("type: boolean, default: false", True),
        ("type: boolean, default: 1", False),
        ("type: integer, default: true", False),
        ("type: string, default: 3", False),
        ("required: true, default: x", False),
        ("type: text", False),
    ],
)
def test_defaults_of_variables_fit_their_type(declared: str, fine: bool) -> None:
    head = "apiVersion: orchestrator/v1\nkind: Template\nmetadata: {name: a}\n"
    text = head + f"spec: {{body: x, variables: [{{name: v, {declared}}}]}}"
    assert [d.code for d in complaints(text)] == ([] if fine else ["MAN004"])


def test_all_complaints_of_a_folder_come_in_one_run(folder, assistant) -> None:
    loaded = folder(
        {
            "a.yaml": assistant("modl: x", "protect: 1"),
            "b.md": "no front matter",
            "c.yaml": "a: [",
            "d.yaml": assistant("tools: [{ref: no}]"),
            "e.yaml": b"\xff",
            "f.yaml": "a: 1\na: 2\n---\nkind: X",
        }
    )
    where = [str(d.span).removeprefix("assistants.d/") for d in loaded.diagnostics]
    assert [w.split(":")[0] for w in where] == [
        "a.yaml",
        "a.yaml",
        "b.md",
        "c.yaml",
        "d.yaml",
        "e.yaml",
        "f.yaml",
        "f.yaml",
        "f.yaml",
    ]
    with pytest.raises(ManifestsInvalid) as caught:
        loaded.raise_for_errors()
    assert len(caught.value.diagnostics) == 9
