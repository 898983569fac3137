"""Plain values → YAML text that is pleasant to read and reads back as the same values. Pure.

Mappings and lists in block form, text of several lines as a block (`|`), other text without quotes where that is safe.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import cast

INDENT = 2
_PLAIN = re.compile(r"[A-Za-z_/](?:[A-Za-z0-9 _./()+'-]|:(?=[A-Za-z0-9_./]))*")
_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))  # no text to some reader of YAML
_BLOCK = re.compile(r"[\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]*")
_BREAKS = re.compile("[\x85\u2028\u2029]")  # libyaml ends a line there, too
_SHORT = 80  # characters of a list that stands on one line


def document(value: Mapping[str, object]) -> str:
    """One document, without the line that separates it from others."""
    return "\n".join(_mapping(value, 0)) + "\n"


def block(value: object, indent: int) -> str:
    """A value as it follows `key:`; lines after the first are indented by more than `indent` columns."""
    if isinstance(value, Mapping) and value:
        return "\n" + "\n".join(_mapping(cast("Mapping[str, object]", value), indent + INDENT))
    if isinstance(value, list | tuple) and value:
        items = cast("Sequence[object]", value)
        line = flow(items)
        if len(line) <= _SHORT and not any(isinstance(one, Mapping | list | tuple) for one in items):
            return f" {line}"
        return "\n" + "\n".join(_sequence(items, indent + INDENT))
    if isinstance(value, str) and "\n" in value and _as_block(value):
        return " " + _literal(value, indent + INDENT)
    return f" {flow(cast('object', value))}"


def flow(value: object) -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, object]", value).items()
        return "{" + ", ".join(f"{key_text(key)}: {flow(one)}" for key, one in pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(one) for one in cast("Sequence[object]", value)) + "]"
    if isinstance(value, str):
        return scalar(value)
    return json.dumps(value)


def scalar(text: str) -> str:
    """Text on one line: plain if that reads back as the same text everywhere, else in double quotes."""
    plain = _PLAIN.fullmatch(text) and text == text.rstrip() and text.lower() not in _WORDS
    return text if plain else _quoted(text)


def key_text(key: str) -> str:
    """A key of a mapping."""
    return scalar(key)


def _quoted(text: str) -> str:
    return "".join(map(_escaped, json.dumps(text, ensure_ascii=False)))


def _escaped(c: str) -> str:
    if c.isprintable():
        return c
    return f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}"


def _mapping(value: Mapping[str, object], indent: int) -> list[str]:
    return [f"{' ' * indent}{key_text(key)}:{block(one, indent)}" for key, one in value.items()]


def _sequence(items: Sequence[object], indent: int) -> list[str]:
    lines: list[str] = []
    for one in items:
        if isinstance(one, Mapping) and one:
            entry = cast("Mapping[str, object]", one)
            line = flow(entry)
            if len(line) <= _SHORT and not any(isinstance(v, Mapping) for v in entry.values()):
                lines.append(f"{' ' * indent}- {line}")
                continue
            first, *rest = _mapping(entry, indent + INDENT)
            lines += [f"{' ' * indent}- {first.lstrip(' ')}", *rest]
        else:
            lines.append(f"{' ' * indent}-{block(cast('object', one), indent)}")
    return lines


def _as_block(text: str) -> bool:
    """Whether a block holds the text unchanged."""
    return (
        bool(_BLOCK.fullmatch(text)) and not _BREAKS.search(text) and bool(text.strip()) and not text.startswith("\n")
    )


def _literal(text: str, indent: int) -> str:
    body = text.rstrip("\n")
    after = len(text) - len(body)
    chomp = {0: "-", 1: ""}.get(after, "+")
    hint = str(INDENT) if body[:1] in (" ", "\t") else ""
    lines = [f"{' ' * indent}{line}" if line else "" for line in text.split("\n")[: -1 if after else None]]
    return f"|{hint}{chomp}\n" + "\n".join(lines)
