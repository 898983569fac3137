"""Who is let in, to which workspace, and how often."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from gate_kit import house
from runs_kit import eventually

from orchestrator.errors import SettingsError, StoreError
from orchestrator.server.access import gate, keyring, pepper
from orchestrator.server.access.opening import Access
from orchestrator.server.access.quota import Quota
from orchestrator.server.access.secret import Secret, digest, make
from orchestrator.wire.faults import Fault

pytestmark = pytest.mark.anyio


async def refused(entering: Any) -> tuple[str, float | None]:
    with pytest.raises(Fault) as caught:
        await entering
    return caught.value.kind, caught.value.retry_after


async def test_without_keys_whoever_comes_says_which_workspace_he_means(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        for key in (None, "", "anything", make().text):
            assert (await h.enter(key)).workspace == "default"
            assert (await h.enter(key, "other")).workspace == "other"


async def test_a_key_opens_its_workspace_and_no_other(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        key = h.key("mine")
        assert (await h.enter(key)).workspace == (await h.enter(key, "mine")).workspace == "mine"
        assert (await h.enter(key)).key == h.ids[0]
        assert await refused(h.enter(key, "other")) == ("other_workspace", None)
        assert await refused(h.enter(key, "default")) == ("other_workspace", None)


async def test_the_first_key_locks_everybody_else_out_at_once(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await h.enter()
        key = h.key("mine")
        assert (await h.enter(key)).workspace == "mine"  # and not the default one, the moment after it was made
        assert await refused(h.enter()) == ("no_key", None)
        assert await refused(h.enter("anything")) == ("bad_key", None)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_may_be_written_in_any_case(tmp_path: Path, scheme: str) -> None:
    async with house(tmp_path) as h:
        key = h.key()
        assert (await h.enter(authorization=f"{scheme}  {key} ")).workspace == "w"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dTpw", "Token x"])
async def test_other_credentials_are_none(tmp_path: Path, header: str) -> None:
    async with house(tmp_path) as h:
        h.key()
        await h.keyring.look()
        assert await refused(h.enter(authorization=header)) == ("no_key", None)


async def test_wrong_keys_are_refused_alike(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        key = h.key()
        await h.keyring.look()
        other = make().text
        forged = _sealed(key[:18] + other[18:-6])
        for wrong in (key[:-1], key + "0", key.lower(), "sk-123", other, forged, f"Bearer {key}", "é", "x" * 5000):
            assert await refused(h.enter(wrong)) == ("bad_key", None)


async def test_a_key_dies_when_it_expires(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        key = h.key(seconds=60)
        await h.enter(key)
        h.time.now += 59_999
        await h.enter(key)
        h.time.now += 1
        assert await refused(h.enter(key)) == ("bad_key", None)


async def test_a_revoked_key_dies_with_the_next_look_and_the_door_stays_shut(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        key, other = h.key(), h.key()
        await h.enter(key)
        h.issuer.revoke(h.ids[0])
        await h.keyring.look()
        assert await refused(h.enter(key)) == ("bad_key", None)
        await h.enter(other)
        h.issuer.revoke(h.ids[1])
        await h.keyring.look()
        assert await refused(h.enter()) == ("no_key", None)
    async with house(tmp_path) as h:
        assert await refused(h.enter()) == ("no_key", None)


async def test_looks_are_taken_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "LOOK_SECONDS", 0.01)
    async with house(tmp_path) as h:
        h.key()

        async def required() -> bool:
            return h.keyring.required

        await eventually(required, bool, seconds=10)


async def test_when_the_last_key_is_forgotten_the_next_server_asks_for_none(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        key = h.key()
        await h.enter(key)
        with pytest.raises(SettingsError, match="still lives"):
            h.issuer.forget(h.ids[0])
        h.issuer.revoke(h.ids[0])
        h.issuer.forget(h.ids[0])
        await h.keyring.look()
        assert h.issuer.every() == []
        assert await refused(h.enter(key)) == ("bad_key", None)
    async with house(tmp_path) as h:
        await h.enter()


async def test_a_key_made_after_another_was_forgotten_is_seen(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.key()
        await h.keyring.look()
        h.issuer.revoke(h.ids[0])
        h.issuer.forget(h.ids[0])
        await h.enter(h.key())


async def test_the_operators_own_credential_opens_every_workspace(tmp_path: Path) -> None:
    async with house(tmp_path, Access(local="mine")) as h:
        h.key("w")
        await h.keyring.look()
        for workspace in (None, "w", "other"):
            guest = await h.enter("mine", workspace)
            assert (guest.workspace, guest.key) == (workspace or "default", None)
        assert await refused(h.enter("mine2")) == ("bad_key", None)


async def test_a_server_that_must_have_keys_does_not_start_without_a_living_one(tmp_path: Path) -> None:
    demanding = Access(demanded="Others reach it")
    with pytest.raises(SettingsError, match="Others reach it") as caught:
        async with house(tmp_path, demanding):
            pass
    assert "orchestrator key create" in str(caught.value.hint)
    async with house(tmp_path) as h:
        h.key(seconds=0)
        h.key()
        h.issuer.revoke(h.ids[1])
    with pytest.raises(SettingsError, match="no key lives"):
        async with house(tmp_path, demanding):
            pass
    async with house(tmp_path) as h:
        h.key()
    async with house(tmp_path, demanding) as h:
        assert await refused(h.enter()) == ("no_key", None)


async def test_keys_without_their_pepper_are_a_clear_error(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.key()
    (tmp_path / pepper.FILE).unlink()
    with pytest.raises(StoreError, match=pepper.FILE):
        async with house(tmp_path):
            pass


async def test_a_known_key_costs_no_look_into_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with house(tmp_path, Access(workspace=Quota())) as h:
        key = h.key(bounds={"per_second": 1e6})
        await h.enter(key)
        with monkeypatch.context() as closed:
            closed.setattr(h.store, "read", None)
            closed.setattr(h.store, "write", None)
            for _ in range(1000):
                await h.enter(key)


async def test_ten_thousand_wrong_keys_cost_next_to_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks, digests = 0, 0
    async with house(tmp_path) as h:
        known = h.key()
        await h.enter(known)
        read, matches = h.store.read, keyring.matches

        async def counted(unit: Any) -> Any:
            nonlocal looks
            looks += 1
            return await read(unit)

        def measured(*given: Any) -> bool:
            nonlocal digests
            digests += 1
            return matches(*given)

        monkeypatch.setattr(h.store, "read", counted)
        monkeypatch.setattr(keyring, "matches", measured)
        malformed = [f"sk-{n:040}" for n in range(4000)]
        unknown = [make().text for _ in range(4000)]
        forged = [_sealed(known[:18] + make().text[18:-6]) for _ in range(2000)]
        began = time.process_time()
        found = await asyncio.gather(*(refused(h.enter(key)) for key in malformed + unknown + forged))
        spent = time.process_time() - began
        monkeypatch.undo()
    assert set(found) == {("bad_key", None)}
    assert digests == 2000  # only where the key that was meant exists
    assert looks <= 10  # they are shared by all who wait
    assert spent < 5  # seconds of CPU on a busy machine, the test's own part included


async def test_last_uses_are_written_down_now_and_then_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path) as h:
        first, second = h.key(), h.key()
        await h.enter(first)
        h.time.now += 5
        await h.enter(first)
        assert await h.shows() == dict.fromkeys(h.ids)
        await h.keyring.note_uses()
        assert await h.shows() == {h.ids[0]: h.time.now, h.ids[1]: None}
        h.time.now += 5
        await h.enter(second)
        ids, now = h.ids, h.time.now
    async with house(tmp_path) as h:
        assert await h.shows() == {ids[0]: now - 5, ids[1]: now}


async def test_a_key_has_a_rate_and_a_burst_and_says_what_is_left(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        slow = h.key("a", bounds={"per_second": 0.01, "burst": 2})
        other = h.key("a")
        left = [(await h.enter(slow)).headers["x-ratelimit-remaining-requests"] for _ in range(2)]
        assert left == ["1", "0"]
        kind, wait = await refused(h.enter(slow))
        assert kind == "slow_down"
        assert wait is not None
        assert 95 < wait <= 100
        assert (await h.enter(other)).headers["x-ratelimit-limit-requests"] == "200"


async def test_keys_of_a_workspace_share_its_rate_and_other_workspaces_do_not(tmp_path: Path) -> None:
    async with house(tmp_path, Access(local="mine", workspace=Quota(per_second=0.01, burst=3))) as h:
        keys = [h.key("a") for _ in range(2)]
        for key in (*keys, keys[0]):
            await h.enter(key)
        for key in keys:
            assert (await refused(h.enter(key)))[0] == "slow_down"
        await h.enter(h.key("b"))
        for _ in range(10):
            await h.enter("mine", "a")


async def test_streams_are_bounded_for_a_key_and_for_a_workspace(tmp_path: Path) -> None:
    async with house(tmp_path, Access(workspace=Quota(streams=3))) as h:
        one, two = h.key("a", bounds={"streams": 2}), h.key("a", bounds={"streams": 2})
        sitting = [await h.enter(one), await h.enter(one), await h.enter(two)]
        for guest in sitting:
            guest.sit()
            guest.sit()
        for key in (one, two):
            guest = await h.enter(key)
            with pytest.raises(Fault) as caught:
                guest.sit()
            assert caught.value.kind == "slow_down"
            guest.leave()
        sitting[0].leave()
        sitting[0].leave()
        (await h.enter(two)).sit()
        assert len(h.gate.seats) == 3


async def test_without_keys_streams_are_not_counted(tmp_path: Path) -> None:
    async with house(tmp_path, Access(workspace=Quota(streams=1))) as h:
        for _ in range(5):
            (await h.enter()).sit()
        assert len(h.gate.seats) == 0


def _sealed(body: str) -> str:
    """A text with the right checksum."""
    from orchestrator.server.access import secret

    return body + secret._checksum(body)


def test_a_forged_key_has_the_right_form() -> None:
    from orchestrator.server.access.secret import read

    key = make().text
    forged = _sealed(key[:18] + make().text[18:-6])
    assert read(forged) == Secret(id=key[5:17], text=forged)
    assert digest(b"p", forged) != digest(b"p", key)
