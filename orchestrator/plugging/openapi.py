"""A manifest with `openapi` → a unit whose functions are operations of the document."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from orchestrator.diagnostics import Diagnostic
from orchestrator.functions.openapi.document import LARGEST, Document, DocumentFault, read
from orchestrator.functions.openapi.unit import Credential, Offer, unit_of
from orchestrator.functions.registry import Unit
from orchestrator.manifests import Placed, Plugin
from orchestrator.manifests.endpoints import OpenApi
from orchestrator.manifests.files import read_named
from orchestrator.plugging.kind import Secrets

_AT = ("spec", "openapi")


def unit(plugin: Placed[Plugin], folder: Path, secrets: Secrets, found: list[Diagnostic]) -> Unit | None:
    """Read the document and make the unit; operations that cannot be offered are warned of."""
    spec = plugin.value.spec.openapi
    if spec is None:
        return None
    document = _document(plugin, spec, folder, found)
    if document is None:
        return None
    try:
        offered = unit_of(document, _offer(plugin, spec, secrets))
    except (DocumentFault, RecursionError) as fault:
        found.append(plugin.complain("MAN004", f"'{spec.document}': {fault}", _AT))
        return None
    for one in offered.skipped:
        chosen = one.id in (spec.include or ())
        message = f"the operation '{one.id}' cannot be offered: {one.reason}"
        found.append(plugin.complain("MAN004", message, _AT, severity="error" if chosen else "warning"))
    return offered.unit


def _document(plugin: Placed[Plugin], spec: OpenApi, folder: Path, found: list[Diagnostic]) -> Document | None:
    path = (*_AT, "document")
    data = read_named(folder, spec.document, LARGEST)
    if isinstance(data, str):
        found.append(plugin.complain("MAN010", f"the document '{spec.document}' {data}", path))
        return None
    try:
        return read(data)
    except DocumentFault as fault:
        found.append(plugin.complain("MAN004", f"'{spec.document}': {fault}", path))
        return None


def _offer(plugin: Placed[Plugin], spec: OpenApi, secrets: Secrets) -> Offer:
    return Offer(
        name=plugin.value.metadata.name,
        base_url=spec.base_url,
        include=spec.include,
        exclude=spec.exclude,
        approval=spec.approval,
        approvals=spec.approvals,
        timeout=spec.timeout,
        private=spec.private,
        credential=_credential(plugin, spec, secrets),
        place=plugin.at(*_AT, "document"),
    )


def _credential(plugin: Placed[Plugin], spec: OpenApi, secrets: Secrets) -> Credential | None:
    auth = spec.auth
    if auth is None:
        return None
    kind, secret, name = auth.chosen
    where = plugin.at(*_AT, "auth", kind)
    return Credential(kind=kind, name=name, find=partial(secrets, secret, where))
