"""An OpenAPI document and what a manifest says of it → a unit of the registry, whose functions call the service.

Requests go to one origin, that of the base address, through `Context.http`: a redirect elsewhere is refused, and so
the credential stays where it belongs.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from typing import Any
from urllib.parse import urlencode, urlsplit

from orchestrator.diagnostics import Span
from orchestrator.functions.context import current
from orchestrator.functions.decorator import Approval, Options, ToolError, Transient
from orchestrator.functions.openapi.document import Document, DocumentFault
from orchestrator.functions.openapi.operations import READING, REPEATABLE, Operation, Skipped, ids, operations
from orchestrator.functions.openapi.requests import ArgumentFault, Request, request
from orchestrator.functions.registry import Function, Unit
from orchestrator.functions.schemas import SchemaFault, SchemaValidator
from orchestrator.functions.signature import Signature, schema_hash
from orchestrator.transport import NotConnected, Unanswered

MOST_UNASKED = 40  # operations that are offered although nobody chose them
_EXCERPT = 2000  # characters of an error's body
_AGAIN = {429, 502, 503, 504}


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """How requests are authenticated. `kind`: `bearer`, `basic` (`user:password`), or `header`, `query`, `cookie`.

    `name` is that of the header, the query parameter or the cookie; `find` looks the secret up when it is needed.
    """

    kind: str
    find: Callable[[], str]
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a manifest says of a document. `include`: operation ids, None: all; `approvals`: by operation id.

    `approval`: of operations that write; `timeout` in seconds; `private`: the service may have an inner address.
    """

    name: str
    base_url: str | None = None
    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    approval: Approval = "ask"
    approvals: Mapping[str, Approval] = field(default_factory=dict[str, Approval])
    timeout: float | None = None
    private: bool = False
    credential: Credential | None = None
    place: Span = field(default_factory=lambda: Span(file=""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """The unit, and operations that are left out because they cannot be offered."""

    unit: Unit
    skipped: tuple[Skipped, ...] = ()


def unit_of(document: Document, offer: Offer) -> Offered:
    """Make the unit.

    Raises:
        DocumentFault: there is no usable base address, an operation that is named does not exist, or there are too
            many and none is named.
    """
    base = _base(document, offer)
    wanted = _wanted(document, offer)
    functions: list[Function] = []
    skipped: list[Skipped] = []
    for one in operations(document, wanted):
        if isinstance(one, Skipped):
            skipped.append(one)
            continue
        try:
            functions.append(_function(one, offer, base))
        except SchemaFault as fault:
            skipped.append(Skipped(one.id, f"its schema cannot be used: {fault}"))
    return Offered(
        unit=Unit(name=offer.name, functions=tuple(functions), grants=(_grant(base, offer),)), skipped=tuple(skipped)
    )


def _base(document: Document, offer: Offer) -> str:
    url = offer.base_url or document.server or ""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise DocumentFault("the document names no base address; give one: baseUrl: https://…")
    if parts.query or parts.fragment or parts.username:
        raise DocumentFault("the base address must not have a query, a fragment or a user")
    return url.rstrip("/")


def _grant(base: str, offer: Offer) -> str:
    parts = urlsplit(base)
    return f"net:{'private ' if offer.private else ''}{parts.scheme}://{parts.netloc}"


def _wanted(document: Document, offer: Offer) -> frozenset[str]:
    known = ids(document)
    for name in (*(offer.include or ()), *offer.exclude, *offer.approvals):
        if name not in known:
            near = get_close_matches(name, known, n=1)
            raise DocumentFault(f"there is no operation '{name}'" + (f"; did you mean '{near[0]}'?" if near else ""))
    wanted = [name for name in offer.include or known if name not in offer.exclude]
    if offer.include is None and len(wanted) > MOST_UNASKED:
        raise DocumentFault(
            f"the document has {len(known)} operations; name the ones to offer: include: [{known[0]}, …]"
        )
    return frozenset(wanted)


def _function(operation: Operation, offer: Offer, base: str) -> Function:
    method = operation.method.lower()
    reads = method in READING
    approval = offer.approvals.get(operation.id, "auto" if reads else offer.approval)
    signature = Signature(
        name=operation.tool,
        description=operation.description,
        parameters=operation.parameters,
        schema_hash=schema_hash(operation.tool, operation.description, operation.parameters),
        is_async=True,
        validator=SchemaValidator(operation.parameters),
    )
    return Function(
        name=f"{offer.name}.{operation.tool}",
        tool=operation.tool,
        description=operation.description,
        parameters=operation.parameters,
        options=Options(timeout=offer.timeout, approval=approval, read_only=reads, idempotent=method in REPEATABLE),
        is_async=True,
        place=offer.place,
        schema_hash=signature.schema_hash,
        callable=partial(_call, operation, offer.credential, base),
        signature=signature,
    )


async def _call(operation: Operation, credential: Credential | None, base: str, arguments: Mapping[str, Any]) -> str:
    context = current()
    if context is None:
        raise RuntimeError("an operation is called through the registry")
    try:
        sent = request(operation, arguments)
    except ArgumentFault as fault:
        raise ToolError(str(fault), code="bad_arguments", retry=True) from fault
    target, headers = _with_credential(sent, credential)
    try:
        answer = await context.http.request(sent.method, base + target, headers=headers, content=sent.content)
    except NotConnected as error:
        raise Transient("The service takes no connection.") from error
    except Unanswered as error:
        if operation.method.lower() in REPEATABLE:
            raise Transient("The service gave no answer.") from error
        message = "The service gave no answer; whether the request took effect is unknown."
        raise ToolError(message, code="no_answer") from error
    return _told(operation, answer.status_code, answer.headers, answer.text)


def _with_credential(sent: Request, credential: Credential | None) -> tuple[str, dict[str, str]]:
    headers = dict(sent.headers)
    if credential is None:
        return sent.target, headers
    secret = credential.find()
    match credential.kind:
        case "bearer":
            headers["authorization"] = f"Bearer {secret}"
        case "basic":
            headers["authorization"] = f"Basic {base64.b64encode(secret.encode()).decode()}"
        case "header":
            headers[credential.name] = secret
        case "cookie":
            pair = f"{credential.name}={secret}"
            headers["cookie"] = f"{headers['cookie']}; {pair}" if "cookie" in headers else pair
        case _:
            joint = "&" if "?" in sent.target else "?"
            return f"{sent.target}{joint}{urlencode({credential.name: secret})}", headers
    return sent.target, headers


def _told(operation: Operation, status: int, headers: Mapping[str, str], text: str) -> str:
    if 200 <= status < 300:
        return text or f"done (HTTP {status})"
    message = f"The service answered with HTTP {status}: {text[:_EXCERPT]}"
    if status == 429 or (status in _AGAIN and operation.method.lower() in REPEATABLE):
        raise Transient(message, retry_after=_seconds(headers.get("retry-after")))
    raise ToolError(message, code=f"http_{status}", retry=status in (400, 404, 409, 422))


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isascii() and text.isdigit() else None
