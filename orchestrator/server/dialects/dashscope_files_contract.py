"""Files in Model Studio's dialect on paper: an envelope of their own, and content that is no JSON."""

from __future__ import annotations

from orchestrator.server.dialects.contract import (
    COUNT,
    FORM,
    JSON,
    NAME,
    TEXT,
    Names,
    Operation,
    Parameter,
    Schema,
    closed,
    gives,
    integer,
    items,
    takes,
    text,
)
from orchestrator.server.forms import FILES
from orchestrator.wire.files import BYTES, DEFAULT_PURPOSE, DESCRIPTION_LENGTH, PURPOSE

ref = Names("dashscope")

_CONTENT: Schema = {"type": "string", "contentMediaType": BYTES}
_PURPOSE: Schema = {"type": "string", "pattern": f"^({PURPOSE.pattern})?$", "default": DEFAULT_PURPOSE}
_DAY: Schema = {"type": "string", "pattern": r"^[0-9-]{10} [0-9:]{8}$", "description": "In UTC."}

SCHEMAS: dict[str, Schema] = {
    "NewFiles": takes(
        {"files": items(_CONTENT, FILES, least=1)},
        {"descriptions": items(text(DESCRIPTION_LENGTH)), "purpose": _PURPOSE},
    ),
    "File": gives(
        {
            "file_id": NAME,
            "name": NAME,
            "description": TEXT,
            "size": COUNT,
            "md5": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
            "gmt_create": _DAY,
            "url": {"type": "string", "format": "uri"},
            "purpose": NAME,
        }
    ),
    "FilesUploaded": gives(
        {
            "uploaded_files": items(closed(gives({"name": NAME, "file_id": NAME})), FILES),
            "failed_uploads": items(closed(gives({"name": NAME, "code": NAME, "message": NAME})), FILES),
        }
    ),
    "FilePage": gives({"total": COUNT, "page_no": COUNT, "page_size": COUNT, "files": items(closed(ref("File")), 100)}),
}


def _wrapped(name: str) -> Schema:
    return closed(gives({"data": closed(ref(name))}), ref("Signed"))


_PAGE = (
    Parameter(name="page_no", schema={**integer(1, 1_000_000), "default": 1}, about="Number of the page, from 1."),
    Parameter(name="page_size", schema={**integer(1, 100), "default": 10}, about="How many files at most."),
    Parameter(name="purpose", schema=TEXT, about="Only files with this purpose."),
)

OPERATIONS: dict[str, Operation] = {
    "upload_file": Operation(
        takes={FORM: ref("NewFiles")},
        gives={JSON: _wrapped("FilesUploaded")},
        about="What was kept, and files for which the workspace has no room.",
    ),
    "list_files": Operation(gives={JSON: _wrapped("FilePage")}, parameters=_PAGE),
    "get_file": Operation(gives={JSON: _wrapped("File")}),
    "delete_file": Operation(gives={JSON: closed(ref("Signed"))}),
    "get_file_content": Operation(gives={"*/*": {}}, about="The content, as an attachment."),
}
