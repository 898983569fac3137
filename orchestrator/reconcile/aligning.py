"""Which items of two sequences belong together, in bounded work: the ground of every diff here. Pure.

First what both begin and end with, then items that occur once on each side (in their longest common order), then the
longest common subsequence of what lies between. Where the work allowed is spent, what is left counts as different.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

Pair = tuple[int, int]
Span = tuple[int, int, int, int]  # from and to on the left, from and to on the right
_DEPTH = 40


@dataclass(slots=True)
class Work:
    """How many cells of tables may still be filled; counted, not timed, so that every run gives the same."""

    left: int = 2_000_000

    def spend(self, cells: int) -> bool:
        """Whether so much work is allowed; if so it is taken off."""
        if cells > self.left:
            return False
        self.left -= cells
        return True


def align(before: Sequence[Hashable], after: Sequence[Hashable], work: Work) -> list[Pair]:
    """Indices of equal items, rising on both sides."""
    found: list[Pair] = []
    todo: list[tuple[Span, int]] = [((0, len(before), 0, len(after)), 0)]
    while todo:
        span, depth = todo.pop()
        span, ends = _ends(before, after, span)
        found += ends
        anchors = _unique(before, after, span) if depth < _DEPTH else []
        if anchors:
            found += anchors
            todo += [(gap, depth + 1) for gap in gaps(anchors, span)]
        else:
            found += _common(before, after, span, work)
    return sorted(found)


def gaps(pairs: Sequence[Pair], span: Span) -> Iterator[Span]:
    """What lies between the pairs, where anything does."""
    left, end_left, right, end_right = span
    for i, j in [*pairs, (end_left, end_right)]:
        if left < i or right < j:
            yield (left, i, right, j)
        left, right = i + 1, j + 1


def match(rows: int, columns: int, likeness: Callable[[int, int], float], least: float, work: Work) -> list[Pair]:
    """Pairs of items that are alike (`likeness` 0 to 1, at least `least`), rising, with the greatest sum."""
    if not rows or not columns or not work.spend(rows * columns * 20):
        return []
    best = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    like = [[likeness(i, j) for j in range(columns)] for i in range(rows)]
    for i in reversed(range(rows)):
        for j in reversed(range(columns)):
            here = like[i][j] + best[i + 1][j + 1] if like[i][j] >= least else 0.0
            best[i][j] = max(here, best[i + 1][j], best[i][j + 1])
    return list(_walk(best, lambda i, j: like[i][j] >= least, lambda i, j: like[i][j]))


def _ends(before: Sequence[Hashable], after: Sequence[Hashable], span: Span) -> tuple[Span, list[Pair]]:
    """The span without what it begins and ends with on both sides, and these pairs."""
    left, end_left, right, end_right = span
    found: list[Pair] = []
    while left < end_left and right < end_right and before[left] == after[right]:
        found.append((left, right))
        left, right = left + 1, right + 1
    while left < end_left and right < end_right and before[end_left - 1] == after[end_right - 1]:
        end_left, end_right = end_left - 1, end_right - 1
        found.append((end_left, end_right))
    return (left, end_left, right, end_right), found


def _unique(before: Sequence[Hashable], after: Sequence[Hashable], span: Span) -> list[Pair]:
    """Items that occur once on each side, as many as stand in the same order."""
    left, end_left, right, end_right = span
    if left == end_left or right == end_right:
        return []
    counts = [Counter(before[left:end_left]), Counter(after[right:end_right])]
    there = {item: j for j, item in enumerate(after[right:end_right], right) if counts[1][item] == 1}
    pairs = [
        (i, there[item]) for i, item in enumerate(before[left:end_left], left) if counts[0][item] == 1 and item in there
    ]
    return _rising(pairs)


def _rising(pairs: Sequence[Pair]) -> list[Pair]:
    """The longest part of pairs (rising on the left) that rises on the right too."""
    tails: list[int] = []
    ends: list[int] = []
    previous: list[int] = []
    for index, (_, right) in enumerate(pairs):
        at = bisect_left(tails, right)
        previous.append(ends[at - 1] if at else -1)
        tails[at : at + 1] = [right]
        ends[at : at + 1] = [index]
    result: list[Pair] = []
    at = ends[-1] if ends else -1
    while at >= 0:
        result.append(pairs[at])
        at = previous[at]
    return result[::-1]


def _common(before: Sequence[Hashable], after: Sequence[Hashable], span: Span, work: Work) -> list[Pair]:
    """A longest common subsequence; nothing where that is too much work."""
    left, end_left, right, end_right = span
    rows, columns = end_left - left, end_right - right
    if not rows or not columns or not work.spend(rows * columns):
        return []
    best = [[0] * (columns + 1) for _ in range(rows + 1)]
    for i in reversed(range(rows)):
        row, below, item = best[i], best[i + 1], before[left + i]
        for j in reversed(range(columns)):
            row[j] = below[j + 1] + 1 if item == after[right + j] else max(below[j], row[j + 1])
    walked = _walk(best, lambda i, j: before[left + i] == after[right + j], lambda _i, _j: 1)
    return [(left + i, right + j) for i, j in walked]


def _walk(
    best: Sequence[Sequence[float]], fits: Callable[[int, int], bool], gain: Callable[[int, int], float]
) -> Iterator[Pair]:
    """The way through a table of best sums."""
    i = j = 0
    while i < len(best) - 1 and j < len(best[0]) - 1:
        if fits(i, j) and best[i][j] == best[i + 1][j + 1] + gain(i, j):
            yield (i, j)
            i, j = i + 1, j + 1
        elif best[i + 1][j] >= best[i][j + 1]:
            i += 1
        else:
            j += 1
