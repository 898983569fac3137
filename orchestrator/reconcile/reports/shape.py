"""How much a report shows, and a diff of long text as lines that every format draws in its own way. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from orchestrator.reconcile.textdiff import Entry, Piece, Sentence, TextDiff

MAX_BYTES = 60_000  # a comment on a pull request takes 65,536 characters

Mark = Literal["heading", "same", "added", "removed", "changed", "moved", "gap"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """`full`: whole texts; else changed sentences. `context`: unchanged blocks around changes, None: all of them."""

    full: bool = False
    context: int | None = None
    max_bytes: int = MAX_BYTES


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a diff, in pieces that stayed, came or went."""

    mark: Mark
    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """Its words in a row."""
        return "".join(piece.text for piece in self.pieces)


def lines(diff: TextDiff, shape: Shape) -> Iterator[Line]:
    """A diff at the density asked for."""
    if diff.empty:
        yield _line("gap", "only white space")
    elif shape.full:
        yield from _full(diff.entries, shape.context)
    else:
        yield from _brief(diff.entries)


def _brief(entries: Sequence[Entry]) -> Iterator[Line]:
    """Changed sentences under the heading of their section."""
    heading = ""
    for entry in entries:
        if entry.op == "same":
            continue
        if entry.block.heading != heading:
            heading = entry.block.heading
            yield _line("heading", heading)
        if entry.op == "changed":
            yield from (_sentence(s) for s in entry.sentences if s.op != "same")
        else:
            yield from _whole(entry)


def _full(entries: Sequence[Entry], context: int | None) -> Iterator[Line]:
    """Every block near a change; how many were left out elsewhere."""
    near = _near(entries, context)
    left_out = 0
    for index, entry in enumerate(entries):
        if index not in near:
            left_out += 1
            continue
        if left_out:
            yield _gap(left_out)
            left_out = 0
        if entry.op == "changed" and entry.block.code:
            yield from map(_sentence, entry.sentences)
        elif entry.op == "changed":
            yield Line("changed", tuple(piece for s in entry.sentences for piece in s.pieces))
        else:
            yield from _whole(entry)
    if left_out:
        yield _gap(left_out)


def _near(entries: Sequence[Entry], context: int | None) -> set[int]:
    if context is None:
        return set(range(len(entries)))
    changed = [index for index, entry in enumerate(entries) if entry.op != "same"]
    return {near for index in changed for near in range(max(0, index - context), index + context + 1)}


def _sentence(one: Sentence) -> Line:
    """A sentence, or a line of code without its end."""
    return Line(one.op, tuple(Piece(p.op, p.text.replace("\n", "")) for p in one.pieces))


def _whole(entry: Entry) -> Iterator[Line]:
    mark = entry.op if entry.op != "changed" else "same"
    op = entry.op if entry.op in ("added", "removed") else "same"
    for text in entry.block.text.split("\n"):
        yield Line(mark, (Piece(op, text),))


def _gap(count: int) -> Line:
    return _line("gap", f"{count} unchanged")


def _line(mark: Mark, text: str) -> Line:
    return Line(mark, (Piece("same", text),))


def marked(line: Line) -> str:
    """A line with what went in [-…-] and what came in {+…+}."""
    if line.mark != "changed":
        return line.text
    return "".join(wrapped(piece, _SIGNS[piece.op]) for piece in line.pieces)


_SIGNS = {"same": ("", ""), "removed": ("[-", "-]"), "added": ("{+", "+}")}


def wrapped(piece: Piece, signs: tuple[str, str], shown: Callable[[str], str] = str) -> str:
    """A piece between signs; the white space around it stays outside. `shown` makes its text harmless."""
    inner = piece.text.strip()
    if not inner:
        return shown(piece.text)
    begin = piece.text[: len(piece.text) - len(piece.text.lstrip())]
    end = piece.text[len(piece.text.rstrip()) :]
    return f"{shown(begin)}{signs[0]}{shown(inner)}{signs[1]}{shown(end)}"
