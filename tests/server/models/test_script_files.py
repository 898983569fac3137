"""A script is read strictly; each complaint names its place."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.errors import ManifestsInvalid
from orchestrator.server.models.script import Script, load_script


def load(folder: Path, text: str | bytes) -> Script:
    path = folder / "demo.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_script(path)


def complaints(folder: Path, text: str | bytes) -> list[str]:
    with pytest.raises(ManifestsInvalid) as caught:
        load(folder, text)
    return [str(d).replace(str(folder) + "/", "") for d in caught.value.diagnostics]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "replies:\n  - wen: x\n    reply: y\n",
            ["demo.yaml:2:5: error MAN091: 'when' is missing", "demo.yaml:2:5: error MAN091: unknown key 'wen'"],
        ),
        (
            "repplies: []\n",
            [
                "demo.yaml:1:1: error MAN091: 'replies' is missing",
                "demo.yaml:1:1: error MAN091: unknown key 'repplies'",
            ],
        ),
        ("replies:\n  - {when: x, reply: 5}\n", ["demo.yaml:2:22: error MAN091: Input should be a valid string"]),
        ("replies:\n  - {when: 'a(', reply: r}\n", ["demo.yaml:2:12: error MAN091: not a regular expression"]),
        ("replies:\n  - {when: '(a+)+$', reply: r}\n", ["demo.yaml:2:12: error MAN091: a repetition inside"]),
        (
            "replies:\n  - {when: '(?P<output>a)', reply: r}\n",
            ["demo.yaml:2:12: error MAN091: the group name 'output'"],
        ),
        ("replies:\n  - {when: x}\n", ["demo.yaml:2:5: error MAN092: a rule needs"]),
        (
            "replies:\n  - {when: x, reply: '{output}'}\n",
            ["demo.yaml:2:22: error MAN093: unknown placeholder '{output}'"],
        ),
        (
            "replies:\n  - when: '(?P<city>x)'\n    reply: '{cty}'\n",
            ["demo.yaml:3:12: error MAN093: unknown placeholder '{cty}'"],
        ),
        (
            "replies:\n  - when: x\n    calls:\n      - {name: f, arguments: {a: ['{b}']}}\n",
            ["demo.yaml:4:30: error MAN093: unknown placeholder '{b}'"],
        ),
        ("replies:\n  - when: x\n    calls: [{name: f, arguments: '{output}'}]\n", ["demo.yaml:3:34: error MAN093"]),
        ("replies:\n  - when: x\n    calls: [{name: f, arguments: [1]}]\n", ["demo.yaml:3:34: error MAN091"]),
        (
            "replies:\n  - when: x\n    calls: [{name: f, args: {}}]\n",
            ["demo.yaml:3:23: error MAN091: unknown key 'args'"],
        ),
        ("replies:\n  - when: x\n    calls: [{name: 'a b'}]\n", ["demo.yaml:3:20: error MAN091"]),
        ("replies:\n  - when: x\n    when: y\n    reply: z\n", ["demo.yaml:3:5: error MAN091: 'when' is given twice"]),
        ("replies:\n  - when: x\n   reply: z\n", ["demo.yaml:3:4: error MAN090: not YAML"]),
        ("replies: [&a {when: x, reply: y}, *a]\n", ["demo.yaml:1:1: error MAN090: a script cannot use aliases"]),
        ("a: 1\n---\nb: 2\n", ["demo.yaml:2:1: error MAN090: not YAML"]),
        ("", ["demo.yaml:1:1: error MAN090: the script is empty"]),
        ("# nothing\n", ["demo.yaml:1:1: error MAN090: the script is empty"]),
        ("5\n", ["demo.yaml:1:1: error MAN091"]),
        (
            "? [a]\n: b\n",
            ["demo.yaml:1:1: error MAN091: 'replies' is missing", "demo.yaml:1:3: error MAN091: a key must be"],
        ),
        ("replies: !!python/name:os.system x\n", ["demo.yaml:1:10: error MAN091"]),
        (b"replies: \xff\n", ["demo.yaml:1:1: error MAN090: cannot read the script: it is not UTF-8"]),
        ("replies: \x00\n", ["demo.yaml:1:1: error MAN090: not YAML"]),
    ],
)
def test_a_wrong_script_is_refused_with_its_place(tmp_path: Path, text: str | bytes, says: list[str]) -> None:
    told = complaints(tmp_path, text)
    assert len(told) >= len(says)
    for line, beginning in zip(told, says, strict=False):
        assert line.startswith(beginning), told


def test_all_complaints_come_at_once_with_the_quoted_line(tmp_path: Path) -> None:
    told = complaints(tmp_path, "replies:\n  - {when: '{', calls: 5}\n  - {when: '(', reply: r}\n")
    assert [t.split(": ")[0] for t in told] == ["demo.yaml:2:24", "demo.yaml:3:12"]
    assert "  - {when: '(', reply: r}" in told[1]


def test_a_missing_file_is_a_complaint(tmp_path: Path) -> None:
    with pytest.raises(ManifestsInvalid, match="No such file"):
        load_script(tmp_path / "none.yaml")


def test_plain_scalars_are_read_as_yaml_1_2_does(tmp_path: Path) -> None:
    call = "{name: f, arguments: {a: no, b: 2026-10-01, c: 1:30, d: 0.5, e: true, f: ~, g: 7}}"
    assert load(tmp_path, f"replies: [{{when: x, calls: [{call}]}}]").replies[0].calls[0].filled({}) == (
        '{"a": "no", "b": "2026-10-01", "c": "1:30", "d": 0.5, "e": true, "f": null, "g": 7}'
    )


def test_a_script_may_have_no_rules(tmp_path: Path) -> None:
    assert load(tmp_path, "replies: []\n").replies == ()


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet="replies: -{}[]when'\n\"!&*?(+)x5\t#|>", max_size=60))
def test_any_text_is_a_script_or_a_complaint(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    with suppress(ManifestsInvalid):
        load(tmp_path_factory.getbasetemp(), text)
