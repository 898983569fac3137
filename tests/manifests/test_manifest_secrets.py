"""Secrets: only places in manifests, found late, never shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.errors import ManifestsInvalid
from orchestrator.manifests import SecretPlace, load_text, resolve, select

CANARY = "sk-canary0123456789"
HEAD = "apiVersion: orchestrator/v1\nkind: Environment\nmetadata: {name: prod}\nspec:\n"


def env(name: str) -> SecretPlace:
    return SecretPlace.model_validate({"fromEnv": name})


def file(path: str) -> SecretPlace:
    return SecretPlace.model_validate({"fromFile": path})


@pytest.mark.parametrize(
    "text",
    [
        HEAD + f"  target: {{dialect: d, baseUrl: https://x.example, apiKey: {CANARY}}}",
        HEAD + f"  target:\n    dialect: d\n    baseUrl: https://x.example\n    apiKey:\n      {CANARY}",
        HEAD + f"  target: {{dialect: d, baseUrl: https://x.example, apiKey: {{fromEnv: {CANARY}}}}}",
        HEAD + f"  target: {{dialect: d, baseUrl: https://x.example, apiKey: {{from: {CANARY}}}}}",
        HEAD + f"  target: {{dialect: d, baseUrl: https://x.example, apiKey: [{CANARY}]}}",
        HEAD + f"  target: {{dialect: d, apiKey: {CANARY}, baseUrl: nonsense}}",
        HEAD + f"  target: {{apiKey: {CANARY}, apiKey: {CANARY}}}",
        HEAD + f"  target: {{apiKey: {CANARY}",
        HEAD + "  target: {apiKey: 'canary\n  : [",
        HEAD + f"  models: [{{match: a, baseUrl: https://x.example, apikey: {CANARY}}}]",
        "apiVersion: orchestrator/v1\nkind: Plugin\nmetadata: {name: a}\n"
        f"spec: {{hosted: {{id: p, auth: {{userToken: {CANARY}}}}}}}",
    ],
)
def test_a_secret_in_a_manifest_is_refused_and_never_shown(text: str) -> None:
    placed, found = load_text(text, {})
    assert placed == []
    shown = "".join(str(d) + repr(d) + str(d.as_json()) for d in found)
    assert found
    assert "canary" not in shown.lower()


def test_a_secret_from_the_environment() -> None:
    assert resolve(env("KEY"), {"KEY": CANARY}, Path()).get_secret_value() == CANARY
    assert CANARY not in repr(resolve(env("KEY"), {"KEY": CANARY}, Path()))


def test_a_secret_from_a_file_loses_one_line_break(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(CANARY + "\n\n")
    assert resolve(file("key"), {}, tmp_path).get_secret_value() == CANARY + "\n"
    assert resolve(file(str(tmp_path / "key")), {}, Path()).get_secret_value() == CANARY + "\n"


def test_a_missing_or_empty_secret_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "bytes").write_bytes(b"\xff")
    os.mkfifo(tmp_path / "fifo")
    for place in (env("NONE"), env("EMPTY"), file("none"), file("empty"), file("bytes"), file("fifo"), file(".")):
        with pytest.raises(ManifestsInvalid, match="MAN009"):
            resolve(place, {"EMPTY": ""}, tmp_path)


def test_loading_and_selecting_need_no_secret(folder, example: str) -> None:
    loaded = folder({"a.yaml": example})
    selected = select(loaded, "production", {"KEY": CANARY})
    assert selected.environment.value.spec.target.api_key == env("KEY")
    assert CANARY not in repr(selected) + repr(loaded)
