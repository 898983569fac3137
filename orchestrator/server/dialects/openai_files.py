"""Files as OpenAI's Files API shows them: one file per upload, with a purpose; lists by cursors. Times are seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestrator.server.dialects.dialect import Out
from orchestrator.server.forms import Form
from orchestrator.server.records import File, Page
from orchestrator.server.service.files import Arriving, NewFile, Sheet, Uploaded, Wanted
from orchestrator.wire.faults import BAD_ORDER, invalid

most = 1

PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
LIMIT = 10_000  # files of a list, at most, and when nobody says how many


def new_files(form: Form[Arriving]) -> Sequence[NewFile]:
    """The one file of a form."""
    if [name for name, _ in form.files] != ["file"]:
        raise invalid("'file' must be given, as one file.", "file")
    purpose = form.one("purpose")
    if purpose not in PURPOSES:
        raise invalid(f"'purpose' must be one of {', '.join(PURPOSES)}.", "purpose")
    return [NewFile(arrived=form.files[0][1], purpose=purpose, seconds=_seconds(form))]


def wanted(query: Mapping[str, str]) -> Wanted:
    """A page by its cursor."""
    text, order = query.get("limit", str(LIMIT)), query.get("order", "desc")
    limit = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if not 1 <= limit <= LIMIT:
        raise invalid(f"Limit must be between 1 and {LIMIT}", "limit")
    if order not in ("asc", "desc"):
        raise invalid(BAD_ORDER, "order")
    page = Page(limit=limit, descending=order == "desc", after=query.get("after") or None)
    return Wanted(page=page, purpose=query.get("purpose") or None)


def uploaded(done: Uploaded, place: str) -> Out:
    """The file. Raises: Fault when there was no room for it."""
    for _, fault in done.refused:
        raise fault
    return file(done.files[0], place)


def file(file: File, place: str) -> Out:
    """One file."""
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.size,
        "created_at": file.created_at // 1000,
        "expires_at": None if file.expires_at is None else file.expires_at // 1000,
        "filename": file.name,
        "purpose": file.purpose,
        "status": "processed",
        "status_details": None,
    }


def files(sheet: Sheet, wanted: Wanted, place: str) -> Out:
    """Some files."""
    shown = [file(each, place) for each in sheet.files]
    ends = {"first_id": shown[0]["id"], "last_id": shown[-1]["id"]} if shown else {"first_id": None, "last_id": None}
    return {"object": "list", "data": shown, **ends, "has_more": sheet.has_more}


def deleted(file_id: str) -> Out:
    """The answer to a deletion."""
    return {"id": file_id, "object": "file", "deleted": True}


def _seconds(form: Form[Arriving]) -> int | None:
    """How long the file is to stay."""
    anchor, text = form.one("expires_after[anchor]"), form.one("expires_after[seconds]")
    if anchor is None and text is None:
        return None
    if anchor != "created_at" or text is None or not text.isascii() or not text.isdigit() or len(text) > 10:
        raise invalid("'expires_after' must have the anchor 'created_at' and a number of seconds.", "expires_after")
    return int(text)
