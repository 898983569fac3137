"""Streams in both framings, whole and cut, become the same events."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import CannotUnderstand
from orchestrator.runs import RunEvent
from orchestrator.targets.frames import Frames


def _read(text: str) -> list[RunEvent]:
    frames = Frames()
    events = [frames.feed(line) for line in text.split("\n")]
    return [event for event in (*events, frames.end()) if event]


EVENTS = [RunEvent(name="thread.run.created", data={"id": "r"}), RunEvent(name="thread.run.queued", data={"id": "r"})]


@pytest.mark.parametrize(
    "text",
    [
        'event:thread.run.created\ndata:{"id":"r"}\n\nevent:thread.run.queued\ndata:{"id":"r"}\n\n',
        'event: thread.run.created\ndata: {"id":"r"}\n\nevent: thread.run.queued\ndata: {"id":"r"}\n\n',
        'event:thread.run.created\ndata:{"id":"r"}\nevent:thread.run.queued\ndata:{"id":"r"}',
        (
            '\ufeffevent:thread.run.created\n: hello\nid: 1\ndata:{"id":\ndata:"r"}\n\n\n\n'
            'retry: 5\nevent:thread.run.queued\ndata:{"id":"r"}'
        ),
    ],
    ids=["vendor", "spaces", "no blank lines", "comments and cut data"],
)
def test_all_framings_mean_the_same(text: str) -> None:
    assert _read(text) == EVENTS


@pytest.mark.parametrize("end", ["event:done\ndata:[DONE]\n\n", "event: done\ndata: [DONE]\n\n", "data: [DONE]\n\n"])
def test_done_is_the_end_and_no_event(end: str) -> None:
    frames = Frames()
    assert {frames.feed(line) for line in end.split("\n")} == {None}
    assert frames.done


def test_an_event_that_is_cut_off_is_dropped() -> None:
    assert (
        _read('event:thread.run.created\ndata:{"id":"r"}\n\nevent:thread.run.completed\ndata:{"id":"r", "st')
        == EVENTS[:1]
    )


@pytest.mark.parametrize("data", ["[]", '"x"', "5", "{", "<html>"])
def test_data_that_is_no_object_is_not_understood(data: str) -> None:
    with pytest.raises(CannotUnderstand):
        _read(f"event:x\ndata:{data}\n\n")


@given(
    st.lists(
        st.tuples(st.from_regex(r"[a-z.]{1,9}", fullmatch=True), st.dictionaries(st.text(), st.text())), max_size=5
    )
)
def test_what_is_written_is_read(events: list[tuple[str, dict[str, str]]]) -> None:
    text = "".join(f"event:{name}\ndata:{json.dumps(data)}\n\n" for name, data in events if name != "done")
    assert [(e.name, e.data) for e in _read(text)] == [(n, d) for n, d in events if n != "done"]
