"""From a folder to `Loaded`: every manifest read, expanded, validated and checked; every complaint in one run.

A manifest that is wrong is left out of `Loaded` and complained of; the others stay usable, so that an editor or a
report can go on. `raise_for_errors()` is what a command calls that needs all of them.
"""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from orchestrator.diagnostics import Diagnostic, did_you_mean, in_order
from orchestrator.manifests import source
from orchestrator.manifests.checks import check
from orchestrator.manifests.complaints import MAX_COMPLAINTS, validated
from orchestrator.manifests.environment import Environment
from orchestrator.manifests.expressions import expand
from orchestrator.manifests.files import Text, read_folder, refused
from orchestrator.manifests.loaded import KINDS, Loaded, Manifest
from orchestrator.manifests.markdown import read_markdown
from orchestrator.manifests.model import API_VERSION, Assistant, Template, Tool
from orchestrator.manifests.placed import Document, Placed, complain, quote, span_of
from orchestrator.manifests.plugins import Plugin

_M = TypeVar("_M")


@dataclass(slots=True)
class _Found:
    placed: list[Placed[Manifest]] = field(default_factory=list[Placed[Manifest]])
    templates: dict[str, str] = field(default_factory=dict[str, str])
    sources: dict[str, str] = field(default_factory=dict[str, str])
    diagnostics: list[Diagnostic] = field(default_factory=list[Diagnostic])


def load(folder: Path, environ: Mapping[str, str]) -> Loaded:
    """Read all manifests of a folder. Never raises for what is wrong in it: see `Loaded.diagnostics`."""
    found = _Found()
    if folder.is_dir():
        with collector_paused():
            for file in read_folder(folder):
                _take(file, folder.name, environ, found)
    else:
        found.diagnostics.append(
            refused(str(folder), "there is no such folder", code="MAN001", hint="make it, or give -C DIR")
        )
    loaded = _sorted_out(folder, found)
    return replace(loaded, diagnostics=in_order((*found.diagnostics, *check(loaded, found.placed))))


@contextmanager
def collector_paused() -> Generator[None]:
    """What is read here stays: looking for garbage among it takes a third of the time of 10,000 files.

    It is set aside afterwards (`gc.freeze`) until the next reading; counting references frees it all the same.
    """
    if not gc.isenabled():
        yield
        return
    gc.unfreeze()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def load_text(
    text: str, environ: Mapping[str, str], *, file: str = "manifest.yaml"
) -> tuple[list[Placed[Manifest]], list[Diagnostic]]:
    """The manifests of one text (Markdown if `file` ends so), without checks between manifests."""
    found = _Found()
    _take(Text(file, text), "", environ, found)
    return found.placed, list(in_order(found.diagnostics))


def _sorted_out(folder: Path, found: _Found) -> Loaded:
    return Loaded(
        folder=folder,
        assistants=_by_name(found.placed, Assistant),
        templates=_by_name(found.placed, Template),
        tools=_by_name(found.placed, Tool),
        plugins=_by_name(found.placed, Plugin),
        environments=_by_name(found.placed, Environment),
        template_files=found.templates,
        sources=found.sources,
    )


def _by_name(placed: Sequence[Placed[Manifest]], kind: type[_M]) -> Mapping[str, Placed[_M]]:
    """The first of each name wins; the second is complained of in `checks`."""
    chosen: dict[str, Placed[_M]] = {}
    for one in placed:
        if isinstance(one.value, kind):
            chosen.setdefault(one.value.metadata.name, cast("Placed[_M]", one))
    return chosen


def _take(file: Text | Diagnostic, label: str, environ: Mapping[str, str], found: _Found) -> None:
    if isinstance(file, Diagnostic):
        found.diagnostics.append(file)
        return
    shown = f"{label}/{file.name}" if label else file.name
    found.sources[shown] = file.text
    if file.name.endswith(".j2"):
        found.templates[file.name] = file.text
        return
    for document in _documents(file, shown, found.diagnostics):
        placed = build(document, environ, found.diagnostics)
        if placed is not None:
            found.placed.append(placed)


def _documents(file: Text, shown: str, diagnostics: list[Diagnostic]) -> Iterator[Document]:
    if not file.name.endswith(".md"):
        parsed = source.parse(file.text)
        diagnostics.extend(_faults(shown, file.text, parsed.faults))
        for index, value in parsed.documents:
            yield Document(file=shown, text=file.text, value=value, index=index)
    elif not (file.name.rpartition("/")[2] == "README.md" and not file.text.startswith("---")):
        document, faults = read_markdown(file.text, shown)
        diagnostics.extend(_faults(shown, file.text, faults))
        if document is not None:
            yield document


def _faults(file: str, text: str, faults: Sequence[source.Fault]) -> Iterator[Diagnostic]:
    for one in faults:
        shown, span = quote(text, one.place.line), span_of(file, one.place)
        yield Diagnostic(code="MAN001", message=one.message, span=span, quote=shown, hint=one.hint)


def build(document: Document, environ: Mapping[str, str], diagnostics: list[Diagnostic]) -> Placed[Manifest] | None:
    """The manifest in a document, or None and the complaints about it."""
    kind = _kind(document, diagnostics)
    if kind is None:
        return None
    raw = cast("Mapping[str, Any]", document.value)
    before = len(diagnostics)
    if kind is not Environment:

        def say(code: str, message: str, path: source.Path, hint: str) -> None:
            if len(diagnostics) - before < MAX_COMPLAINTS:
                diagnostics.append(complain(document, code, message, path, hint=hint))

        if "${" in document.text or "\\" in document.text:  # an escape may spell it too
            raw = expand(raw, environ, say)
    expanded = len(diagnostics)
    value = validated(kind, raw, document, diagnostics)
    missing = {complaint.span for complaint in diagnostics[before:expanded]}
    diagnostics[expanded:] = [d for d in diagnostics[expanded:] if d.span not in missing]  # these are only its echo
    if value is None or len(diagnostics) > before:
        return None
    return Placed(value=value, raw=raw, document=document)


def _kind(document: Document, diagnostics: list[Diagnostic]) -> type[Manifest] | None:
    raw = document.value
    if not isinstance(raw, dict):
        diagnostics.append(
            complain(document, "MAN004", "a manifest must be an object", (), hint="begin with apiVersion")
        )
        return None
    given = cast("dict[str, object]", raw)
    kind, version = given.get("kind"), given.get("apiVersion")
    if kind is None:
        diagnostics.append(complain(document, "MAN003", "'kind' is missing", (), hint=f"one of {', '.join(KINDS)}"))
    elif not isinstance(kind, str) or kind not in KINDS:
        hint = did_you_mean(str(kind)[:80], KINDS)
        diagnostics.append(complain(document, "MAN004", f"unknown kind '{str(kind)[:80]}'", ("kind",), hint=hint))
    elif version is not None and version != API_VERSION:
        message = f"'apiVersion' must be '{API_VERSION}'"
        diagnostics.append(complain(document, "MAN004", message, ("apiVersion",)))
    else:
        return KINDS[kind]
    return None
