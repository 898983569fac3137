"""Lists that are not tables: the files of an assistant or a message, paged as everything else is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.server.records import Page
from orchestrator.server.store.rows import Listed
from orchestrator.wire.faults import invalid

__all__ = ["Attached", "Listed", "cut"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """A file of an assistant or a message: the file's id, and when it was attached (ms)."""

    id: str
    created_at: int


def cut(files: Sequence[Attached], page: Page) -> Listed[Attached]:
    """One page of the files, which come in the order of attachment; the rules of `store.rows.page`."""
    ordered = list(reversed(files)) if page.descending else list(files)
    places = {file.id: place for place, file in enumerate(ordered)}
    start = 0 if page.after is None else _place(places, page.after, "after") + 1
    end = len(ordered) if page.before is None else _place(places, page.before, "before")
    between = ordered[start:end]
    backwards = page.before is not None and page.after is None
    shown = between[-page.limit :] if backwards else between[: page.limit]
    return Listed(tuple(shown), len(between) > page.limit)


def _place(places: dict[str, int], cursor: str, word: str) -> int:
    if cursor not in places:
        raise invalid(f"No object of this list has the id '{cursor}' given as '{word}'.", word)
    return places[cursor]
