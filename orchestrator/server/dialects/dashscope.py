"""The dialect of Alibaba Cloud Model Studio's Assistant API, as its `dashscope` SDK speaks it, under `/api/v1`."""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson

from orchestrator.server.dialects import dashscope_answers, dashscope_files, dashscope_requests
from orchestrator.server.dialects.contract import Contract
from orchestrator.server.dialects.dashscope_contract import CONTRACT
from orchestrator.server.dialects.dialect import Answers, Out, Requests
from orchestrator.server.dialects.frames import one_line
from orchestrator.server.dialects.uploads import Uploads
from orchestrator.server.records import Delta, Event
from orchestrator.wire.events import DONE, DONE_DATA, ERROR, MESSAGE_DELTA, run_event
from orchestrator.wire.faults import UNKNOWN_URL, Fault

_RENAMED = {run_event("incomplete"): run_event("failed")}  # the SDK does not know `incomplete` as an end


@dataclass(frozen=True, slots=True)
class Dashscope:
    """Flat errors, request ids in the body, milliseconds, 400 for what is missing."""

    name: str = "dashscope"
    base: str = "/api/v1"
    files: bool = True
    requests: Requests = dashscope_requests
    answers: Answers = dashscope_answers
    contract: Contract = field(default=CONTRACT, repr=False)
    uploads: Uploads = dashscope_files

    def nowhere(self, method: str, path: str) -> Fault:
        """The refusal of a path that this server does not have."""
        return Fault("unknown_url", UNKNOWN_URL)

    def telling(self, request_id: str) -> DashscopeTelling:
        """How it tells the events of one stream."""
        return DashscopeTelling(request_id)


class DashscopeTelling:
    """Frames without a space after the colon: the SDK's parser stumbles over `event: done`.

    `event:` comes first, as the vendor has it; then `id:`, from which a stream can be resumed, and which the SDK skips.
    """

    def __init__(self, request_id: str) -> None:
        self._request_id = request_id

    def frame(self, event: Event) -> bytes:
        """The frame of an event."""
        name = _RENAMED.get(event.name, event.name)
        return b"event:%b\nid:%d\ndata:%b\n\n" % (name.encode(), event.seq, self._data(_payload(event)))

    def lost(self, message: str) -> bytes:
        """The frame that says that the stream cannot go on."""
        data = self._data({"code": "InternalError", "message": message})
        return b"event:%b\ndata:%b\n\n" % (ERROR.encode(), data)

    def end(self) -> bytes:
        """The last frame of a good stream."""
        return f"event:{DONE}\ndata:{DONE_DATA}\n\n".encode()

    def _data(self, payload: Out) -> bytes:
        return one_line(orjson.dumps({**payload, "request_id": self._request_id}, default=dict))


def _payload(event: Event) -> Out:
    subject = event.subject
    if not isinstance(subject, Delta):
        return dashscope_answers.record(subject)
    if event.name == MESSAGE_DELTA:
        return dashscope_answers.message_delta(subject)
    return dashscope_answers.step_delta(subject)
