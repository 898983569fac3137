"""YAML text in, plain values out, and on demand the place of every key and value. Never raises, hangs or crashes.

libyaml's parser delivers *events*; they are turned into dicts, lists and scalars right here, with a limit on depth and
size at every step. No node graph is ever built, so nothing recurses in C (100,000 brackets end PyYAML's own loader)
and nothing has to be thrown away. Places are not kept: the few that a complaint needs are found by reading again.

Left out on purpose: tags (YAML never makes Python objects), merge keys, keys that are not text. Aliases share the
value they name and count with its full size.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, cast

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from orchestrator.manifests import scalars

Path = tuple[str | int, ...]

MAX_BYTES = 1 << 20
MAX_DEPTH = 64
MAX_NODES = 100_000  # after aliases are expanded; 128 characters of text count as one more

_TAGS = frozenset((None, "tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"))
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # what libyaml counts as the end of a line
_HINTS = {
    "mapping values are not allowed": "quote a text that holds ': ', or check the indentation",
    "could not find expected ':'": "each entry needs the form 'key: value'",
    "that cannot start any token": "quote a text that begins with @, ` or %, and indent with spaces",
    "did not find expected key": "check the indentation and the quotes of the lines above",
    "expected node content": "a value is missing, or a bracket or brace is not closed",
    "did not find expected ',' or": "a bracket or brace is not closed",
    "unexpected end of stream": "a quote is not closed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Line and column count from 1; `end_column` is exclusive and only known on the same line."""

    line: int
    column: int
    end_column: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that is wrong with the text itself."""

    message: str
    place: Place
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    """The values of all documents that are not empty, each with its number in the text, and the faults."""

    documents: tuple[tuple[int, object], ...]
    faults: tuple[Fault, ...]


class _Mark(Protocol):
    """What the marks of libyaml and of PyYAML have in common; both count from 0."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class _Stop(Exception):
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def parse(text: str) -> Parsed:
    """Read all documents of a text. After a fault in the grammar the rest of the text is not read."""
    reader = _Reader(record=False)
    found = tuple((i, value) for i, (value, start) in enumerate(reader.read(text)) if not _is_empty(start))
    return Parsed(found, tuple(reader.faults))


def place_of(text: str, document: int, path: Path, *, key: bool = False) -> Place:
    """Where the value (or the key) at `path` stands; for a path that is not there, its nearest parent."""
    return _positions(text).find(document, path, key=key)


def line_of(text: str, line: int) -> str:
    """Line `line` (from 1) of a text, without its end; empty if there is no such line."""
    lines = _lines(text)
    return lines[line - 1] if 0 < line <= len(lines) else ""


@lru_cache(maxsize=8)
def _lines(text: str) -> list[str]:
    return _BREAK.split(text)


def _is_empty(start: Event) -> bool:
    return isinstance(start, ScalarEvent) and not start.value and bool(start.implicit[0])


def _place(start: _Mark | None, end: _Mark | None = None) -> Place:
    if start is None:
        return Place(line=1, column=1)
    same = end is not None and end.line == start.line and end.column > start.column
    return Place(
        line=start.line + 1, column=start.column + 1, end_column=end.column + 1 if end is not None and same else None
    )


def _place_of_event(event: Event) -> Place:
    return _place(event.start_mark, event.end_mark)


def _place_of_index(text: str, index: int) -> Place:
    before = _BREAK.split(text[:index])
    return Place(line=len(before), column=len(before[-1]) + 1)


def _events(text: str) -> Callable[[], Event]:
    """The one place that touches PyYAML's half-typed loaders: libyaml's parser, or the slow one where it is missing."""
    loader = yaml.CSafeLoader(text) if yaml.__with_libyaml__ else yaml.SafeLoader(text)
    return cast("Callable[[], Event]", loader.get_event)


