"""From a folder of files to assistants that answer, with a Python function; and the dashscope SDK against it."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from shell import Running, copy_examples, orchestrator, running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_examples(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def up(folder: Path) -> Iterator[Running]:
    with running("up", "--port", "0", cwd=folder) as server:
        yield server


def test_up_says_what_it_did_and_how_to_talk_to_it(up: Running) -> None:
    told = "".join(up.lines)
    assert "Applied: 3 added, 0 changed, 0 deleted." in told
    assert "Functions: orders.status, weather.forecast." in told


def test_ask_prints_the_forecast_and_shows_the_call(up: Running, folder: Path) -> None:
    done = orchestrator("ask", "weather", '/call get_forecast {"city": "Hangzhou"}', cwd=folder)
    assert (done.returncode, done.stdout.startswith("[offline model] Hangzhou, day 1: ")) == (0, True)
    assert '→ get_forecast({"city": "Hangzhou"})' in done.stderr


def test_the_vendors_painter_draws_a_cat_as_far_as_it_can(up: Running, folder: Path) -> None:
    done = orchestrator("ask", "painter", "Draw a cat", cwd=folder)
    assert done.returncode == 0
    assert "The tool 'text_to_image' is not available on this server." in done.stdout


def test_a_wrong_argument_becomes_an_output_that_the_model_can_read(up: Running, folder: Path) -> None:
    done = orchestrator("ask", "weather", '/call get_forecast {"town": 3}', cwd=folder)
    assert done.returncode == 0
    assert "bad_arguments" in done.stdout
    assert "city" in done.stdout


def test_chat_keeps_to_one_thread_and_ends_with_its_input(up: Running, folder: Path) -> None:
    done = orchestrator("chat", "support", cwd=folder, stdin="Hello\n\nWhere is order A-17?\n")
    assert done.returncode == 0
    assert "Hello" in done.stdout.splitlines()[0]
    assert '"status":"packed"' in done.stdout.splitlines()[1]


def test_plan_against_the_running_server_is_empty(up: Running, folder: Path) -> None:
    done = orchestrator("plan", "--detailed-exitcode", cwd=folder)
    assert (done.returncode, done.stdout.strip()) == (
        0,
        "Plan: 0 to add, 0 to change, 0 to delete, 0 drifted, 3 unchanged.",
    )


def test_a_second_up_on_the_same_folder_says_who_has_it(up: Running, folder: Path) -> None:
    done = orchestrator("up", "--port", "0", cwd=folder)
    assert done.returncode == 1
    assert f"process {up.process.pid}" in done.stderr


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_dashscope_sdk_runs_a_function_that_a_manifest_binds(up: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    import dashscope

    monkeypatch.setattr(dashscope, "base_http_api_url", f"{up.address}/api/v1")
    monkeypatch.setattr(dashscope, "api_key", "any")
    (weather,) = [a for a in dashscope.Assistants.list().data if a.name == "Weather guide"]
    thread = dashscope.Threads.create()
    dashscope.Messages.create(thread.id, content="weather in Hangzhou")
    run = dashscope.Runs.create(thread.id, assistant_id=weather.id)
    run = dashscope.Runs.wait(run.id, thread_id=thread.id, timeout_seconds=20)
    assert run.status == "completed"
    newest = dashscope.Messages.list(thread.id).data[0]
    assert "Hangzhou, day 1" in newest.content[0].text.value
    steps = dashscope.Steps.list(run.id, thread_id=thread.id).data
    assert [s.type for s in steps] == ["message_creation", "tool_calls"]


def test_an_application_cannot_borrow_a_function_that_no_manifest_gave_its_assistant(up: Running) -> None:
    import httpx2

    tool = {"type": "function", "function": {"name": "get_forecast", "parameters": {"type": "object"}}}
    with httpx2.Client(base_url=f"{up.address}/api/v1", trust_env=False) as http:
        assistant = http.post("/assistants", json={"model": "m", "tools": [tool]}).json()["id"]
        message = {"role": "user", "content": '/call get_forecast {"city": "x"}'}
        body = {"assistant_id": assistant, "thread": {"messages": [message]}, "stream": True}
        events = http.post("/threads/runs", json=body).text
    assert "event:thread.run.requires_action" in events


def test_up_ends_with_zero_on_a_signal_and_serves_the_same_data_again(tmp_path: Path) -> None:
    folder = copy_examples(tmp_path)
    with running("up", "--port", "0", cwd=folder) as first:
        assert first.stop() == 0
    with running("up", "--port", "0", cwd=folder) as second:
        assert "0 to add, 0 to change, 0 to delete, 0 drifted, 3 unchanged" in "".join(second.lines)


def test_after_kill_nine_up_comes_back_with_everything(tmp_path: Path) -> None:
    folder = copy_examples(tmp_path)
    with running("up", "--port", "0", cwd=folder) as first:
        assert orchestrator("ask", "weather", "Hello", cwd=folder).returncode == 0
        first.process.send_signal(signal.SIGKILL)
        first.process.wait(timeout=10)
    planned = orchestrator("plan", "--format", "json", cwd=folder)
    assert json.loads(planned.stdout)["summary"]["unchanged"] == 3
