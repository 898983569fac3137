"""What somebody changed at the target → changes of the files that say it, or why a file cannot say it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from orchestrator.diagnostics import Span
from orchestrator.manifests import Assistant, FromFile, FromTemplate, Loaded, Placed, Selection
from orchestrator.manifests.editing import REMOVED
from orchestrator.manifests.placed import Document
from orchestrator.reconcile.changes import Update
from orchestrator.reconcile.wording import KEYS, WHOLE, NoWords, References, escaped, said

Path = tuple[str | int, ...]
_SAMPLING = {"temperature": "temperature", "top_p": "topP", "top_k": "topK", "max_tokens": "maxTokens"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A field of a document, or (`document` None) the whole text of a template file, and its new value."""

    name: str
    field: str
    file: str
    document: Document | None
    path: Path
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A change that stays out of the files. `place`: where the value comes from."""

    name: str
    field: str
    reason: str
    place: Span


class _No(Exception):
    """Why a value cannot be written."""


def edits(update: Update, selection: Selection, loaded: Loaded, references: References) -> Iterator[Edit | Refused]:
    """One for each field of an assistant that drifted."""
    one = selection.assistants[update.after.name]
    maker = _Maker(update, one, selection, loaded, references)
    for difference in update.differences:
        if not difference.drifted:
            continue
        try:
            yield from maker.edits(difference.field)
        except (_No, NoWords) as reason:
            place = one.at(*KEYS[difference.field])
            yield Refused(name=update.after.name, field=difference.field, reason=str(reason), place=place)


@dataclass(frozen=True, slots=True)
class _Maker:
    update: Update
    one: Placed[Assistant]
    selection: Selection
    loaded: Loaded
    references: References

    def edits(self, field: str) -> Iterator[Edit]:
        live = self.update.before.body.get(field)
        match field:
            case "instructions":
                yield self._text(str(live or ""))
            case "metadata":
                yield from self._pairs(cast("Mapping[str, Any]", live or {}))
            case "model" | "temperature" | "top_p" | "top_k" | "max_tokens":
                yield self._model(field, live)
            case "name" if live == self.one.value.metadata.name:
                yield self._edit(field, KEYS[field], REMOVED)
            case _:
                value = None if live in (None, "", (), []) else self._said(field, live)
                yield self._edit(field, KEYS[field], value)

    def _said(self, field: str, live: Any) -> Any:
        return said(field, live, self.update.before.body, self.references)

    def _edit(self, field: str, path: Path, value: Any) -> Edit:
        """In the file that decides: the manifest's own, or that of an environment that patches it."""
        document, inner = self.one.origin(path)
        now = _at(document, inner)
        if "${" in str(now).replace("$${", ""):
            raise _No("its value comes from the environment; change the variable, or write the text into the manifest")
        return Edit(
            name=self.update.after.name, field=field, file=document.file, document=document, path=inner, value=value
        )

    def _pairs(self, live: Mapping[str, Any]) -> Iterator[Edit]:
        said = cast("Mapping[str, Any]", self.update.after.body.get("metadata") or {})
        for key in sorted(live.keys() | said.keys()):
            if live.get(key) != said.get(key):
                value = self._said("metadata", {key: live[key]})[key] if key in live else REMOVED
                yield self._edit("metadata", (*KEYS["metadata"], key), value)

    def _model(self, field: str, live: Any) -> Edit:
        document, inner = self.one.origin(KEYS["model"])
        now = _at(document, inner)
        if field == "model":
            return self._edit(field, (*KEYS["model"], *(("name",) if isinstance(now, Mapping) else ())), live)
        value = live if live is None or field not in WHOLE else int(live)
        if isinstance(now, Mapping):
            return self._edit(field, (*KEYS["model"], _SAMPLING[field]), REMOVED if value is None else value)
        return self._edit(field, KEYS["model"], {"name": now, _SAMPLING[field]: value})

    # ---- instructions

    def _text(self, live: str) -> Edit:
        match self.one.value.spec.instructions:
            case FromTemplate(template=name):
                return self._of_template(name, live)
            case FromFile(file=file):
                return self._of_file(file, live)
            case _:
                edit = self._edit("instructions", KEYS["instructions"], escaped(live) if live else None)
                self._check_source(str(_at(cast("Document", edit.document), edit.path)))
                return edit

    def _of_template(self, name: str, live: str) -> Edit:
        template = self.loaded.templates[name]
        users = [n for n, one in self.selection.assistants.items() if _uses_template(one, name)]
        self._check_alone(f"the Template '{name}'", users)
        self._check_source(template.value.spec.body)
        return Edit(
            name=self.update.after.name,
            field="instructions",
            file=template.file,
            document=template.document,
            path=("spec", "body"),
            value=escaped(live),
        )

    def _of_file(self, file: str, live: str) -> Edit:
        users = [n for n, one in self.selection.assistants.items() if _uses_file(one, file)]
        self._check_alone(f"the file '{file}'", users)
        included = any(f'"{file}"' in text or f"'{file}'" in text for text in self.loaded.sources.values())
        if included:
            raise _No(f"the file '{file}' is included by others; change it by hand")
        self._check_source(self.loaded.template_files.get(file, ""))
        shown = f"{self.loaded.folder.name}/{file}"
        return Edit(
            name=self.update.after.name, field="instructions", file=shown, document=None, path=(), value=escaped(live)
        )

    def _check_alone(self, what: str, users: list[str]) -> None:
        if len(users) > 1:
            others = ", ".join(one for one in users if one != self.update.after.name)
            raise _No(f"{what} is also the text of {others}; give this assistant a text of its own first")

    def _check_source(self, source: str) -> None:
        """What is computed cannot be written back: the text must be one that stands for itself."""
        wanted = str(self.update.after.body.get("instructions") or "")
        if source not in (wanted, escaped(wanted)):
            raise _No("its text has expressions, which would get lost; change the template by hand")


def _uses_template(one: Placed[Assistant], name: str) -> bool:
    source = one.value.spec.instructions
    return isinstance(source, FromTemplate) and source.template == name


def _uses_file(one: Placed[Assistant], file: str) -> bool:
    source = one.value.spec.instructions
    return isinstance(source, FromFile) and source.file == file


def _at(document: Document, path: Path) -> Any:
    value: Any = document.value
    for step in path:
        if isinstance(value, Mapping):
            value = cast("Mapping[str | int, Any]", value).get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(cast("list[Any]", value)):
            value = cast("list[Any]", value)[step]
        else:
            return None
    return value
