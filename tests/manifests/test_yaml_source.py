"""YAML text: scalars of 1.2, places, and everything that must be refused without hanging or crashing."""

from __future__ import annotations

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.manifests.source import MAX_DEPTH, Parsed, line_of, parse, place_of


def only_fault(text: str) -> str:
    start = time.monotonic()
    parsed = parse(text)
    assert time.monotonic() - start < 1
    assert len(parsed.faults) == 1, parsed.faults
    return parsed.faults[0].message


def value_of(text: str) -> object:
    parsed = parse(text)
    assert parsed.faults == ()
    return parsed.documents[0][1]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("12:30", "12:30"),
        ("2024-01-01", "2024-01-01"),
        ("1_000", "1_000"),
        ("0o17", 15),
        ("0x1F", 31),
        ("017", 17),
        ("-3", -3),
        ("+3", 3),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("true", True),
        ("FALSE", False),
        ("tRue", "tRue"),
        ("null", None),
        ("~", None),
        ("", None),
        ("'1'", "1"),
        ('"true"', "true"),
        ("!!str 1", "1"),
        ("- 1", [1]),
        ("9999-99-99", "9999-99-99"),
        ("0b1", "0b1"),
        ("1.", 1.0),
        ("n", "n"),
        ("=", "="),
        ("1.2.3", "1.2.3"),
        ("٣", "٣"),
    ],
)
def test_scalars_are_read_as_yaml_1_2_core(text: str, value: object) -> None:
    found = value_of(f"a: {text}" if text != "- 1" else "a:\n- 1")
    assert found == {"a": value}
    assert [type(v) for v in found.values()] == [type(value)]


@pytest.mark.parametrize("text", [".inf", "-.INF", ".nan", "1e999", "9" * 30, "9" * 5000, "0x" + "f" * 17])
def test_numbers_that_json_cannot_carry_are_refused(text: str) -> None:
    assert "a:" not in only_fault(f"a: {text}")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{" * 100_000,
        "{a: " * 100_000,
        "- " * 100_000,
        "? " * 100_000,
        "[" * 400 + "]" * 400,
        "\n".join(" " * n + "a:" for n in range(1000)),
    ],
)
def test_deep_nesting_is_refused(text: str) -> None:
    assert only_fault(text) == f"nested more than {MAX_DEPTH} levels deep"


def test_many_brackets_in_quotes_and_block_text_are_text() -> None:
    brackets = "[{" * 50_000
    assert value_of(f'a: "{brackets}"\nb: |\n  {brackets}\n') == {"a": brackets, "b": brackets + "\n"}


def test_depth_just_inside_the_limit_is_fine() -> None:
    assert parse("[" * MAX_DEPTH + "]" * MAX_DEPTH).faults == ()


def test_an_alias_bomb_is_refused() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
    assert "aliases expanded" in only_fault("\n".join(lines))


def test_a_long_text_aliased_often_is_refused() -> None:
    assert "aliases expanded" in only_fault(f"a: &a {'x' * 100_000}\nb: [{'*a, ' * 1000}]")


def test_a_million_values_are_refused() -> None:
    assert "more than" in only_fault("[" + "1," * 500_000 + "]")


def test_a_modest_alias_gives_the_value_that_it_names() -> None:
    assert value_of("a: &x {b: 1}\nc: *x") == {"a": {"b": 1}, "c": {"b": 1}}


@pytest.mark.parametrize("text", ["a: *x", "a: &x [*x]", "a: &x 1\n---\nb: *x"])
def test_an_unknown_or_recursive_alias_is_refused(text: str) -> None:
    assert only_fault(text) == "there is no anchor '&x' before this place"


def test_merge_keys_are_refused_and_a_merge_bomb_with_them() -> None:
    assert only_fault("<<: {a: 1}") == "merge keys (`<<`) are not supported"
    bomb = "a: &a {k: 1}\n" + "".join(
        f"{b}: &{b} {{<<: [*{a}, *{a}, *{a}]}}\n" for a, b in zip("abcdefg", "bcdefgh", strict=True)
    )
    assert {f.message for f in parse(bomb).faults} == {"merge keys (`<<`) are not supported"}


def test_a_doubled_key_names_both_places() -> None:
    fault = parse("a:\n  b: 1\n  b: 2").faults[0]
    assert fault.message == "key 'b' is given twice, first in line 2, column 3"
    assert (fault.place.line, fault.place.column, fault.place.end_column) == (3, 3, 4)


