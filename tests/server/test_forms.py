"""Forms with files as bytes, cut anywhere: what is read does not depend on the cuts."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.server.forms import FIELD_BYTES, FIELDS, FILES, Form, read_form
from orchestrator.wire.faults import Fault

TYPE = "multipart/form-data; boundary=cut"


@dataclass
class Heap:
    """Takes a file's content."""

    name: str
    data: bytearray = field(default_factory=bytearray)

    async def add(self, piece: bytes) -> None:
        self.data += piece


async def heap(name: str) -> Heap:
    return Heap(name)


async def cut(body: bytes, sizes: Sequence[int]) -> AsyncIterator[bytes]:
    """The body in pieces of these sizes, and the rest."""
    for size in sizes:
        if body[:size]:
            yield body[:size]
        body = body[size:]
    if body:
        yield body


async def read(body: bytes, content_type: str = TYPE, sizes: Sequence[int] = ()) -> Form[Heap]:
    return await read_form(content_type, cut(body, sizes), heap)


def seen(form: Form[Heap]) -> list[tuple[str, str, bytes]]:
    return [(name, file.name, bytes(file.data)) for name, file in form.files]


def form(*parts: tuple[str, bytes], end: bytes = b"--cut--\r\n") -> bytes:
    """A form from dispositions and contents."""
    start = "--cut\r\nContent-Disposition: form-data; "
    return b"".join(f"{start}{head}\r\n\r\n".encode() + data + b"\r\n" for head, data in parts) + end


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=20)
NEAR_CUTS = st.lists(st.sampled_from([b"\r\n", b"--cut", b"--", b"\r", b"\r\n--cu", b"x"]), max_size=12).map(b"".join)


@settings(max_examples=100, deadline=None)
@given(
    files=st.lists(st.tuples(WORDS, st.binary(max_size=200)), max_size=3),
    fields=st.dictionaries(st.sampled_from(["purpose", "descriptions"]), WORDS),
    sizes=st.lists(st.integers(1, 60), max_size=40),
)
async def test_what_a_client_sends_arrives_however_it_is_cut(
    files: list[tuple[str, bytes]], fields: dict[str, str], sizes: list[int]
) -> None:
    if not files:
        return
    request = httpx2.Request("POST", "http://h/", data=fields, files=[("files", file) for file in files])
    found = await read(request.read(), request.headers["content-type"], sizes)
    assert seen(found) == [("files", name, data) for name, data in files]
    assert found.fields == {name: [value] for name, value in fields.items()}


@settings(max_examples=100, deadline=None)
@given(data=NEAR_CUTS, sizes=st.lists(st.integers(1, 9), max_size=30))
async def test_content_that_looks_like_the_end_of_a_part_is_content(data: bytes, sizes: list[int]) -> None:
    if b"\r\n--cut" in b"\r\n" + data:
        return
    assert seen(await read(form(('name="f"; filename="a"', data)), sizes=sizes)) == [("f", "a", data)]


@settings(max_examples=100, deadline=None)
@given(body=st.binary(max_size=300) | NEAR_CUTS, sizes=st.lists(st.integers(1, 30), max_size=20))
async def test_what_is_no_form_is_a_fault_and_nothing_else(body: bytes, sizes: list[int]) -> None:
    try:
        await read(b"--cut" + body, sizes=sizes)
    except Fault as fault:
        assert fault.kind in ("invalid", "too_large")  # noqa: PT017


@pytest.mark.parametrize(
    ("head", "name"),
    [
        ('name="f"; filename="库存.csv"', "库存.csv"),
        ("name=\"f\"; filename*=utf-8''%E5%BA%93.csv", "库.csv"),
        ('name="f"; filename="a%22b.txt"', 'a"b.txt'),
        ('name="f"; filename="a\\"b.txt"', 'a"b.txt'),
        ("name=f; filename=plain.txt", "plain.txt"),
        ('name="f"; filename=""', ""),
        ('name="f"; filename="../../x"', "../../x"),
        ('name="f"; filename="a\0b"', "a\0b"),
    ],
)
async def test_names_of_files_as_clients_write_them(head: str, name: str) -> None:
    assert seen(await read(form((head, b"x")))) == [("f", name, b"x")]


async def test_a_part_without_a_file_name_is_a_field() -> None:
    found = await read(form(('name="purpose"', b"assistants"), ('name="d"', b"1"), ('name="d"', b"2"), ("x", b"?")))
    assert found.fields == {"purpose": ["assistants"], "d": ["1", "2"], "": ["?"]}
    assert (found.one("purpose"), found.one("none"), found.files) == ("assistants", None, [])


@pytest.mark.parametrize(
    "content_type", ["", "application/json", "multipart/form-data", "multipart/form-data; boundary="]
)
async def test_a_form_must_say_that_it_is_one(content_type: str) -> None:
    with pytest.raises(Fault, match="must be a form"):
        await read(b"{}", content_type)


@pytest.mark.parametrize("part", [0.0, 0.3, 0.5, 0.9])
async def test_a_form_that_breaks_off_is_refused(part: float) -> None:
    body = form(('name="f"; filename="a"', b"x" * 1000))
    with pytest.raises(Fault, match="breaks off"):
        await read(body[: int(len(body) * part)])


@pytest.mark.parametrize(
    ("parts", "complaint"),
    [
        ([('name="f"; filename="a"', b"")] * (FILES + 1), "at most 32 files"),
        ([('name="f"', b"")] * (FIELDS + 1), "at most 64 fields"),
        ([('name="f"', b"x" * (FIELD_BYTES + 1))], "at most 16384 bytes"),
        ([(f'name="f"; {"x" * 9000}', b"")], "cannot be read"),
    ],
)
async def test_a_form_has_bounds(parts: list[tuple[str, bytes]], complaint: str) -> None:
    with pytest.raises(Fault, match=complaint):
        await read(form(*parts))


async def test_what_follows_the_end_is_ignored() -> None:
    assert seen(await read(form(('name="f"; filename="a"', b"x")) + b"epilogue")) == [("f", "a", b"x")]
