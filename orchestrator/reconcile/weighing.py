"""Whether rendering a template is sure to be cheap, as far as its text tells. Pure.

Cheap is what its size and that of its variables bound: text, values, conditions, one loop over what is there, filters
that do not make text longer. All else – calls, loops in loops, macros, text built up by `set`, filters that pad – may
be just as harmless, but cannot be told from what fills the machine's memory; it is rendered where that does no harm.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from jinja2 import nodes

_FILTERS = frozenset(
    (
        *("abs", "capitalize", "count", "d", "default", "e", "escape", "first", "float", "forceescape", "int", "last"),
        *("length", "lower", "max", "min", "round", "safe", "string", "title", "trim", "upper", "wordcount"),
    )
)
_HEAVY = frozenset(
    (nodes.Call, nodes.Macro, nodes.CallBlock, nodes.Import, nodes.FromImport, nodes.Mod, nodes.AssignBlock)
)
_JOINS = (nodes.Concat, nodes.Add)
_JOINED = 20  # texts put together in one template
_EXPANSIONS = 1000  # includes of includes, counted as often as they are rendered


_MARK = re.compile(r"\{\{(.*?)\}\}|\{%(.*?)%\}|\{#", re.DOTALL)
_VALUE = re.compile(rf"[-+]?\s*\w+(?:\.\w+)*\s*(?:\|\s*(?:{'|'.join(_FILTERS)})\s*)*[-+]?")
_CONDITION = re.compile(r"[-+]?\s*(?:if|elif|else|endif)\b[\w\s.=!<>-]*")


def is_plain(source: str) -> bool:
    """Whether a text has nothing but names, with harmless filters, and conditions without quotes: a look at its tree
    is not needed then.
    """
    for mark in _MARK.finditer(source):
        value, statement = mark.groups()
        if value is not None:
            if not _VALUE.fullmatch(value):
                return False
        elif statement is None or not _CONDITION.fullmatch(statement):
            return False
    return True


def is_heavy(tree: nodes.Template) -> bool:
    """Whether one template, without those that it includes, may cost more than its size."""
    joined = 0
    for node in tree.find_all(nodes.Node):
        match node:
            case nodes.Filter(name=name):
                heavy = name not in _FILTERS
            case nodes.For(recursive=recursive):
                heavy = recursive or any(_has(one, (nodes.For, nodes.Include)) for one in node.body)
            case nodes.Assign():
                heavy = _has(node.node, _JOINS)
            case nodes.Concat(nodes=parts):
                joined += len(parts)
                heavy = joined > _JOINED
            case nodes.Add():
                joined += 2
                heavy = joined > _JOINED
            case _:
                heavy = type(node) in _HEAVY
        if heavy:
            return True
    return False


def _has(node: nodes.Node, kinds: tuple[type[nodes.Node], ...]) -> bool:
    return isinstance(node, kinds) or next(node.find_all(kinds), None) is not None


def expansions(root: str | None, included: Callable[[str | None], list[str | None]]) -> int:
    """How many templates are rendered in all, or more than is sensible if that is not known.

    `included` gives the names that a template includes, None for one that is computed.
    """
    known: dict[str | None, int] = {}

    def count(name: str | None, way: frozenset[str | None]) -> int:
        if name in way:
            return _EXPANSIONS + 1  # a circle
        if name not in known:
            total = 1
            for one in included(name):
                total += _EXPANSIONS + 1 if one is None else count(one, way | {name})
                if total > _EXPANSIONS:
                    break
            known[name] = total
        return known[name]

    return count(root, frozenset())


def too_many(number: int) -> bool:
    """Whether so many templates in one are more than is sensible."""
    return number > _EXPANSIONS