class _Reader:
    """One pass over a text. With `record`, the events of every key and value are kept by their container."""

    def __init__(self, *, record: bool) -> None:
        self.faults: list[Fault] = []
        self.places: dict[int, dict[str | int, tuple[Event | None, Event]]] = {}
        self._record = record
        self._next: Callable[[], Event] = StreamEndEvent
        self._nodes = 0
        self._anchors: dict[str, tuple[object, int]] = {}

    def read(self, text: str) -> Iterator[tuple[object, Event]]:
        """Yield the value and the first event of each document; faults are collected."""
        try:
            yield from self._documents(text)
        except _Stop as stop:
            self.faults.append(stop.fault)
        except yaml.MarkedYAMLError as error:
            self.faults.append(_grammar_fault(text, error))
        except (yaml.YAMLError, UnicodeError):
            self.faults.append(_character_fault(text))

    def _documents(self, text: str) -> Iterator[tuple[object, Event]]:
        self._next = _events(text)
        while True:
            event = self._next()
            if isinstance(event, StreamEndEvent):
                return
            if isinstance(event, DocumentStartEvent):
                self._anchors.clear()
                start = self._next()
                yield self._value(start, 1), start

    def _value(self, event: Event, depth: int) -> object:
        before = self._nodes
        if isinstance(event, ScalarEvent):
            value = self._scalar(event)
        elif isinstance(event, AliasEvent):
            return self._alias(event)
        elif isinstance(event, MappingStartEvent):
            value = self._mapping(event, depth)
        else:
            value = self._sequence(event, depth)
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _Stop(_too_large(event))
        if isinstance(event, NodeEvent) and event.anchor is not None:
            self._anchors[event.anchor] = (value, self._nodes - before)
        return value

    def _scalar(self, event: ScalarEvent) -> scalars.Scalar:
        text: str = event.value
        self._nodes += len(text) >> 7
        if event.implicit[0]:
            try:
                return scalars.resolve(text)
            except ValueError as error:
                self._complain(str(error), event, "quote it if it is meant as text")
                return None
        if event.tag is not None:
            self._check_tag(event)
        if "\0" in text:
            self._complain("the text holds a NUL character", event)
        return text

    def _mapping(self, start: MappingStartEvent, depth: int) -> dict[str, object]:
        self._enter(start, depth)
        found: dict[str, object] = {}
        seen: dict[str, Event] = {}
        while True:
            event = self._next()
            if isinstance(event, MappingEndEvent):
                return found
            key = self._key(event, depth)
            start_of_value = self._next()
            value = self._value(start_of_value, depth + 1)
            if key is None:
                continue
            if key in found:
                self._doubled(key, seen[key], event)
                continue
            seen[key] = event
            found[key] = value
            if self._record:
                self.places.setdefault(id(found), {})[key] = (event, start_of_value)

    def _sequence(self, start: Event, depth: int) -> list[object]:
        self._enter(start, depth)
        found: list[object] = []
        while True:
            event = self._next()
            if isinstance(event, SequenceEndEvent):
                return found
            if self._record:
                self.places.setdefault(id(found), {})[len(found)] = (None, event)
            found.append(self._value(event, depth + 1))

    def _enter(self, event: Event, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise _Stop(Fault(message=f"nested more than {MAX_DEPTH} levels deep", place=_place_of_event(event)))
        if isinstance(event, (MappingStartEvent, SequenceStartEvent)) and event.tag is not None:
            self._check_tag(event)

    def _key(self, event: Event, depth: int) -> str | None:
        if isinstance(event, ScalarEvent) and event.value != "<<":
            key = self._scalar(event)
            if isinstance(key, str):
                return key
        else:
            self._value(event, depth + 1)
        if isinstance(event, ScalarEvent) and event.value == "<<":
            self._complain("merge keys (`<<`) are not supported", event, "write the keys out, or alias a whole value")
        else:
            self._complain("a key must be text", event, "quote the key")
        return None

    def _alias(self, event: AliasEvent) -> object:
        if event.anchor not in self._anchors:
            self._complain(f"there is no anchor '&{event.anchor}' before this place", event)
            return None
        value, size = self._anchors[event.anchor]
        self._nodes += size
        if self._nodes > MAX_NODES:
            raise _Stop(_too_large(event))
        return value

    def _check_tag(self, event: NodeEvent) -> None:
        tag = str(getattr(event, "tag", None))
        if tag not in _TAGS:
            short = tag.replace("tag:yaml.org,2002:", "!!")[:60]
            self._complain(f"the tag '{short}' is not supported", event, "remove it: manifests are plain values")

    def _doubled(self, key: str, first: Event, second: Event) -> None:
        place = _place_of_event(first)
        self._complain(f"key '{key[:60]}' is given twice, first in line {place.line}, column {place.column}", second)

    def _complain(self, message: str, event: Event, hint: str | None = None) -> None:
        if len(self.faults) < 100:
            self.faults.append(Fault(message=message, place=_place_of_event(event), hint=hint))


class _Positions:
    def __init__(self, text: str) -> None:
        reader = _Reader(record=True)
        self._roots = list(reader.read(text))
        self._places = reader.places

    def find(self, document: int, path: Path, *, key: bool) -> Place:
        if document >= len(self._roots):
            return Place(line=1, column=1)
        value, event = self._roots[document]
        for nth, step in enumerate(path, 1):
            known = self._places.get(id(value), {}).get(step)
            if known is None:
                break
            event = known[0] if key and nth == len(path) and known[0] is not None else known[1]
            value = _child(value, step)
        return _place_of_event(event)


@lru_cache(maxsize=8)
def _positions(text: str) -> _Positions:
    return _Positions(text)


def _child(value: object, step: str | int) -> object:
    return cast("Mapping[str | int, object]", value)[step]


def _too_large(event: Event) -> Fault:
    return Fault(
        message=f"more than {MAX_NODES:,} values, aliases expanded",
        place=_place_of_event(event),
        hint="split the file, or use fewer aliases",
    )


def _grammar_fault(text: str, error: yaml.MarkedYAMLError) -> Fault:
    problem = str(error.problem or error.context or "cannot be read")
    place = _place(error.problem_mark or error.context_mark)
    hint = next((hint for part, hint in _HINTS.items() if part in problem), None)
    line = line_of(text, place.line)
    if "\t" in line[: len(line) - len(line.lstrip())]:
        hint = "indent with spaces, not tabs"
    since = f" ({error.context})" if error.context and error.problem else ""
    return Fault(message=f"not YAML: {problem}{since}", place=place, hint=hint)


def _character_fault(text: str) -> Fault:
    found = _NOT_TEXT.search(text)
    if found is None:
        return Fault(message="not YAML", place=Place(line=1, column=1))
    message = f"the character U+{ord(found[0]):04X} cannot stand in a manifest"
    return Fault(message=message, place=_place_of_index(text, found.start()), hint="remove it")
