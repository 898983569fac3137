"""Keys from the command line, servers that start with and without any, and the folder's own commands among them."""

from __future__ import annotations

import json
import re
import socket
import stat
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
from shell import copy_examples, orchestrator, running

from orchestrator.errors import SettingsError
from orchestrator.server.access.issuing import Issuer
from orchestrator.server.models.directory import Directory
from orchestrator.server.running import running as served
from orchestrator.settings import Settings

KEY = re.compile(r"orch_([0-9A-Za-z]{12})_[0-9A-Za-z]{49}\n")


def listed(folder: Path) -> list[dict[str, Any]]:
    return json.loads(orchestrator("key", "list", "--format", "json", cwd=folder).stdout)["keys"]


def test_a_key_stands_alone_on_standard_output(tmp_path: Path) -> None:
    made = orchestrator("key", "create", "--workspace", "shop", "--name", "till 3", "--expires", "90d", cwd=tmp_path)
    found = KEY.fullmatch(made.stdout)
    assert found is not None
    assert made.returncode == 0
    assert found[0].strip() not in made.stderr
    assert "'shop'" in made.stderr
    (key,) = listed(tmp_path)
    assert (key["id"], key["workspace"], key["name"], key["state"]) == (found[1], "shop", "till 3", "live")
    assert key["expires_at"] > key["created_at"]
    table = orchestrator("-C", str(tmp_path), "key", "list", cwd=tmp_path.parent).stdout
    assert re.search(rf"^{found[1]} +shop +live +till 3 ", table, re.MULTILINE)
    assert found[0][18:] not in table


