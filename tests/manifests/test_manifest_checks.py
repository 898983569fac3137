"""Rules between manifests."""

from __future__ import annotations

import pytest

from orchestrator.manifests import Loaded

TEMPLATE = """\
apiVersion: orchestrator/v1
kind: Template
metadata: {name: house}
spec:
  variables: [{name: role, required: true}, {name: days, type: integer, default: 3}]
  body: You are {{ role }}.
"""
TOOL = "apiVersion: orchestrator/v1\nkind: Tool\nmetadata: {name: %s}\nspec: {function: a.b}\n"


def told(loaded: Loaded) -> list[tuple[str, str, str | None]]:
    return [(d.code, str(d.span).removeprefix("assistants.d/"), d.hint) for d in loaded.diagnostics]


def test_a_doubled_name_names_both_places(folder, assistant) -> None:
    (only,) = folder({"a.yaml": assistant(), "b.yaml": assistant()}).diagnostics
    assert str(only).startswith("assistants.d/b.yaml:3:18: error MAN005: Assistant 'a' is declared twice")
    assert only.message.endswith("first in assistants.d/a.yaml:3:18")


def test_kinds_have_names_of_their_own(folder, assistant) -> None:
    assert told(folder({"a.yaml": assistant() + "---\n" + TOOL % "a"})) == []


def test_an_earlier_name_must_be_free(folder, assistant) -> None:
    renamed = assistant(name="b, previousNames: [a]")
    assert told(folder({"a.yaml": assistant(), "b.yaml": renamed})) == [
        ("MAN005", "b.yaml:3:37", "rename and apply that one first, then this one")
    ]


def test_an_earlier_name_is_claimed_once(folder, assistant) -> None:
    both = {"a.yaml": assistant(name="a, previousNames: [x]"), "b.yaml": assistant(name="b, previousNames: [x]")}
    assert told(folder(both)) == [("MAN005", "b.yaml:3:37", None)]


@pytest.mark.parametrize(
    ("line", "column", "hint"),
    [
        ("tools: [{ref: get_forcast}]", 17, "did you mean 'get_forecast'?"),
        ("tools: [{plugin: crm}]", 20, "no Plugin is declared"),
        ("instructions: {template: hose}", 28, "did you mean 'house'?"),
        ("instructions: {file: templates/a.md.j2}", 24, "did you mean 'templates/x.md.j2'?"),
        ("instructions: {file: ../templates/x.md.j2}", 24, "did you mean 'templates/x.md.j2'?"),
        ("instructions: {file: /etc/passwd}", 24, "known: templates/x.md.j2"),
    ],
)
def test_what_is_named_must_exist(folder, assistant, line: str, column: int, hint: str) -> None:
    files = {"a.yaml": assistant(line), "b.yaml": TEMPLATE, "c.yaml": TOOL % "get_forecast", "templates/x.md.j2": ""}
    assert told(folder(files)) == [("MAN007", f"a.yaml:6:{column}", hint)]


@pytest.mark.parametrize(
    "tools",
    [
        "[{ref: t}, {ref: t, approval: ask}]",
        "[{type: rag, prompt_ra: {pipeline_id: a}}, {type: rag, prompt_ra: {pipeline_id: b}}]",
        "[{type: function, function: {name: t}}, {ref: t}]",
    ],
)
def test_a_tool_is_given_once(folder, assistant, tools: str) -> None:
    (only,) = folder({"a.yaml": assistant(f"tools: {tools}"), "t.yaml": TOOL % "t"}).diagnostics
    assert only.code == "MAN005"
    assert "is given twice" in only.message


def test_there_are_at_most_128_tools(folder, assistant) -> None:
    many = ", ".join(f"{{type: function, function: {{name: f{n}}}}}" for n in range(129))
    assert [c for c, _, _ in told(folder({"a.yaml": assistant(f"tools: [{many}]")}))] == ["MAN004"]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ("{role: x}", []),
        ("{role: x, days: 4}", []),
        ("{}", [("MAN003", "a.yaml:6:28", None)]),
        ("{role: x, day: 4}", [("MAN007", "a.yaml:6:56", "did you mean 'days'?")]),
        ("{role: x, days: '4'}", [("MAN004", "a.yaml:6:62", None)]),
        ("{role: x, days: true}", [("MAN004", "a.yaml:6:62", None)]),
    ],
)
def test_a_template_gets_the_variables_it_declares(folder, assistant, variables: str, expected: list[object]) -> None:
    line = f"instructions: {{template: house, variables: {variables}}}"
    assert told(folder({"a.yaml": assistant(line), "b.yaml": TEMPLATE})) == expected


def test_an_environment_may_supply_a_required_variable(folder, assistant) -> None:
    environment = (
        "apiVersion: orchestrator/v1\nkind: Environment\nmetadata: {name: local}\nspec: {variables: {role: x}}\n"
    )
    files = {"a.yaml": assistant("instructions: {template: house}"), "b.yaml": TEMPLATE, "e.yaml": environment}
    assert told(folder(files)) == []


def test_a_variable_is_declared_once(folder) -> None:
    doubled = TEMPLATE.replace("name: days, type: integer, default: 3", "name: role")
    assert [c for c, _, _ in told(folder({"b.yaml": doubled}))] == ["MAN005"]
