"""Keys as text, and the pepper that makes the table of keys useless without its file."""

import re
import stat
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from orchestrator.errors import StoreError
from orchestrator.server.access import pepper
from orchestrator.server.access.issuing import Issuer
from orchestrator.server.access.secret import digest, make, matches, read

KEY = re.compile(r"orch_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}")


def test_a_key_is_one_word_that_scanners_find_and_no_two_are_alike() -> None:
    keys = [make() for _ in range(100)]
    assert all(KEY.fullmatch(key.text) and key.text[5:17] == key.id for key in keys)
    assert len({key.text for key in keys}) == len({key.id for key in keys}) == 100
    assert all(read(key.text) == key for key in keys)


def test_a_key_does_not_show_itself() -> None:
    key = make()
    assert key.text not in repr(key)


@given(st.integers(0, 66), st.characters(codec="ascii"))
def test_a_mistyped_character_is_noticed(place: int, other: str) -> None:
    text = make().text
    assume(text[place] != other)
    assert read(text[:place] + other + text[place + 1 :]) is None


@given(st.integers(0, 65))
def test_two_characters_in_the_wrong_order_are_noticed(place: int) -> None:
    text = make().text
    swapped = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    assert read(swapped) is None or swapped == text


@given(st.text())
def test_no_other_text_is_a_key(text: str) -> None:
    assert read(text) is None


def test_a_digest_tells_nothing_without_its_pepper() -> None:
    key = make().text
    kept = digest(b"one", key)
    assert matches(b"one", key, kept)
    assert not matches(b"two", key, kept)
    assert not matches(b"one", make().text, kept)
    assert key not in kept


def test_the_pepper_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    assert pepper.load(tmp_path) is None
    first = pepper.load_or_make(tmp_path)
    assert len(first) == 32
    assert pepper.load_or_make(tmp_path) == pepper.load(tmp_path) == first
    assert stat.S_IMODE((tmp_path / pepper.FILE).stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == [pepper.FILE]


def test_whoever_comes_second_takes_the_pepper_of_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = pepper.load_or_make(tmp_path)
    looks, load = iter([None]), pepper.load
    monkeypatch.setattr(pepper, "load", lambda data: next(looks) if looks.__length_hint__() else load(data))
    assert pepper.load_or_make(tmp_path) == mine
    assert [file.name for file in tmp_path.iterdir()] == [pepper.FILE]


def test_the_database_is_for_its_owner_alone_even_in_an_open_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    Issuer(tmp_path).create("w")
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert modes == {"server.db": 0o600, pepper.FILE: 0o600, "lock": 0o600}


@pytest.mark.parametrize("text", ["", "ab", "x" * 64, "ab" * 33])
def test_a_damaged_pepper_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / pepper.FILE).write_text(text)
    with pytest.raises(StoreError) as caught:
        pepper.load_or_make(tmp_path)
    assert "backup" in str(caught.value.hint)