@pytest.mark.parametrize("text", ["1: a", "true: a", "null: a", "? [a]\n: b", "? {a: b}\n: c", "? a: b", "? "])
def test_a_key_must_be_text(text: str) -> None:
    assert only_fault(text) == "a key must be text"


@pytest.mark.parametrize(
    "tag", ["!foo", "!!python/object/apply:os.system", "!!python/name:os.system", "!!set", "!!binary", "!<x>"]
)
@pytest.mark.parametrize("value", ["x", "[x]", "{x: y}"])
def test_tags_are_refused(tag: str, value: str) -> None:
    assert "is not supported" in only_fault(f"a: {tag} {value}")


def test_tabs_as_indentation_get_a_hint() -> None:
    fault = parse("a:\n\tb: 1").faults[0]
    assert fault.place.line == 2
    assert fault.hint == "indent with spaces, not tabs"


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x7f", "\ufffe", "\ud800"])
def test_control_characters_are_refused_at_their_place(character: str) -> None:
    fault = parse(f"a: 1\nb: x{character}").faults[0]
    assert (fault.place.line, fault.place.column) == (2, 5)


def test_an_escaped_nul_is_refused() -> None:
    assert only_fault('a: "x\\0"') == "the text holds a NUL character"


@pytest.mark.parametrize(
    "text", ["a: [", 'a: "', "a: b: c", "a: @x", "%YAML 2.0\n---\na: 1", "a: %", "}", "a: 1\n b: 2", "&a &b c"]
)
def test_faults_of_grammar_are_told_once(text: str) -> None:
    assert only_fault(text).startswith("not YAML: ")


def test_documents_before_a_fault_are_kept() -> None:
    parsed = parse("a: 1\n---\nb: [\n---\nc: 1")
    assert parsed.documents == ((0, {"a": 1}),)
    assert len(parsed.faults) == 1


@pytest.mark.parametrize("text", ["", "# nothing", "---\n", "---\n---\n...\n", "\n\n"])
def test_empty_documents_are_nothing(text: str) -> None:
    assert parse(text) == Parsed((), ())


def test_empty_documents_keep_the_numbers_of_the_others() -> None:
    text = "---\n---\na: 1\n---\n---\nb: 2"
    (first, _), (second, _) = parse(text).documents
    assert place_of(text, first, ("a",)).line == 3
    assert place_of(text, second, ("b",)).line == 6


def test_places_of_keys_and_values() -> None:
    text = "spec:\n  tools:\n    - {type: x}\n    - type: 'yy'\n"
    value, key = (
        place_of(text, 0, ("spec", "tools", 1, "type")),
        place_of(text, 0, ("spec", "tools", 1, "type"), key=True),
    )
    assert (value.line, value.column, value.end_column) == (4, 13, 17)
    assert (key.line, key.column, key.end_column) == (4, 7, 11)


def test_a_path_that_is_not_there_gives_its_parent() -> None:
    text = "a:\n  b: {c: 1}\n"
    assert place_of(text, 0, ("a", "b", "x", "y")) == place_of(text, 0, ("a", "b"))
    assert place_of(text, 0, ("a", "b", "x"), key=True) == place_of(text, 0, ("a", "b"))
    assert place_of(text, 7, ("a",)).line == 1


def test_lines_end_as_libyaml_counts_them() -> None:
    assert [line_of("a\r\nb\rc\u2028d", n) for n in range(6)] == ["", "a", "b", "c", "d", ""]


def test_without_libyaml_the_values_are_the_same(monkeypatch: pytest.MonkeyPatch, example: str) -> None:
    with_c = parse(example)
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    assert parse(example) == with_c


@given(st.text(alphabet="ab:-[]{}&*!|>'\"%@#, \n\t<0.1~?", max_size=60))
def test_any_text_gives_values_or_faults(text: str) -> None:
    parsed = parse(text)
    assert parsed.faults or all(isinstance(index, int) for index, _ in parsed.documents)
    for fault in parsed.faults:
        assert fault.place.line >= 1
        assert fault.place.column >= 1


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from("abcdef"), json_values, min_size=1))
def test_json_is_yaml(value: object) -> None:
    import json

    assert value_of(json.dumps(value, ensure_ascii=False)) == value
