"""A plan as a comment on a pull request: bounded, the riskiest changes first, and what is cut is said. Pure.

Text of manifests and targets stands in fences longer than any run of backticks in it, names in code spans: nothing of
it becomes a link, a mention, an image or a heading.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from orchestrator.reconcile.reports import words
from orchestrator.reconcile.reports.shape import Shape
from orchestrator.reconcile.reports.text import change_lines
from orchestrator.reconcile.review import Review, Reviewed
from orchestrator.reconcile.visible import line

_TICKS = re.compile("`+")
_CAUSES = 20  # that are told
_ROOM = 400  # bytes kept for what is said at the end


def render(found: Review, shape: Shape) -> str:
    """At most `shape.max_bytes` bytes of UTF-8, and so at most as many characters."""
    made = _within(_head(found), shape.max_bytes - _ROOM)
    room = shape.max_bytes - _ROOM - _size(made)
    left_out = shortened = 0
    for one in found.changes:
        section, whole = _fitted(one, shape, room)
        left_out += not section
        shortened += bool(section) and not whole
        made += section
        room -= _size(section)
    return "\n".join([*made, *_tail(shortened, left_out), words.summary(found.plan)]) + "\n"


def _head(found: Review) -> list[str]:
    changes = f"{len(found.changes)} change{'s' * (len(found.changes) != 1)}"
    head = [f"## Plan for {code(found.plan.owner)}", ""]
    head += [f"**{changes}**, risk: {words.risk_line(found)}." if found.changes else "Nothing to do.", ""]
    told = [f"- {code(words.cause_line(shared))}" for shared in found.causes if len(shared.names) > 1]
    head += [*told[:_CAUSES], *([f"- … and {len(told) - _CAUSES} further causes"] if len(told) > _CAUSES else [])]
    head += [f"- {code(text)}" for text in words.left_alone(found.plan)][:_CAUSES]
    said = [f"- {code(words.complaint(one))}" for one in found.told]
    head += [*said[:_CAUSES], *([f"- … and {len(said) - _CAUSES} further complaints"] if len(said) > _CAUSES else [])]
    return [*head, ""]


def _fitted(one: Reviewed, shape: Shape, room: int) -> tuple[list[str], bool]:
    """A change with as many of its lines as there is room for, and whether these are all; nothing if not even one."""
    told = list(change_lines(one, shape))
    title = [f"### {code(f'{words.sign(one)} {one.name}')} – {one.risk.level} risk", ""]
    fence = "`" * max(3, _longest(told) + 1)
    frame = _size([*title, f"{fence}diff", "… 9,999,999 lines more", fence, ""])
    lines = [_diff(text) for text in told]
    if frame + _size(lines) <= room:
        return [*title, f"{fence}diff", *lines, fence, ""], True
    kept = _within(lines, room - frame)
    if not kept:
        return [], False
    return [*title, f"{fence}diff", *kept, f"… {len(lines) - len(kept):,} lines more", fence, ""], False


def _diff(text: str) -> str:
    """A line for GitHub's colours: what begins with + or - after its indent begins with it."""
    bare = text.lstrip()
    return bare[0] + text[: len(text) - len(bare)] + bare[1:] if bare[:2] in ("+ ", "- ") else f" {text}"


def _tail(shortened: int, left_out: int) -> Iterable[str]:
    if shortened or left_out:
        yield f"_Cut to fit: {shortened} of the changes are shown in part and {left_out} not at all._"
        yield ""


def _within(lines: Sequence[str], room: int) -> list[str]:
    kept: list[str] = []
    for text in lines:
        room -= len(text.encode("utf-8", "replace")) + 1
        if room < 0:
            break
        kept.append(text)
    return kept


def _size(lines: Iterable[str]) -> int:
    return sum(len(text.encode("utf-8", "replace")) + 1 for text in lines)


def _longest(lines: Iterable[str]) -> int:
    return max((len(run) for text in lines for run in _TICKS.findall(text)), default=0)


def code(text: str) -> str:
    """A code span that its content cannot leave."""
    text = line(text)
    ticks = "`" * (_longest([text]) + 1)
    return f"{ticks} {text} {ticks}" if text.startswith("`") or text.endswith("`") else f"{ticks}{text}{ticks}"
