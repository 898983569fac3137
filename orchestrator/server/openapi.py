"""The OpenAPI document of the whole server, made from the map of paths and from what each dialect says of itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from orchestrator.server.dialects import DIALECTS
from orchestrator.server.dialects.contract import JSON, Contract, Operation, Parameter, Refused, Schema
from orchestrator.server.dialects.dialect import Dialect
from orchestrator.server.dialects.extensions import KEY, REPLAYED
from orchestrator.server.links import PRODUCES, Link, links
from orchestrator.server.routes import Path, name, paths, summary

VERSION = "3.1.0"
DISTRIBUTION = "assistant-orchestrator"
UNDESCRIBED = Operation(gives={"*/*": {}})  # of a verb that a dialect's contract forgot; a test sees to it

_ABOUT = (
    "The Assistant API, in each of its dialects below a base of its own; one server, one set of assistants, threads "
    "and runs. A request body is JSON of at most 1 MiB, nested at most 64 deep, unless it says otherwise."
)
_READINESS = {
    "type": "object",
    "required": ["status"],
    "properties": {
        "status": {"enum": ["ready", "unready"]},
        "reasons": {"type": "array", "items": {"type": "string"}},
    },
}
_ID = re.compile(r"\{(\w+)\}")


def document(dialects: Sequence[Dialect] = DIALECTS, *, guarded: bool = False) -> Schema:
    """The document, as JSON. `guarded`: the server has keys, so that nobody comes in without one."""
    return {
        "openapi": VERSION,
        "info": {"title": "orchestrator", "version": version(DISTRIBUTION), "description": _ABOUT},
        "paths": {**_root(), **{path: verbs for dialect in dialects for path, verbs in _paths(dialect)}},
        "components": {
            "schemas": {
                f"{dialect.name}.{named}": schema
                for dialect in dialects
                for named, schema in dialect.contract.schemas.items()
            },
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}, *([] if guarded else [{}])],
        "tags": [{"name": dialect.name} for dialect in dialects],
    }


def _root() -> Schema:
    """What is there for whoever operates the server."""
    good = {"description": "The server is there.", "content": {JSON: {"schema": {"type": "object"}}}}
    ready = {"description": "It takes on work.", "content": {JSON: {"schema": _READINESS}}}
    unready = {"description": "It does not; the reasons are given.", "content": {JSON: {"schema": _READINESS}}}
    counts: Schema = {
        "description": "In the text format of Prometheus.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
    itself = {"description": "This document.", "content": {JSON: {"schema": {"type": "object"}}}}
    return {
        "/healthz": {"get": _plain("healthz", "Whether the server is there", good)},
        "/readyz": {"get": _plain("readyz", "Whether the server takes on work", ready, {"503": unready})},
        "/metrics": {"get": _plain("metrics", "What the server counts", counts)},
        "/openapi.json": {"get": _plain("openapi", "This document", itself)},
    }


def _plain(name: str, about: str, answer: Schema, others: Schema | None = None) -> Schema:
    return {"operationId": name, "summary": about, "security": [], "responses": {"200": answer, **(others or {})}}


def _paths(dialect: Dialect) -> Iterator[tuple[str, Schema]]:
    """Every path of a dialect, with what its methods do."""
    needs = {name(verb): _ids(path) for path in paths(dialect) for verb in path.verbs.values()}
    for path in paths(dialect):
        template = dialect.base + path.template
        yield template, {method.lower(): _verb(dialect, path, method, needs) for method in path.verbs}


def _ids(path: Path) -> frozenset[str]:
    """The ids that a path names."""
    return frozenset(_ID.findall(path.template))


def _verb(dialect: Dialect, path: Path, method: str, needs: Mapping[str, frozenset[str]]) -> Schema:
    """One verb of a path."""
    verb, keyed = path.verbs[method], method == "POST"
    contract, named, ids = dialect.contract, name(verb), _ids(path)
    operation = contract.operations.get(named, UNDESCRIBED)
    follow = list(_links(contract, named, needs))
    return {
        "operationId": _operation_id(dialect, named),
        "summary": summary(verb),
        "tags": [dialect.name],
        "parameters": [*map(_id, sorted(ids)), *map(_parameter, _parameters(contract, operation, keyed))],
        **_request(operation),
        "responses": {
            "200": _good(dialect, operation, follow, keyed),
            **{
                str(status): _refusal(contract, refused)
                for status, refused in contract.refusals.items()
                if _may(refused, operation, ids, keyed)
            },
        },
    }


def _operation_id(dialect: Dialect, named: str) -> str:
    return f"{dialect.name}_{named}"


def _links(contract: Contract, named: str, needs: Mapping[str, frozenset[str]]) -> Iterator[Link]:
    produced = contract.produces.get(named, PRODUCES.get(named, {}))
    return links(named, produced, needs)


def _may(refused: Refused, operation: Operation, ids: frozenset[str], keyed: bool) -> bool:
    """Whether an operation may be refused so."""
    if refused.keyed and not keyed:
        return False
    return (bool(operation.takes) or not refused.posts) and (bool(ids or operation.takes) or not refused.ids)


def _parameters(contract: Contract, operation: Operation, keyed: bool) -> Iterator[Parameter]:
    yield from operation.parameters
    if keyed:
        yield KEY
    yield from contract.headers


def _request(operation: Operation) -> Schema:
    if not operation.takes:
        return {}
    content = {media: {"schema": schema} for media, schema in operation.takes.items()}
    return {"requestBody": {"required": operation.needed, "content": content}}


def _good(dialect: Dialect, operation: Operation, follow: Sequence[Link], keyed: bool) -> Schema:
    """The answer to a request that was carried out, and what can follow."""
    answer: Schema = {
        "description": operation.about or "Done.",
        "content": {media: {"schema": schema} for media, schema in operation.gives.items()},
    }
    headers = (*dialect.contract.signature, *((REPLAYED,) if keyed else ()))
    if headers:
        answer["headers"] = _headers(headers)
    if follow:
        answer["links"] = {link.verb: _link(dialect, link) for link in follow}
    return answer


def _link(dialect: Dialect, link: Link) -> Schema:
    body = {"requestBody": dict(link.body)} if link.body else {}
    return {"operationId": _operation_id(dialect, link.verb), "parameters": dict(link.ids), **body}


def _refusal(contract: Contract, refused: Refused) -> Schema:
    waits = (Parameter(name="Retry-After", schema={"type": "integer"}, about="Seconds."),) if refused.waits else ()
    headers = _headers((*contract.signature, *waits))
    return {
        "description": refused.about,
        "content": {JSON: {"schema": contract.refusal}},
        **({"headers": headers} if headers else {}),
    }


def _headers(parameters: Sequence[Parameter]) -> dict[str, Any]:
    return {header.name: {"description": header.about, "schema": header.schema} for header in parameters}


def _id(named: str) -> Schema:
    """An id in a path. Any text is taken; one that names nothing is refused."""
    schema = {"type": "string", "minLength": 1}
    return {"name": named, "in": "path", "required": True, "schema": schema, "description": f"Id of the {named}."}


def _parameter(parameter: Parameter) -> Schema:
    about = {"description": parameter.about}
    return {"name": parameter.name, "in": parameter.place, "schema": parameter.schema, **about}