def test_limits_of_a_key_are_listed_and_a_revoked_one_can_be_forgotten(tmp_path: Path) -> None:
    limits = ("--rate", "600/m", "--burst", "5", "--concurrency", "3")
    made = json.loads(orchestrator("key", "create", *limits, "--format", "json", cwd=tmp_path).stdout)["key"]
    assert KEY.fullmatch(made["secret"] + "\n")
    assert made["limits"] == {"per_second": 10.0, "burst": 5, "runs": 3, "streams": 3}
    assert orchestrator("key", "forget", made["id"], cwd=tmp_path).returncode == 64
    assert orchestrator("key", "revoke", made["secret"], cwd=tmp_path).returncode == 0  # who only has the key itself
    assert [key["state"] for key in listed(tmp_path)] == ["revoked"]
    assert orchestrator("key", "forget", made["id"], cwd=tmp_path).returncode == 0
    assert listed(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["create", "--workspace", "a b"], "cannot be the name of a workspace"),
        (["create", "--expires", "soon"], "write a number and a unit"),
        (["create", "--expires", "0d"], "write a number and a unit"),
        (["create", "--rate", "10"], "such as 10/s"),
        (["create", "--rate", "0/s"], "such as 10/s"),
        (["create", "--concurrency", "0"], "--concurrency"),
        (["create", "--name", "x" * 101], "100 printable characters"),
        (["revoke", "nobody"], "no keys in"),
        (["revoke"], "Missing argument"),
        (["rotate"], "No such command"),
        ([], "Commands:"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(tmp_path: Path, arguments: list[str], words: str) -> None:
    done = orchestrator("key", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (64, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_server_that_runs_heeds_what_the_command_does_and_its_folder_is_private(tmp_path: Path) -> None:
    with running("serve", "--port", "0", cwd=tmp_path) as server, httpx2.Client(trust_env=False) as http:
        server._wait_for("(development mode)")
        url = f"{server.address}/api/v1/assistants"
        assert http.get(url).status_code == 200
        key = orchestrator("key", "create", cwd=tmp_path).stdout.strip()
        assert http.get(url, headers={"authorization": f"Bearer {key}"}).status_code == 200
        assert http.get(url).json()["code"] == "InvalidParameter"
        data = tmp_path / ".orchestrator"
        private = (data / "keys.pepper", data / "local.key")
        assert [stat.S_IMODE(file.stat().st_mode) for file in private] == [0o600, 0o600]
        local = {"authorization": f"Bearer {(data / 'local.key').read_text()}"}
        assert http.get(url, headers={**local, "x-dashscope-workspace": "any"}).status_code == 200
        assert orchestrator("key", "revoke", key[5:17], cwd=tmp_path).returncode == 0
        deadline = time.monotonic() + 5
        while http.get(url, headers={"authorization": f"Bearer {key}"}).status_code != 401:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert server.stop() == 0
    assert not (data / "local.key").exists()


def test_the_folders_own_commands_go_on_when_there_are_keys(tmp_path: Path) -> None:
    folder = copy_examples(tmp_path)
    key = orchestrator("key", "create", "--workspace", "elsewhere", cwd=folder).stdout.strip()
    before = orchestrator("plan", cwd=folder)
    assert before.stdout.splitlines()[-1].startswith("Plan: 3 to add")
    with running("up", "--port", "0", "--require-keys", cwd=folder) as up:
        assert "Applied: 3 added" in "".join(up.lines)
        assert orchestrator("ask", "weather", "Hello", cwd=folder).returncode == 0
        assert "3 unchanged" in orchestrator("apply", "--yes", cwd=folder).stdout
        assert orchestrator("usage", cwd=folder).returncode == 0
        url = f"{up.address}/api/v1/assistants"
        mine = httpx2.get(url, headers={"authorization": f"Bearer {key}"}, trust_env=False)
        assert mine.json()["data"] == []
        assert httpx2.get(url, trust_env=False).status_code == 400


@pytest.mark.parametrize("command", ["serve", "up"])
def test_where_others_reach_it_a_server_refuses_to_start_without_a_key(tmp_path: Path, command: str) -> None:
    folder = copy_examples(tmp_path)
    refused = orchestrator(command, "--port", "0", "--host", "0.0.0.0", cwd=folder)
    assert refused.returncode == 64
    assert f"orchestrator key create --workspace default --data {folder / '.orchestrator'}" in refused.stderr
    key = orchestrator("key", "create", cwd=folder).stdout.strip()
    with running(command, "--port", "0", "--host", "0.0.0.0", cwd=folder) as server:
        url = server.address.replace("0.0.0.0", "127.0.0.1") + "/api/v1/assistants"
        assert httpx2.get(url, headers={"authorization": f"Bearer {key}"}, trust_env=False).status_code == 200
        assert httpx2.get(url, trust_env=False).status_code == 400


# --- the start matrix, in this process

FAR = {"office.example": "10.1.2.3", "both.example": "127.0.0.1 192.168.0.7", "six.example": "2001:db8::1"}
NEAR = {"near.example": "127.0.0.1", "localhost": "127.0.0.1"}
REACHED = ["0.0.0.0", "::", "10.0.0.1", "169.254.1.1", "224.0.0.1", "::ffff:127.0.0.1", *FAR]
UNREACHED = ["127.0.0.1", "127.8.9.10", *NEAR]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {**FAR, **NEAR}
    look = socket.getaddrinfo

    def resolve(host: str, port: int, **more: Any) -> list[Any]:
        return [found for address in known.get(host, host).split(" ") for found in look(address, port, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


async def starts(folder: Path, host: str, *, require_keys: bool = False) -> bool:
    """Whether a server starts; it says what to do when it does not for want of a key."""
    settings = Settings.read({}, folder=folder, host=host, port=0, require_keys=require_keys)
    try:
        async with served(settings, models=Directory([])):
            return True
    except SettingsError as error:
        lacks_keys = "orchestrator key create" in str(error.hint)
        if not lacks_keys and "Cannot listen" not in error.message:
            raise
        return not lacks_keys  # else the keys were all right, and the address is none of this machine


def keys(folder: Path, state: str) -> None:
    issuer = Issuer(folder / ".orchestrator")
    if state != "none":
        made, _ = issuer.create("w", seconds=0 if state == "expired" else None)
        if state == "revoked":
            issuer.revoke(made.id)


@pytest.mark.anyio
@pytest.mark.parametrize("state", ["none", "live", "expired", "revoked"])
@pytest.mark.usefixtures("names")
async def test_it_starts_where_nobody_else_comes_or_where_a_key_lives(tmp_path: Path, state: str) -> None:
    keys(tmp_path, state)
    for host in REACHED:
        assert await starts(tmp_path, host) == (state == "live"), host
    for host in UNREACHED:
        assert await starts(tmp_path, host), host
        assert await starts(tmp_path, host, require_keys=True) == (state == "live"), host


def test_the_environment_can_demand_keys_too(tmp_path: Path) -> None:
    assert Settings.read({"ORCHESTRATOR_REQUIRE_KEYS": "1"}, folder=tmp_path).require_keys
    assert not Settings.read({"ORCHESTRATOR_REQUIRE_KEYS": "no"}, folder=tmp_path).require_keys
    with pytest.raises(SettingsError, match="neither yes nor no"):
        Settings.read({"ORCHESTRATOR_REQUIRE_KEYS": "perhaps"}, folder=tmp_path)
