"""`serve` alone, with the models that it is told of."""

from typing import Any

import pytest
from model_upstream import KEY, Canned, upstream_thread
from shell import orchestrator, running

HI = b'data: {"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def answered(address: str, model: str) -> Any:
    """A run of an assistant with that model, by the vendor's SDK."""
    import dashscope

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dashscope, "base_http_api_url", f"{address}/api/v1")
        patch.setattr(dashscope, "api_key", "any")
        assistant = dashscope.Assistants.create(model=model)
        thread = dashscope.Threads.create(messages=[{"role": "user", "content": "hello"}])
        run = dashscope.Runs.create(thread.id, assistant_id=assistant.id)
        return dashscope.Runs.wait(run.id, thread_id=thread.id)


def test_a_server_without_any_manifest_answers_with_the_models_of_its_options(tmp_path) -> None:
    with (
        upstream_thread(Canned(pieces=[HI])) as model,
        running(
            "serve", "--port", "0", "--model", f"qwen-*=big@{model.url}", "--model-key-env", "K", cwd=tmp_path, K=KEY
        ) as server,
    ):
        assert answered(server.address, "qwen-plus").status == "completed"
        refused = answered(server.address, "gpt-4")
        assert server.stop() == 0
    assert (model.asked[0].body["model"], model.asked[0].headers["authorization"]) == ("big", f"Bearer {KEY}")
    assert refused.status == "failed"
    assert "No model is configured for the name 'gpt-4'" in refused.last_error["message"]
    said = "".join(server.lines + server.rest())
    assert f"Model: qwen-* → {model.url} as big." in said
    assert "offline" not in said
    assert KEY not in said


def test_the_models_of_the_chosen_environment_stand_behind_those_of_the_options(tmp_path) -> None:
    (tmp_path / "assistants.d").mkdir()
    (tmp_path / "models.yaml").write_text("replies: [{when: hello, reply: scripted}]\n")
    (tmp_path / "assistants.d" / "e.yaml").write_text(
        "apiVersion: orchestrator/v1\nkind: Environment\nmetadata: {name: local}\n"
        "spec: {models: [{match: '*', script: models.yaml}]}\n"
    )
    with (
        upstream_thread(Canned(pieces=[HI])) as model,
        running("serve", "--port", "0", "-e", "local", cwd=tmp_path, ORCHESTRATOR_MODELS=f"a={model.url}") as server,
    ):
        assert answered(server.address, "a").status == "completed"
        assert answered(server.address, "b").status == "completed"
        assert server.stop() == 0
    assert len(model.asked) == 1
    assert "Model: * → the offline model, script models.yaml." in "".join(server.rest())


def test_nothing_configured_is_said_plainly(tmp_path) -> None:
    with running("serve", "--port", "0", cwd=tmp_path) as server:
        assert answered(server.address, "m").status == "completed"
        assert server.stop() == 0
    said = "".join(server.rest())
    assert "Model: * → the offline model." in said
    assert "No real model is configured: name one with serve --model" in said


def test_options_that_make_no_sense_are_refused_before_anything_begins(tmp_path) -> None:
    for wrong in (["--model", "qwen"], ["--model-key-env", "K"], ["--model", "http://h/v1", "--model-key-env", "K"]):
        done = orchestrator("serve", "--port", "0", *wrong, cwd=tmp_path)
        assert done.returncode == 64, done.stderr
        assert "error SET001" in done.stderr
    assert not (tmp_path / ".orchestrator").exists()
