"""Change one field in the text of a manifest; every other character stays: comments, order, quotes, line ends. Pure.

The place is found with the marks of PyYAML's nodes, the new value is put there as `printing` writes it, and the result
is read again: if it is not exactly the old values with the one change, nothing is given back but the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, cast

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from orchestrator.manifests import printing, source
from orchestrator.manifests.source import Path


class _Removed:
    """Stands for a field that is taken out."""


REMOVED: Final = _Removed()


class CannotEdit(Exception):
    """The field cannot be changed in place; the message says why."""


def edit(text: str, document: int, path: Path, value: object) -> str:
    """The text with the field at `path` of a document (by its number) set to `value`, or taken out.

    Parents that are not there are made. A value is made of dicts, lists, text, numbers, booleans and None.

    Raises:
        CannotEdit: the text is not valid, the path leads through something else than objects and lists, or the
            value stands for other fields, too (an anchor).
    """
    wanted = _values(text)
    if document not in wanted:
        raise CannotEdit("the document is not there")
    wanted[document] = changed(wanted[document], path, value)
    breaks = "\r\n" if "\r\n" in text else "\n"
    new = _Editor(text.replace("\r\n", "\n"), document).put(path, value)
    new = new.replace("\n", breaks) if breaks != "\n" else new
    if _values(new) != wanted:
        raise CannotEdit(
            "it cannot be changed without changing something else (an anchor, or text in a form of its own)"
        )
    return new


def changed(root: Any, path: Path, value: object) -> Any:
    """Plain values with one field changed; what was given stays as it was.

    Raises:
        CannotEdit: the path leads through a value that is no object or list.
    """
    copied = _copied(root)
    if not path:
        raise CannotEdit("a whole document cannot be changed in place")
    holder: Any = copied
    for step, following in pairwise(path):
        if isinstance(holder, dict) and step not in holder and value is not REMOVED and isinstance(following, str):
            holder[step] = {}
        holder = _step(holder, step)
    last = path[-1]
    if value is REMOVED:
        _step(holder, last)
        del holder[last]
    elif isinstance(holder, dict) and isinstance(last, str):
        holder[last] = value
    else:
        _step(holder, last)
        holder[last] = value
    return copied


def _copied(value: Any) -> Any:
    """A copy in which nothing is shared: what an alias stands for is a value of its own."""
    if isinstance(value, dict):
        return {key: _copied(one) for key, one in cast("dict[str, Any]", value).items()}
    return [_copied(one) for one in cast("list[Any]", value)] if isinstance(value, list) else value


def _step(holder: Any, step: str | int) -> Any:
    try:
        return holder[step]
    except (KeyError, IndexError, TypeError) as error:
        raise CannotEdit(f"'{step}' is not there") from error


def _values(text: str) -> dict[int, object]:
    parsed = source.parse(text)
    if parsed.faults:
        raise CannotEdit(f"the text is not valid: {parsed.faults[0].message}")
    return dict(parsed.documents)


@dataclass(frozen=True, slots=True)
class _Spot:
    """A value with the key before it. `indent`: column of the key, or of the dash; `holder`: what it stands in."""

    key: Node | None
    node: Node
    holder: MappingNode | SequenceNode
    nth: int


class _Editor:
    def __init__(self, text: str, document: int) -> None:
        self.text = text
        self.root = _compose(text, document)

    def put(self, path: Path, value: object) -> str:
        spot, rest = self._find(path)
        if rest:
            return self._add(spot, rest, value)
        if spot is None:
            raise CannotEdit("a whole document cannot be changed in place")
        return self._remove(spot) if value is REMOVED else self._replace(spot, value)

    def _find(self, path: Path) -> tuple[_Spot | None, Path]:
        """The deepest value on the path that is there, and the steps that lead on from it."""
        spot: _Spot | None = None
        node = self.root
        for nth, step in enumerate(path):
            inner = _inner(node, step)
            if inner is None:
                return spot, path[nth:]
            spot, node = inner, inner.node
        return spot, ()

    # ---- the three changes

    def _replace(self, spot: _Spot, value: object) -> str:
        begin, end = spot.node.start_mark.index, self._end(spot.node)
        if spot.holder.flow_style:
            return self.text[:begin] + self._spaced(begin) + printing.flow(value) + self.text[end:]
        comment, line_end = self._rest_of_line(end)
        written = printing.block(value, self._column(spot))
        if isinstance(spot.node, ScalarNode) and spot.node.style in ("|", ">"):  # its comment stands behind the mark
            comment, line_end = self._header_comment(spot.node), end
        head, _, body = written.partition("\n")
        lead = self.text[:begin].rstrip(" \t") if written.startswith((" ", "\n")) else self.text[:begin]
        if not lead.endswith((":", "-")):
            lead = self.text[: self._after_mark(spot)]
        tail = f"\n{body}" if body else ""
        return f"{lead}{head.rstrip()}{comment}{tail}{self.text[line_end:]}"

    def _add(self, spot: _Spot | None, rest: Path, value: object) -> str:
        holder = spot.node if spot else self.root
        if value is REMOVED:
            raise CannotEdit(f"'{rest[0]}' is not there")
        if any(isinstance(step, int) for step in rest):
            raise CannotEdit("an entry of a list that is not there cannot be set")
        for step in reversed(rest[1:]):
            value = {str(step): value}
        key = str(rest[0])
        if isinstance(holder, ScalarNode) and spot is not None and holder.value in ("", "null", "~"):
            return self._replace(spot, {key: value})
        if not isinstance(holder, MappingNode):
            raise CannotEdit(f"'{key}' would stand in something that is no object")
        if holder.flow_style:
            return self._add_to_flow(holder, key, value)
        last = holder.value[-1][1]
        column = holder.value[0][0].start_mark.column
        at = self._rest_of_line(self._end(last))[1]
        line = f"{' ' * column}{printing.key_text(key)}:{printing.block(value, column)}"
        before = self.text[:at]
        return f"{before}{'' if before.endswith(chr(10)) else chr(10)}{line}{self._break(before, at)}{self.text[at:]}"

    def _add_to_flow(self, holder: MappingNode, key: str, value: object) -> str:
        entry = f"{printing.key_text(key)}: {printing.flow(value)}"
        if holder.value:
            at = self._end(holder.value[-1][1])
            return f"{self.text[:at]}, {entry}{self.text[at:]}"
        at = holder.start_mark.index + 1
        return f"{self.text[:at]}{entry}{self.text[at:]}"

    def _remove(self, spot: _Spot) -> str:
        entries = cast("list[Any]", spot.holder.value)
        if len(entries) == 1:
            begin, end = spot.holder.start_mark.index, self._end(spot.holder)
            empty = "{}" if isinstance(spot.holder, MappingNode) else "[]"
            if spot.holder.flow_style:
                return self.text[:begin] + empty + self.text[end:]
            line = self.text.rfind("\n", 0, begin)
            return f"{self.text[:line].rstrip()} {empty}{self.text[end:]}"
        if spot.holder.flow_style:
            return self._remove_from_flow(spot)
        begin = self._entry_start(spot)
        end = self._rest_of_line(self._end(spot.node))[1]
        start = self.text.rfind("\n", 0, begin) + 1
        if self.text[start:begin].strip():  # the first entry of a list's item: the next one takes its place
            following = entries[1][0] if isinstance(spot.holder, MappingNode) else entries[1]
            return self.text[:begin] + self.text[cast("Node", following).start_mark.index :]
        return self.text[:start] + self.text[end:].removeprefix("\n")

    def _remove_from_flow(self, spot: _Spot) -> str:
        begin, end = self._entry_start(spot), self._end(spot.node)
        comma = self.text.find(",", end) if spot.nth == 0 else self.text.rfind(",", 0, begin)
        if spot.nth == 0:
            after = comma + 1
            while self.text[after : after + 1] in (" ", "\n"):
                after += 1
            return self.text[:begin] + self.text[after:]
        return self.text[:comma] + self.text[end:]

    # ---- places in the text

    def _after_mark(self, spot: _Spot) -> int:
        """Right behind the colon, or the dash, before a value."""
        if spot.key is not None:
            return self.text.index(":", self._end(spot.key)) + 1
        return self._entry_start(spot) + (0 if spot.holder.flow_style else 1)

    def _entry_start(self, spot: _Spot) -> int:
        if spot.key is not None:
            return spot.key.start_mark.index
        return (
            spot.node.start_mark.index
            if spot.holder.flow_style
            else self.text.rfind("-", 0, spot.node.start_mark.index)
        )

    def _column(self, spot: _Spot) -> int:
        at = self._entry_start(spot)
        return at - self.text.rfind("\n", 0, at) - 1

    def _end(self, node: Node) -> int:
        """Behind the last character of a value, comments after it not counted."""
        if isinstance(node, ScalarNode):
            if node.style in ("|", ">"):
                return self._end_of_block(node)
            return node.end_mark.index
        holder = cast("MappingNode | SequenceNode", node)
        if holder.flow_style or not holder.value:
            return node.end_mark.index
        last: Any = holder.value[-1]
        inner = cast("Node", last[1] if isinstance(last, tuple) else last)
        return max(self._end(inner), node.start_mark.index)

    def _end_of_block(self, node: ScalarNode) -> int:
        """Behind its last line break; blank lines at its end that its mark does not keep belong to what follows."""
        end = node.end_mark.index
        kept = "+" in self.text[node.start_mark.index : self.text.find("\n", node.start_mark.index)].partition("#")[0]
        lines = self.text[node.start_mark.index : end]
        if kept:
            return node.start_mark.index + len(lines.rstrip(" ")) - lines.rstrip(" ").endswith("\n")
        return node.start_mark.index + len(lines.rstrip())

    def _rest_of_line(self, at: int) -> tuple[str, int]:
        """What stands behind a value on its line, with the blanks before it, and where the line ends."""
        end = self.text.find("\n", at)
        end = len(self.text) if end < 0 else end
        rest = self.text[at:end].rstrip()
        return (rest if rest.lstrip().startswith("#") else ""), end

    def _header_comment(self, node: ScalarNode) -> str:
        line = self.text[node.start_mark.index : self.text.find("\n", node.start_mark.index)]
        mark, sign, comment = line.partition("#")
        return f" {sign}{comment.rstrip()}" if sign and mark.strip() else ""

    def _spaced(self, at: int) -> str:
        return "" if self.text[at - 1] in " [{\n" else " "

    def _break(self, before: str, at: int) -> str:
        return "\n" if at >= len(self.text) and before.endswith("\n") else ""


def _inner(node: Node, step: str | int) -> _Spot | None:
    if isinstance(node, MappingNode):
        for nth, (key, value) in enumerate(cast("list[tuple[Node, Node]]", node.value)):
            if isinstance(key, ScalarNode) and key.value == step:
                return _Spot(key, value, node, nth)
    if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
        return _Spot(None, cast("list[Node]", node.value)[step], node, step)
    return None


class _Nodes(yaml.SafeLoader):
    """Nodes with their marks; an alias is a scalar of its own, with the place where it stands."""

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        if self.check_event(yaml.AliasEvent):  # pyright: ignore[reportUnknownMemberType]
            event = cast("yaml.AliasEvent", self.get_event())  # pyright: ignore[reportUnknownMemberType]
            start, end = cast("Any", event.start_mark), cast("Any", event.end_mark)
            return ScalarNode("", f"*{event.anchor}", start, end)
        return super().compose_node(parent, index)


def _compose(text: str, document: int) -> MappingNode:
    loader = _Nodes(text)
    nodes: list[Any] = []
    while loader.check_node():
        nodes.append(loader.get_node())
    if document >= len(nodes) or not isinstance(nodes[document], MappingNode):
        raise CannotEdit("the document is no object")
    return nodes[document]
