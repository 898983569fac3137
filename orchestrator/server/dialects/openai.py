"""The dialect of OpenAI's Assistants API, version 2, as its `openai` SDK speaks it, under `/v1`."""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson

from orchestrator.server.dialects import openai_answers, openai_files, openai_requests
from orchestrator.server.dialects.contract import Contract
from orchestrator.server.dialects.dialect import Answers, Out, Requests
from orchestrator.server.dialects.frames import one_line
from orchestrator.server.dialects.openai_contract import CONTRACT
from orchestrator.server.dialects.uploads import Uploads
from orchestrator.server.records import Delta, Event
from orchestrator.wire.events import DONE, DONE_DATA, ERROR, MESSAGE_DELTA
from orchestrator.wire.faults import NO_FILE_SEARCH, Fault


@dataclass(frozen=True, slots=True)
class Openai:
    """Errors in an envelope with a status that tells, request ids in a header, seconds, null for what is absent."""

    name: str = "openai"
    base: str = "/v1"
    files: bool = False
    requests: Requests = openai_requests
    answers: Answers = openai_answers
    contract: Contract = field(default=CONTRACT, repr=False)
    uploads: Uploads = openai_files

    def nowhere(self, method: str, path: str) -> Fault:
        """The refusal of a path that this server does not have; of vector stores it is told that they are missing."""
        if path.startswith(f"{self.base}/vector_stores"):
            return Fault("unsupported", NO_FILE_SEARCH)
        return Fault("unknown_url", f"Invalid URL ({method} {path})")

    def telling(self, request_id: str) -> OpenaiTelling:
        """How it tells the events of one stream."""
        return OpenaiTelling()


class OpenaiTelling:
    """Frames as the vendor spells them, with the number from which the stream can be resumed."""

    def frame(self, event: Event) -> bytes:
        """The frame of an event."""
        return b"event: %b\nid: %d\ndata: %b\n\n" % (event.name.encode(), event.seq, _data(_payload(event)))

    def lost(self, message: str) -> bytes:
        """The frame that says that the stream cannot go on; the SDK raises it."""
        return b"event: %b\ndata: %b\n\n" % (ERROR.encode(), _data({"error": openai_answers.error(message)}))

    def end(self) -> bytes:
        """The last frame of a good stream."""
        return f"event: {DONE}\ndata: {DONE_DATA}\n\n".encode()


def _data(payload: Out) -> bytes:
    return one_line(orjson.dumps(payload, default=dict))


def _payload(event: Event) -> Out:
    subject = event.subject
    if not isinstance(subject, Delta):
        return openai_answers.record(subject)
    if event.name == MESSAGE_DELTA:
        return openai_answers.message_delta(subject)
    return openai_answers.step_delta(subject)
