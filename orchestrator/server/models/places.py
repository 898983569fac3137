"""A small YAML file as plain values that remember their places. YAML 1.2's core types; no aliases, no tags."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from orchestrator.diagnostics import Diagnostic, Span

Loc = tuple[int | str, ...]

_TAG = "tag:yaml.org,2002:"
_SCALARS: dict[str, Callable[[str], object]] = {
    f"{_TAG}str": str,
    f"{_TAG}null": lambda _: None,
    f"{_TAG}bool": lambda text: text.lower() == "true",
    f"{_TAG}int": int,
    f"{_TAG}float": float,
}
_RESOLVERS = (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?[0-9]{1,18}$", list("-+0123456789")),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,2})?$", list("-+0123456789.")),
)


MAX_BYTES = 1024 * 1024


class _Loader(yaml.SafeLoader):
    """Plain scalars as YAML 1.2 reads them: `no` and dates are text."""


_Loader.yaml_implicit_resolvers = {}
for _name, _pattern, _first in _RESOLVERS:
    for _character in _first:
        _Loader.yaml_implicit_resolvers.setdefault(_character, []).append((_TAG + _name, re.compile(_pattern)))


class ScriptUnreadable(Exception):
    """The file cannot be read, or is not YAML."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(str(diagnostic))
        self.diagnostic = diagnostic


class Places:
    """The values of a file, the complaints met on the way, and where each value stands."""

    def __init__(self, file: str, text: str, root: yaml.Node) -> None:
        self._file = file
        self._lines = text.splitlines()
        self._at: dict[Loc, yaml.Node] = {}
        self._keys: dict[Loc, yaml.Node] = {}
        self.complaints: list[Diagnostic] = []
        self.value = self._plain((), root)

    def span(self, loc: Loc, *, at_key: bool = False) -> Span:
        """The place of a value, or of the nearest one around it that the file has."""
        while loc and loc not in self._at:
            loc = loc[:-1]
        return self._span(self._keys[loc] if at_key and loc in self._keys else self._at[loc])

    def complain(
        self, loc: Loc, code: str, message: str, *, hint: str | None = None, at_key: bool = False
    ) -> Diagnostic:
        """A complaint about a value, with its line quoted."""
        return self._diagnostic(self.span(loc, at_key=at_key), code, message, hint)

    def _diagnostic(self, span: Span, code: str, message: str, hint: str | None = None) -> Diagnostic:
        quote = self._lines[span.line - 1] if span.line <= len(self._lines) else None
        return Diagnostic(code=code, message=message, span=span, quote=quote, hint=hint)

    def _span(self, node: yaml.Node) -> Span:
        start, end = node.start_mark, node.end_mark
        same = end.line == start.line and end.column > start.column
        return Span(
            file=self._file,
            line=start.line + 1,
            column=start.column + 1,
            end_column=(end.column if same else start.column + 1) + 1,
        )

    def _plain(self, loc: Loc, node: yaml.Node) -> object:
        self._at[loc] = node
        if isinstance(node, yaml.MappingNode):
            return self._mapping(loc, node)
        if isinstance(node, yaml.SequenceNode):
            return [self._plain((*loc, i), item) for i, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, loc: Loc, node: yaml.MappingNode) -> dict[str, object]:
        values: dict[str, object] = {}
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else None
            if name is None or name in values:
                message = "a key must be a plain word" if name is None else f"'{name}' is given twice"
                self.complaints.append(self._diagnostic(self._span(key), "MAN091", message))
                continue
            self._keys[*loc, name] = key
            values[name] = self._plain((*loc, name), value)
        return values

    def _scalar(self, node: yaml.Node) -> Any:
        try:
            return _SCALARS[node.tag](node.value)
        except (KeyError, ValueError):
            message = f"the value does not fit the tag '{node.tag.replace(_TAG, '!!')}'"
            self.complaints.append(self._diagnostic(self._span(node), "MAN091", message))
            return node.value


def _text(path: Path) -> str:
    """A plain file of bounded size; a FIFO or a device is never waited for."""
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is not a plain file")
        if found.st_size > MAX_BYTES:
            raise OSError(errno.EFBIG, f"it is larger than {MAX_BYTES // 1024} KiB")
        return file.read().decode()


def read_places(path: Path) -> Places:
    """Read one YAML document.

    Raises:
        ScriptUnreadable: the file cannot be read, is not one YAML document, or uses aliases.
    """
    file = str(path)
    try:
        text = _text(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise _unreadable(file, f"cannot read the script: {reason}") from error
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, _Loader)):
            raise _unreadable(file, "a script cannot use aliases (*name)")
        root = yaml.compose(text, _Loader)
    except (yaml.YAMLError, RecursionError) as error:
        raise _not_yaml(file, text, error) from error
    if root is None:
        raise _unreadable(file, "the script is empty")
    return Places(file, text, root)


def _unreadable(file: str, message: str) -> ScriptUnreadable:
    return ScriptUnreadable(Diagnostic(code="MAN090", message=message, span=Span(file=file)))


def _not_yaml(file: str, text: str, error: Exception) -> ScriptUnreadable:
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    if mark is None:
        return _unreadable(file, f"not YAML: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
    problem = error.problem if isinstance(error, yaml.MarkedYAMLError) else None
    lines = text.splitlines()
    return ScriptUnreadable(
        Diagnostic(
            code="MAN090",
            message=f"not YAML: {problem}",
            span=Span(file=file, line=mark.line + 1, column=mark.column + 1),
            quote=lines[mark.line] if mark.line < len(lines) else None,
        )
    )
