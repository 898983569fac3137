"""Files in OpenAI's dialect on paper."""

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
    choice,
    closed,
    gives,
    integer,
    items,
    optional,
    takes,
)
from orchestrator.server.dialects.openai_files import LIMIT, PURPOSES
from orchestrator.wire.files import BYTES

ref = Names("openai")

_CONTENT: Schema = {"type": "string", "contentMediaType": BYTES}
_EXPIRY = {
    "expires_after[anchor]": {"const": "created_at"},
    "expires_after[seconds]": {"type": "string", "pattern": "^[0-9]{1,10}$"},
}

SCHEMAS: dict[str, Schema] = {
    "NewFile": {
        **takes({"file": _CONTENT, "purpose": choice(*PURPOSES)}, _EXPIRY),
        "dependentRequired": {"expires_after[anchor]": ["expires_after[seconds]"]},
    },
    "File": gives(
        {
            "id": NAME,
            "object": {"const": "file"},
            "bytes": COUNT,
            "created_at": COUNT,
            "expires_at": optional(COUNT),
            "filename": NAME,
            "purpose": NAME,
            "status": {"const": "processed"},
            "status_details": {"type": "null"},
        }
    ),
    "FileList": closed(
        gives(
            {
                "object": {"const": "list"},
                "data": items(closed(ref("File")), LIMIT),
                "first_id": optional(TEXT),
                "last_id": optional(TEXT),
                "has_more": {"type": "boolean"},
            }
        )
    ),
    "FileDeleted": closed(gives({"id": NAME, "object": {"const": "file"}, "deleted": {"const": True}})),
}

_PAGE = (
    Parameter(name="limit", schema={**integer(1, LIMIT), "default": LIMIT}, about="How many files at most."),
    Parameter(name="order", schema={**choice("asc", "desc"), "default": "desc"}, about="By creation."),
    Parameter(name="after", schema=TEXT, about="Begin behind the file with this id."),
    Parameter(name="purpose", schema=TEXT, about="Only files with this purpose."),
)

OPERATIONS: dict[str, Operation] = {
    "upload_file": Operation(takes={FORM: ref("NewFile")}, gives={JSON: closed(ref("File"))}),
    "list_files": Operation(gives={JSON: ref("FileList")}, parameters=_PAGE),
    "get_file": Operation(gives={JSON: closed(ref("File"))}),
    "delete_file": Operation(gives={JSON: ref("FileDeleted")}),
    "get_file_content": Operation(gives={"*/*": {}}, about="The content, as an attachment."),
}
