"""Files as Model Studio's file service shows them, in an envelope of its own: `data` instead of a flat object.

Several files may come at once, with descriptions in the same order; those for which there is no room are told in
`failed_uploads` while the others are kept. Times are text, in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from orchestrator.server.dialects.dialect import Out
from orchestrator.server.forms import FILES, Form
from orchestrator.server.records import File, Page
from orchestrator.server.service.files import Arriving, NewFile, Sheet, Uploaded, Wanted
from orchestrator.wire.faults import invalid
from orchestrator.wire.files import DEFAULT_PURPOSE

most = FILES

_FIELDS = ("files", "file")
_PAGE, _PAGES = 10, 1_000_000  # files of a page that names no size; pages that may be asked for
_NO_ROOM = "BadRequest.TooLarge"


def new_files(form: Form[Arriving]) -> Sequence[NewFile]:
    """The files of a form; a description belongs to the file at its place."""
    wrong = [name for name, _ in form.files if name not in _FIELDS]
    if wrong or not form.files:
        raise invalid("'files' must be given, as one or more files." if not wrong else _stray(wrong[0]), "files")
    texts = form.fields.get("descriptions") or form.fields.get("description") or []
    purpose = form.one("purpose") or DEFAULT_PURPOSE
    return [
        NewFile(arrived=file, purpose=purpose, description=texts[place] if place < len(texts) else None)
        for place, (_, file) in enumerate(form.files)
    ]


def wanted(query: Mapping[str, str]) -> Wanted:
    """A page by its number."""
    number, size = _number(query, "page_no", 1, _PAGES), _number(query, "page_size", _PAGE, 100)
    return Wanted(page=Page(limit=size), number=number, purpose=query.get("purpose") or None)


def uploaded(done: Uploaded, place: str) -> Out:
    """What was kept, and what was not."""
    kept = [{"name": file.name, "file_id": file.id} for file in done.files]
    refused = [{"name": name, "code": _NO_ROOM, "message": str(fault)} for name, fault in done.refused]
    return {"data": {"uploaded_files": kept, "failed_uploads": refused}}


def file(file: File, place: str) -> Out:
    """One file."""
    return {"data": _shown(file, place)}


def files(sheet: Sheet, wanted: Wanted, place: str) -> Out:
    """One page of files, and how many there are in all."""
    shown = [_shown(file, place) for file in sheet.files]
    page = {"total": sheet.total, "page_size": wanted.page.limit, "page_no": wanted.number}
    return {"data": {**page, "files": shown}}


def deleted(file_id: str) -> Out:
    """Nothing but the request's id."""
    return {}


def _shown(file: File, place: str) -> Out:
    return {
        "file_id": file.id,
        "name": file.name,
        "description": file.description or "",
        "size": file.size,
        "md5": file.md5,
        "gmt_create": datetime.fromtimestamp(file.created_at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S"),
        "url": f"{place}/{file.id}/content",
        "purpose": file.purpose,
    }


def _number(query: Mapping[str, str], name: str, default: int, highest: int) -> int:
    text = query.get(name, str(default))
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if not 1 <= value <= highest:
        raise invalid(f"'{name}' must be a number from 1 to {highest}.", name)
    return value


def _stray(name: str) -> str:
    return f"A file came as '{name}'; files come as 'files'."
