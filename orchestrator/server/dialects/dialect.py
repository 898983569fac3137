"""What a dialect of the Assistant API must be able to do: read requests, show records, refuse, and tell events.

Routes and streams are the same for all dialects; one more is one more file and one more line in `DIALECTS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from orchestrator.server.dialects.contract import Contract
from orchestrator.server.dialects.uploads import Uploads
from orchestrator.server.records import Event, Json, Record
from orchestrator.server.service.listing import Attached
from orchestrator.server.service.runs import NewRun, ToolOutput
from orchestrator.server.service.threads import NewMessage, NewThread
from orchestrator.wire.faults import Fault

Out = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer before it is bytes."""

    status: int
    body: Out
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class Requests(Protocol):
    """Reads request bodies, which are JSON objects. Each verb raises Fault: a field is missing or of a wrong type."""

    def workspace(self, headers: Mapping[str, str]) -> str | None:
        """The workspace that a request names, None: it names none. Header names in lower case."""
        ...

    def new_assistant(self, body: Json) -> dict[str, Any]:
        """The arguments of `Assistants.create`."""
        ...

    def assistant_changes(self, body: Json) -> dict[str, Any]:
        """The changes for `Assistants.update`."""
        ...

    def new_thread(self, body: Json) -> NewThread:
        """A thread and its first messages."""
        ...

    def thread_changes(self, body: Json) -> dict[str, Any]:
        """The changes for `Threads.update`."""
        ...

    def new_metadata(self, body: Json) -> Json | None:
        """The metadata of an update; None: it stays."""
        ...

    def new_message(self, body: Json) -> NewMessage:
        """A message."""
        ...

    def new_run(self, body: Json) -> NewRun:
        """A run, without its thread."""
        ...

    def new_thread_of_run(self, body: Json) -> NewThread:
        """The thread that is created together with a run."""
        ...

    def tool_outputs(self, body: Json) -> Sequence[ToolOutput]:
        """Outputs of the calls that a run waits for."""
        ...

    def file_id(self, body: Json) -> str:
        """The file that is to hang on an assistant."""
        ...

    def wants_stream(self, body: Json) -> bool:
        """Whether the answer is to be a stream."""
        ...


class Answers(Protocol):
    """Shows what the service gave back."""

    def record(self, r: Record) -> Out:
        """An assistant, thread, message, run or step."""
        ...

    def run_status(self, status: str) -> str:
        """What a run's status is called; several may bear one name."""
        ...

    def assistant_file(self, assistant_id: str, file: Attached) -> Out:
        """A file that hangs on an assistant."""
        ...

    def message_file(self, message_id: str, file: Attached) -> Out:
        """A file that hangs on a message."""
        ...

    def listed(self, items: Sequence[Out], has_more: bool) -> Out:
        """The envelope of every list."""
        ...

    def deleted(self, kind: str, id: str) -> Out:
        """The answer to a deletion. `kind`: assistant, thread, thread.message or assistant.file."""
        ...

    def signed(self, body: Out, request_id: str) -> Reply:
        """A good answer, with the request's id in the place where this dialect has it."""
        ...

    def refusal(self, fault: Fault, request_id: str) -> Reply:
        """The answer to a request that is not carried out."""
        ...


class Telling(Protocol):
    """One stream's events as frames of bytes; may remember what it told."""

    def frame(self, event: Event) -> bytes | None:
        """The frame of an event, with its number as `id:`; None: this dialect does not tell it."""
        ...

    def lost(self, message: str) -> bytes:
        """The frame that says that the stream cannot go on."""
        ...

    def end(self) -> bytes:
        """The last frame of a good stream."""
        ...


class Dialect(Protocol):
    """A dialect: its name, where its paths begin, and what it can do."""

    @property
    def name(self) -> str:
        """`dashscope`, say."""
        ...

    @property
    def base(self) -> str:
        """`/api/v1`, say."""
        ...

    @property
    def files(self) -> bool:
        """Whether it has lists of the files of assistants and messages."""
        ...

    @property
    def requests(self) -> Requests:
        """How it reads."""
        ...

    @property
    def answers(self) -> Answers:
        """How it shows."""
        ...

    @property
    def contract(self) -> Contract:
        """What its verbs take and give, on paper."""
        ...

    @property
    def uploads(self) -> Uploads:
        """How it speaks of files."""
        ...

    def nowhere(self, method: str, path: str) -> Fault:
        """The refusal of a path, or of a method there, that this server does not have."""
        ...

    def telling(self, request_id: str) -> Telling:
        """How it tells the events of one stream."""
        ...
