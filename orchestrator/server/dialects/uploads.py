"""How a dialect speaks of files: a part of what a dialect must be able to do, see `dialect.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from orchestrator.server.forms import Form
from orchestrator.server.records import File
from orchestrator.server.service.files import Arriving, NewFile, Sheet, Uploaded, Wanted


class Uploads(Protocol):
    """Reads uploads and shows files. `place` is the address of the list of files, for links."""

    @property
    def most(self) -> int:
        """How many files one upload may bring."""
        ...

    def new_files(self, form: Form[Arriving]) -> Sequence[NewFile]:
        """The files that a form brings. Raises: Fault."""
        ...

    def wanted(self, query: Mapping[str, str]) -> Wanted:
        """Which files of a list a query asks for. Raises: Fault."""
        ...

    def uploaded(self, done: Uploaded, place: str) -> dict[str, Any]:
        """The answer to an upload. Raises: Fault when this dialect cannot tell of half a success."""
        ...

    def file(self, file: File, place: str) -> dict[str, Any]:
        """One file."""
        ...

    def files(self, sheet: Sheet, wanted: Wanted, place: str) -> dict[str, Any]:
        """Some files."""
        ...

    def deleted(self, file_id: str) -> dict[str, Any]:
        """The answer to a deletion."""
        ...
