"""The OpenAPI document: valid, complete, and a judge of real answers."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import jsonschema_rs
import pytest
from live import live_server
from paper import Paper, events
from schemathesis.specs.openapi.definitions import OPENAPI_31
from starlette.routing import Mount, Route

from orchestrator.server.app import create_app
from orchestrator.server.dialects import DIALECTS, Dialect
from orchestrator.server.openapi import document
from orchestrator.server.operation import Operation
from orchestrator.server.routes import name, paths

DOCUMENT = document()


def inside(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value, however deep."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key, item
            yield from inside(item)
    elif isinstance(value, list):
        for item in value:
            yield from inside(item)


def operations() -> Iterator[tuple[str, str, Any]]:
    for path, verbs in DOCUMENT["paths"].items():
        yield from ((method, path, operation) for method, operation in verbs.items())


def test_the_document_is_openapi() -> None:
    complaints = [str(e) for e in jsonschema_rs.Draft202012Validator(OPENAPI_31).iter_errors(DOCUMENT)]
    assert complaints == []


def test_every_schema_is_json_schema_and_every_reference_leads_somewhere() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)
    named = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    used = {value for key, value in inside(DOCUMENT) if key == "$ref"}
    assert used == named


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.name)
def test_every_verb_is_described_in_the_contract_of_each_dialect(dialect: Dialect) -> None:
    verbs = {name(verb) for path in paths(dialect) for verb in path.verbs.values()}
    assert verbs == set(dialect.contract.operations)


def test_each_route_is_in_the_document_and_nothing_else() -> None:
    operation = Operation(None, None, None, None)  # type: ignore[arg-type]
    app = create_app(None, dialects=DIALECTS, more=operation.routes())  # type: ignore[arg-type]
    own = {(r.path, "GET") for r in app.routes if isinstance(r, Route)}
    served = {
        (dialect.base + path.template, method)
        for dialect in DIALECTS
        for path in paths(dialect)
        for method in path.verbs
    }
    mounted = {r.path for r in app.routes if isinstance(r, Mount)}
    assert mounted == {dialect.base for dialect in DIALECTS}
    assert {(path, method.upper()) for method, path, _ in operations()} == own | served


def test_every_operation_has_a_name_of_its_own_and_tells_what_it_does() -> None:
    ids = [operation["operationId"] for _, _, operation in operations()]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"\w+", name) for name in ids)
    assert all(len(operation["summary"]) > 8 for _, _, operation in operations())


def test_links_lead_from_an_assistant_to_the_steps_of_a_run() -> None:
    for dialect in DIALECTS:
        follow = {
            operation["operationId"]: {
                link["operationId"] for link in operation["responses"]["200"].get("links", {}).values()
            }
            for _, _, operation in operations()
        }
        way = ["create_assistant", "create_thread_and_run", "create_run", "list_steps", "get_step"]
        way = [f"{dialect.name}_{verb}" for verb in way]
        assert all(after in follow[before] for before, after in pairwise(way)), follow
        assert f"{dialect.name}_create_message" in follow[f"{dialect.name}_create_thread"]
        assert f"{dialect.name}_get_message" in follow[f"{dialect.name}_create_message"]


def test_the_document_is_served_and_printed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "orchestrator", "schema", "--api"]
    printed = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    assert json.loads(printed) == DOCUMENT
    with live_server(tmp_path) as live:
        assert httpx2.get(f"{live.url}/openapi.json", trust_env=False).json() == DOCUMENT


THREAD = {"id": "thread_1", "object": "thread", "created_at": 1, "metadata": {}}
THREAD["request_id"] = "c0f0b1de-96a4-4c43-8c46-3f2a52a3b1f4"


@pytest.mark.parametrize(
    ("status", "media", "body"),
    [
        (200, "application/json", {**THREAD, "created_at": "1"}),
        (200, "application/json", {**THREAD, "more": 1}),
        (200, "application/json", {k: v for k, v in THREAD.items() if k != "request_id"}),
        (200, "text/html", THREAD),
        (201, "application/json", THREAD),
        (500, "application/json", THREAD),
    ],
)
def test_an_answer_that_is_not_as_described_is_a_complaint(status: int, media: str, body: Any) -> None:
    paper = Paper(DOCUMENT)
    assert list(paper.complaints("POST", "/api/v1/threads", 200, "application/json", json.dumps(THREAD).encode())) == []
    assert list(paper.complaints("POST", "/api/v1/threads", status, media, json.dumps(body).encode()))


def test_an_event_that_is_not_as_described_is_a_complaint() -> None:
    paper = Paper(DOCUMENT)
    good = f"event:thread.created\ndata:{json.dumps(THREAD)}\n\n: keepalive\nevent:done\ndata:[DONE]\n\n".encode()
    bad = good.replace(b'"created_at": 1', b'"created_at": null')
    assert [event["event"] for event in events(good)] == ["thread.created", "done"]
    where = ("POST", "/api/v1/threads/runs", 200, "text/event-stream")
    assert list(paper.complaints(*where, good)) == []
    assert len(list(paper.complaints(*where, bad))) == 1
