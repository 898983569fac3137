"""Bad input of every command: one clear message, the documented exit code, never a trace."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from shell import copy_examples, orchestrator

CASES = [
    (["plam"], 64, "did you mean 'plan'?"),
    (["plan", "--nope"], 64, "--nope"),
    (["plan", "--format", "xml"], 64, "xml"),
    (["plan", "-C", "/nowhere/at/all"], 64, "There is no folder"),
    (["-C", "/nowhere/at/all", "plan"], 64, "There is no folder"),
    (["schema", "more"], 64, "more"),
    (["version", "--nope"], 64, "--nope"),
    (["validate", "--nope"], 64, "--nope"),
    (["plan", "-e", "prodution"], 1, "did you mean 'production'?"),
    (["plan", "-e", "staging"], 1, "DASHSCOPE_API_KEY"),
    (["apply", "-e", "staging", "--yes"], 1, "DASHSCOPE_API_KEY"),
    (["drift", "-e", "staging"], 1, "DASHSCOPE_API_KEY"),
    (["destroy", "-e", "staging", "--yes"], 1, "DASHSCOPE_API_KEY"),
    (["render"], 64, "NAME"),
    (["render", "wether"], 64, "did you mean 'weather'?"),
    (["ask", "weather"], 64, "TEXT"),
    (["ask", "weather", " "], 64, "The question is empty."),
    (["ask", "wether", "Hello"], 64, "orchestrator apply"),
    (["ask", "asst_nobody", "Hello"], 1, "deleted or does not exist"),
    (["chat"], 64, "NAME"),
    (["serve", "--port", "99999"], 64, "99999"),
    (["serve", "--host", "not an address"], 64, "not an address"),
    (["serve", "--data", "plugins/weather.py"], 1, "cannot be used"),
    (["up", "--port", "x"], 64, "'x'"),
    (["apply", "--project", "x" * 200, "--yes"], 64, "can't be an owner"),
]


@pytest.mark.parametrize(
    ("arguments", "code", "words"), CASES, ids=lambda v: " ".join(v)[:40] if isinstance(v, list) else None
)
def test_it_is_told_in_a_sentence(arguments: list[str], code: int, words: str, tmp_path: Path) -> None:
    done = orchestrator(*arguments, cwd=copy_examples(tmp_path))
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == code
    assert len(done.stderr.strip().splitlines()) <= 4


def test_a_port_that_is_no_number_in_the_environment(tmp_path: Path) -> None:
    done = orchestrator("plan", cwd=copy_examples(tmp_path), ORCHESTRATOR_PORT="http")
    assert (done.returncode, "ORCHESTRATOR_PORT is 'http'" in done.stderr) == (64, True)


def test_a_target_that_is_not_there_is_named(tmp_path: Path) -> None:
    folder = copy_examples(tmp_path)
    more = {"DASHSCOPE_API_KEY": "canary-secret", "STAGING_URL": "http://127.0.0.1:9/api/v1"}
    done = orchestrator("plan", "-e", "staging", cwd=folder, **more)
    assert (done.returncode, "API001" in done.stderr, "127.0.0.1:9" in done.stderr) == (1, True, True)
    assert "canary-secret" not in done.stderr


def test_every_complaint_of_a_folder_comes_in_one_run(tmp_path: Path) -> None:
    folder = copy_examples(tmp_path)
    (folder / "assistants.d/bad.yaml").write_text(
        "apiVersion: orchestrator/v1\nkind: Assistant\nmetadata: {name: bad}\nspec:\n  model: m\n"
        "  tools:\n    - type: web_serch\n    - ref: get_forecst\n  instructions: Hi {{ nobody }}\n"
    )
    (folder / "plugins/broken.py").write_text("def f(:\n")
    done = orchestrator("validate", cwd=folder)
    assert done.returncode == 1
    for words in ("assistants.d/bad.yaml:7:13: error MAN006", "\nplugins/broken.py:1:", "PLG001"):
        assert words in done.stderr
    (folder / "assistants.d/bad.yaml").write_text(
        "apiVersion: orchestrator/v1\nkind: Assistant\nmetadata: {name: bad}\nspec:\n  model: m\n"
        "  tools:\n    - ref: get_forecst\n  instructions: |\n    Hi\n    {{ nobody }}\n"
    )
    told = orchestrator("validate", cwd=folder).stderr
    assert "bad.yaml:7:12: error MAN007" in told
    assert "bad.yaml:10:5: error MAN008: 'nobody' is undefined" in told


def test_a_schema_that_does_not_fit_names_both_places(tmp_path: Path) -> None:
    folder = copy_examples(tmp_path)
    with (folder / "assistants.d/weather.yaml").open("a") as file:
        file.write("  parameters: {type: object, properties: {town: {type: string}}}\n")
    told = orchestrator("validate", cwd=folder).stderr
    assert "assistants.d/weather.yaml:" in told
    assert "plugins/weather.py:" in told
    assert "town" in told


def test_a_function_that_is_not_there_is_found_at_plan_time(tmp_path: Path) -> None:
    folder = copy_examples(tmp_path)
    text = (folder / "assistants.d/weather.yaml").read_text()
    (folder / "assistants.d/weather.yaml").write_text(text.replace("weather.forecast #", "weather.forcast #"))
    done = orchestrator("plan", cwd=folder)
    assert (done.returncode, "did you mean 'weather.forecast'?" in done.stderr) == (1, True)


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    folder = copy_examples(tmp_path)
    status = os.system(f"cd {folder} && {os.sys.executable} -m orchestrator schema | head -1 > /dev/null")
    assert status == 0


def _validate(folder: Path, *arguments: str):
    done = orchestrator("validate", *arguments, cwd=folder)
    assert "Traceback" not in done.stderr
    assert done.returncode == 1
    return done.stderr


def test_a_reference_with_a_typo_is_told_at_its_place(tmp_path: Path) -> None:
    folder = copy_examples(tmp_path)
    path = folder / "assistants.d/weather.yaml"
    path.write_text(path.read_text().replace("ref: get_forecast", "ref: get_forecats"))
    assert "did you mean 'get_forecast'?" in _validate(folder)


def test_validate_looks_at_scripts_dialects_and_unused_templates(tmp_path: Path) -> None:
    folder = copy_examples(tmp_path)
    (folder / "models/demo.yaml").unlink()
    path = folder / "assistants.d/environments.yaml"
    path.write_text(path.read_text().replace("dialect: dashscope", "dialect: dashcope", 1))
    (folder / "assistants.d/unused.yaml").write_text(
        "apiVersion: orchestrator/v1\nkind: Template\nmetadata: {name: unused}\nspec: {body: '{% if'}\n"
    )
    told = _validate(folder)
    for words in ("cannot read the script", "did you mean 'dashscope'?", "unused.yaml:4:"):
        assert words in told


def test_a_script_that_is_a_fifo_or_lies_outside_is_refused_at_once(tmp_path: Path) -> None:
    folder = copy_examples(tmp_path)
    (folder / "models/demo.yaml").unlink()
    os.mkfifo(folder / "models/demo.yaml")
    assert "not a plain file" in _validate(folder)
    path = folder / "assistants.d/environments.yaml"
    path.write_text(path.read_text().replace("models/demo.yaml", "../outside.yaml", 1))
    assert "a script lies in the project's folder" in _validate(folder)


def test_what_a_plug_in_prints_does_not_mix_with_data(tmp_path: Path) -> None:
    folder = copy_examples(tmp_path)
    (folder / "plugins/loud.py").write_text(
        "from orchestrator import tool\nprint('AT IMPORT')\n@tool\ndef f() -> str:\n    return 'x'\n"
    )
    done = orchestrator("plan", "--format", "json", cwd=folder)
    assert done.stdout.startswith("{")
    assert "AT IMPORT" in done.stderr


def test_a_data_folder_that_is_a_file_is_told_as_that(tmp_path: Path) -> None:
    folder = copy_examples(tmp_path)
    (folder / ".orchestrator").write_text("")
    done = orchestrator("plan", cwd=folder)
    assert (done.returncode, "cannot be used" in done.stderr) == (1, True)
