"""What changed in a long text, as a reader sees it: blocks, in them sentences, in them words. Pure.

A block is a paragraph, a Markdown heading, a list item, a row of a table or a fenced piece of code. White space does
not count, so that lines wrapped anew are no change; a block that stands elsewhere is *moved*, not removed and added.
The work is bounded (`aligning.Work`); what is not compared any more is shown as removed and added, which is true too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from orchestrator.reconcile.aligning import Pair, Work, align, gaps, match

Op = Literal["same", "added", "removed", "changed", "moved"]

# each expression looks at a run of like characters once, from its beginning: no text makes them slow
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff60\u3001-\u303f"
_HEADING = re.compile(r"\s{0,3}#{1,6}\s")
_ITEM = re.compile(r"(\s*)(?:[-*+•]|\d{1,9}[.)、])\s")
_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
_JOINED = re.compile(rf"(?<=[{_CJK}])[^\S\n]*\n\s*(?=[{_CJK}])")
_SENTENCE = re.compile(r"[^\n]*?(?:(?<![.!?…])[.!?…]++[\"'”’)\]]*+(?=\s)\s*|[。！？]+[”’』」）\"')]*\s*|\Z)", re.DOTALL)
_WORD = re.compile(rf"(?<!\s)\s*+(?:[{_CJK}]|[^\W{_CJK}]+|[^\w\s])")
_ALIKE = 0.4  # share of words that two blocks or sentences have in common to count as one that was changed


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block. `text`: on one line, but for code; `heading`: of the section that it stands in, or ""."""

    text: str
    heading: str = ""
    code: bool = False

    def sentences(self) -> list[str]:
        """Its sentences, of code its lines; put together they are its text."""
        if self.code:
            return self.text.splitlines(keepends=True)
        return [found for found in _SENTENCE.findall(self.text) if found]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words that are in both texts, only in the second (added), or only in the first (removed)."""

    op: Literal["same", "added", "removed"]
    text: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a changed block, in pieces."""

    op: Literal["same", "added", "removed", "changed"]
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What became of a block. `old`: its number before, None if added; `new`: its number after, None if removed."""

    op: Op
    block: Block
    old: int | None = None
    new: int | None = None
    sentences: tuple[Sentence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDiff:
    """Everything in the order of the second text; what is removed stands where it was."""

    entries: tuple[Entry, ...]

    @property
    def empty(self) -> bool:
        """Whether nothing changed but white space."""
        return all(entry.op == "same" for entry in self.entries)


# ---- cutting


def blocks(text: str) -> list[Block]:
    """A text in blocks."""
    made: list[Block] = []
    heading = ""
    for lines, code in _cut(text.splitlines()):
        flat = "\n".join(lines) if code else _flat(lines)
        if not code and _HEADING.match(lines[0]):
            heading = flat.lstrip("# ")
        made.append(Block(text=flat, heading=heading, code=code))
    return made


def _flat(lines: Sequence[str]) -> str:
    """On one line; a list item keeps its depth."""
    joined = " ".join(_JOINED.sub("", "\n".join(lines)).split())
    depth = _ITEM.match(lines[0])
    return (depth.group(1).expandtabs(4) if depth else "") + joined


def _cut(lines: Sequence[str]) -> Iterator[tuple[list[str], bool]]:
    """The lines of each block, and whether it is code."""
    current: list[str] = []
    fence = ""
    for line in lines:
        if fence:
            current.append(line)
            if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                yield current, True
                current, fence = [], ""
            continue
        opening = _FENCE.match(line)
        alone = bool(opening or _HEADING.match(line) or line.lstrip().startswith("|"))
        if current and (alone or not line.strip() or _ITEM.match(line)):
            yield current, False
            current = []
        if opening:
            current, fence = [line], opening.group(1)
        elif alone:
            yield [line], False
        elif line.strip():
            current.append(line)
    while current and not current[-1].strip():  # after a fence that nobody closed
        current.pop()
    if current:
        yield current, bool(fence)


# ---- comparing


def compare(before: str, after: str) -> TextDiff:
    """What became of each block of `before` in `after`."""
    return _Comparison(blocks(before), blocks(after)).result()


@dataclass(slots=True)
class _Comparison:
    before: Sequence[Block]
    after: Sequence[Block]
    work: Work = field(default_factory=Work)

    def result(self) -> TextDiff:
        keys = ([b.text for b in self.before], [b.text for b in self.after])
        same = align(*keys, self.work)
        moved = self._moved(same)
        gone, come = {i for i, _ in moved}, {j for _, j in moved}
        changed: list[Pair] = []
        for left, end_left, right, end_right in gaps(same, (0, len(self.before), 0, len(self.after))):
            rows = [i for i in range(left, end_left) if i not in gone]
            columns = [j for j in range(right, end_right) if j not in come]
            changed += _alike(
                [self.before[i].text for i in rows], [self.after[j].text for j in columns], rows, columns, self.work
            )
        return TextDiff(entries=tuple(self._entries(dict(same), dict(moved), dict(changed))))

    def _moved(self, same: Sequence[Pair]) -> list[Pair]:
        """Blocks of either side that stand elsewhere on the other."""
        here, there = {i for i, _ in same}, {j for _, j in same}
        places: dict[str, list[int]] = {}
        for j in reversed(range(len(self.after))):
            if j not in there:
                places.setdefault(self.after[j].text, []).append(j)
        return [
            (i, places[block.text].pop())
            for i, block in enumerate(self.before)
            if i not in here and places.get(block.text)
        ]

    def _entries(self, same: dict[int, int], moved: dict[int, int], changed: dict[int, int]) -> Iterator[Entry]:
        back = {j: (i, "moved") for i, j in moved.items()}
        back |= {j: (i, "same") for i, j in same.items()}
        back |= {j: (i, "changed") for i, j in changed.items()}
        upto = self._upto(back)
        told = 0
        for j, block in enumerate(self.after):
            i, how = back.get(j, (None, "added"))
            yield from self._removed(told, upto[j], moved)
            told = max(told, upto[j]) + (how in ("same", "changed"))
            if how == "changed" and i is not None:
                sentences = tuple(_sentences(self.before[i], block, self.work))
                yield Entry(op="changed", block=block, old=i, new=j, sentences=sentences)
            elif how == "moved":
                yield Entry(op="moved", block=block, old=i, new=j)
            else:
                yield Entry(op="added" if i is None else "same", block=block, old=i, new=j)
        yield from self._removed(told, len(self.before), moved)

    def _upto(self, back: dict[int, tuple[int, str]]) -> list[int]:
        """For each block of the second text how far the first has come: removed is told before added."""
        found: list[int] = []
        reached = len(self.before)
        for j in reversed(range(len(self.after))):
            i, how = back.get(j, (0, "added"))
            reached = i if how in ("same", "changed") else reached
            found.append(reached)
        return found[::-1]

    def _removed(self, start: int, end: int, moved: dict[int, int]) -> Iterator[Entry]:
        for i in range(start, end):
            if i not in moved:
                yield Entry(op="removed", block=self.before[i], old=i)


def _alike(
    before: Sequence[str], after: Sequence[str], rows: Sequence[int], columns: Sequence[int], work: Work
) -> list[Pair]:
    """Pairs of texts that have enough words in common, as numbers out of `rows` and `columns`."""
    if len(before) * len(after) * 20 > work.left:
        return []
    bags = ([Counter(_words(text)) for text in before], [Counter(_words(text)) for text in after])
    sizes = ([bag.total() for bag in bags[0]], [bag.total() for bag in bags[1]])
    least = 0.3 if len(before) == len(after) == 1 else _ALIKE

    def likeness(i: int, j: int) -> float:
        total = sizes[0][i] + sizes[1][j]
        small, large = sorted((sizes[0][i], sizes[1][j]))
        if not total or 2 * small < least * total or not work.spend(small):
            return 0.0
        one, other = (bags[0][i], bags[1][j]) if sizes[0][i] == small else (bags[1][j], bags[0][i])
        return 2 * sum(min(n, other[word]) for word, n in one.items()) / (small + large)

    return [(rows[i], columns[j]) for i, j in match(len(before), len(after), likeness, least, work)]


def _words(text: str) -> list[str]:
    """The words that say something; punctuation only where there is nothing else."""
    words = [word.strip() for word in _WORD.findall(text)]
    return [word for word in words if word[0].isalnum()] or words


def _sentences(before: Block, after: Block, work: Work) -> Iterator[Sentence]:
    """A changed block sentence by sentence."""
    old, new = before.sentences(), after.sentences()
    same = align([s.strip() for s in old], [s.strip() for s in new], work)
    left = right = 0
    for i, j in [*same, (len(old), len(new))]:
        yield from _between(old[left:i], new[right:j], work)
        if j < len(new):
            yield Sentence("same", (Piece("same", new[j]),))
        left, right = i + 1, j + 1


def _between(old: Sequence[str], new: Sequence[str], work: Work) -> Iterator[Sentence]:
    """Sentences between two that stayed."""
    left = right = 0
    pairs = _alike(old, new, range(len(old)), range(len(new)), work)
    for i, j in [*pairs, (len(old), len(new))]:
        yield from (Sentence("removed", (Piece("removed", text),)) for text in old[left:i])
        yield from (Sentence("added", (Piece("added", text),)) for text in new[right:j])
        if i < len(old) and j < len(new):
            yield Sentence("changed", tuple(_pieces(old[i], new[j], work)))
        left, right = i + 1, j + 1


def _pieces(old: str, new: str, work: Work) -> Iterator[Piece]:
    """Two sentences word by word, neighbours of one kind put together."""
    words = (_cut_words(old), _cut_words(new))
    same = align([w.strip() for w in words[0]], [w.strip() for w in words[1]], work)
    left = right = 0
    kept: list[str] = []
    for i, j in [*same, (len(words[0]), len(words[1]))]:
        if left < i or right < j:
            yield from _piece("same", kept)
            kept = []
            yield from _piece("removed", words[0][left:i])
            yield from _piece("added", words[1][right:j])
        kept += words[1][j : j + 1]
        left, right = i + 1, j + 1
    yield from _piece("same", kept)


def _cut_words(text: str) -> list[str]:
    """The words with the white space before them, the last also with what is behind it."""
    found: list[str] = _WORD.findall(text)
    return [*found[:-1], found[-1] + text[len(text.rstrip()) :]] if found else [text]


def _piece(op: Literal["same", "added", "removed"], words: Sequence[str]) -> Iterator[Piece]:
    if words:
        yield Piece(op, "".join(words))


# ---- applying


def applied(diff: TextDiff, before: str) -> str:
    """`before` with the diff carried out: the second text, but for its white space.

    Raises:
        ValueError: the diff was not made from `before`.
    """
    old = blocks(before)
    made: list[str] = []
    for entry in diff.entries:
        block = old[entry.old] if entry.old is not None and entry.old < len(old) else None
        if entry.op == "added":
            made.append(entry.block.text)
        elif block is None:
            raise ValueError("the diff is of another text")
        elif entry.op == "changed":
            made.append(_rewritten(entry, block))
        elif entry.op != "removed":
            made.append(block.text)
        elif block.text != entry.block.text:
            raise ValueError("the diff is of another text")
    return "\n\n".join(made)


def _rewritten(entry: Entry, block: Block) -> str:
    """A block as its sentences say; what they keep and remove has to be there."""
    made, seen = "", ""
    for piece in (piece for sentence in entry.sentences for piece in sentence.pieces):
        made += piece.text if piece.op != "removed" else ""
        seen += piece.text if piece.op != "added" else ""
    if "".join(seen.split()) != "".join(block.text.split()):
        raise ValueError("the diff is of another text")
    return made
