"""Files of a folder: what is read, what is ignored, what is refused without being opened."""

from __future__ import annotations

import gc
import os
import socket
from pathlib import Path

import pytest

from orchestrator.manifests import Loaded, load
from orchestrator.manifests.files import MAX_FILES


def codes(loaded: Loaded) -> list[tuple[str, str]]:
    return [(d.code, d.span.file if d.span else "") for d in loaded.diagnostics]


def test_a_folder_that_does_not_exist_is_a_complaint(tmp_path: Path) -> None:
    (only,) = load(tmp_path / "none", {}).diagnostics
    assert (only.code, only.message) == ("MAN001", "there is no such folder")


def test_an_empty_folder_is_fine(folder) -> None:
    assert folder({}).diagnostics == ()


def test_files_are_found_in_sub_folders_and_hidden_ones_are_not(folder, assistant) -> None:
    loaded = folder(
        {
            "z.yml": assistant(name="z"),
            "b/c/a.yaml": assistant(name="a"),
            ".git/x.yaml": "[",
            ".x.yaml": "[",
            "n.txt": "[",
        }
    )
    assert list(loaded.assistants) == ["a", "z"]
    assert loaded.diagnostics == ()


def test_templates_are_read_by_their_path(folder) -> None:
    loaded = folder({"tone.md.j2": "Be kind.", "templates/x.j2": "{{ [ }}"})
    assert loaded.template_files == {"tone.md.j2": "Be kind.", "templates/x.j2": "{{ [ }}"}
    assert set(loaded.sources) == {"assistants.d/tone.md.j2", "assistants.d/templates/x.j2"}


def test_a_link_out_of_the_folder_is_refused(folder, tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text("password: hunter2")
    (tmp_path / "assistants.d").mkdir()
    (tmp_path / "assistants.d" / "a.yaml").symlink_to(tmp_path / "secret.yaml")
    loaded = folder({})
    assert codes(loaded) == [("MAN010", "assistants.d/a.yaml")]
    assert "hunter2" not in str(loaded.diagnostics) + str(loaded.sources)


@pytest.mark.parametrize(
    "target", ["/proc/self/environ", "/dev/zero", "/etc/passwd", "../../x.yaml", "a.yaml", "gone.yaml"]
)
def test_links_to_other_things_are_refused(folder, tmp_path: Path, target: str) -> None:
    (tmp_path / "assistants.d").mkdir()
    (tmp_path / "assistants.d" / "a.yaml").symlink_to(target)
    loaded = folder({})
    assert [file for _, file in codes(loaded)] == ["assistants.d/a.yaml"]
    assert loaded.sources == {}


def test_a_link_inside_the_folder_is_followed(folder, tmp_path: Path, assistant) -> None:
    (tmp_path / "assistants.d").mkdir()
    (tmp_path / "assistants.d" / "a.yaml").symlink_to("..data/a.yaml")
    loaded = folder({"..data/a.yaml": assistant()})
    assert list(loaded.assistants) == ["a"]


def test_a_link_to_a_folder_is_refused(folder, tmp_path: Path) -> None:
    (tmp_path / "assistants.d").mkdir()
    (tmp_path / "assistants.d" / "loop").symlink_to(".")
    assert codes(folder({})) == [("MAN010", "assistants.d/loop")]


def test_a_fifo_is_refused_and_not_waited_for(folder, tmp_path: Path) -> None:
    (tmp_path / "assistants.d").mkdir()
    os.mkfifo(tmp_path / "assistants.d" / "a.yaml")
    assert codes(folder({})) == [("MAN010", "assistants.d/a.yaml")]


def test_a_socket_is_refused(folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "assistants.d").mkdir()
    monkeypatch.chdir(tmp_path / "assistants.d")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("a.yaml")
        assert [file for _, file in codes(folder({}))] == ["assistants.d/a.yaml"]


def test_a_folder_named_like_a_manifest_is_a_folder(folder, assistant) -> None:
    assert list(folder({"x.yaml/a.yaml": assistant()}).assistants) == ["a"]


def test_a_huge_file_is_refused(folder) -> None:
    loaded = folder({"a.yaml": b"#" * (1 << 20) + b"#", "b.yaml": b"#" * (1 << 20)})
    assert codes(loaded) == [("MAN010", "assistants.d/a.yaml")]


def test_too_many_files_are_refused(folder, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_FILES >= 10_000
    monkeypatch.setattr("orchestrator.manifests.files.MAX_FILES", 2)
    assert codes(folder({"a.yaml": "", "b.yaml": "", "c.yaml": "", "d.yaml": ""})) == [
        ("MAN010", "assistants.d/c.yaml")
    ]


def test_bad_utf8_is_told_at_its_place(folder) -> None:
    (only,) = folder({"a.yaml": "a: ä\nb: ü".encode() + b"\xff\n"}).diagnostics
    assert (only.code, only.message, str(only.span)) == (
        "MAN001",
        "the byte 0xFF is not UTF-8",
        "assistants.d/a.yaml:2:5",
    )


def test_utf16_is_not_utf8(folder) -> None:
    assert codes(folder({"a.yaml": "a: 1".encode("utf-16")})) == [("MAN001", "assistants.d/a.yaml")]


def test_a_byte_order_mark_is_left_out(folder, assistant) -> None:
    assert list(folder({"a.yaml": b"\xef\xbb\xbf" + assistant().encode()}).assistants) == ["a"]


def test_an_unreadable_file_is_a_complaint(folder, tmp_path: Path) -> None:
    folder({"a.yaml": ""})
    (tmp_path / "assistants.d" / "a.yaml").chmod(0)
    expected = [] if os.geteuid() == 0 else [("MAN001", "assistants.d/a.yaml")]
    assert codes(folder({})) == expected


def test_the_garbage_collector_is_on_again_after_a_load(folder) -> None:
    folder({"a.yaml": "a: ["})
    assert gc.isenabled()


def test_a_folder_reached_through_a_link_is_fine(folder, tmp_path: Path, assistant) -> None:
    folder({"a.yaml": assistant()})
    (tmp_path / "link").symlink_to("assistants.d")
    assert list(load(tmp_path / "link", {}).assistants) == ["a"]
