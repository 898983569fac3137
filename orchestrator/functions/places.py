"""Where a function, one of its parameters, or the failure of a plug-in stands in the files."""

from __future__ import annotations

import ast
import linecache
import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

from orchestrator.diagnostics import Span
from orchestrator.functions.callables import behind


@dataclass(frozen=True, slots=True)
class Place:
    """A span and the line it quotes."""

    span: Span
    quote: str | None = None


def place_of(function: Callable[..., Any]) -> Place:
    """The place of the name in `def name`; of a partial or an object, that of the code behind it."""
    code = _code_of(function)
    if code is None:
        return Place(Span(file="<unknown>"))
    first = code.co_firstlineno
    pattern = re.compile(rf"^\s*(?:async\s+)?def\s+({re.escape(code.co_name)})\b")
    for line in range(first, first + 40):
        text = linecache.getline(code.co_filename, line)
        match = pattern.match(text)
        if match:
            span = Span(file=code.co_filename, line=line, column=match.start(1) + 1, end_column=match.end(1) + 1)
            return Place(span, text.rstrip("\n"))
    return line_place(code.co_filename, first)


def parameter_place(function: Callable[..., Any], name: str) -> Place:
    """The place of a parameter in the signature; of the function, when the source does not tell."""
    code = _code_of(function)
    argument = _argument_node(code, name) if code else None
    if code is None or argument is None:
        return place_of(function)
    quote = linecache.getline(code.co_filename, argument.lineno).rstrip("\n")
    column = _characters(quote, argument.col_offset) + 1
    span = Span(file=code.co_filename, line=argument.lineno, column=column, end_column=column + len(name))
    return Place(span, quote)


def failure_place(error: BaseException, root: Path, fallback: Path) -> Place:
    """The innermost place of a failure that lies below `root`; else the first line of `fallback`."""
    if isinstance(error, SyntaxError) and error.filename and _below(error.filename, root):
        return _syntax_place(error, error.filename)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if _below(frame.filename, root):
            return _frame_place(frame)
    return line_place(str(fallback), 1)


def line_place(file: str, line: int) -> Place:
    """A whole line."""
    quote = linecache.getline(file, line).rstrip("\n") or None
    indent = len(quote) - len(quote.lstrip()) if quote else 0
    end = len(quote.rstrip()) + 1 if quote and quote.strip() else None
    return Place(Span(file=file, line=line, column=indent + 1, end_column=end), quote)


def _syntax_place(error: SyntaxError, file: str) -> Place:
    if "unicode error" in error.msg:
        place = _undecodable(file)
        if place:
            return place
    line, column = max(1, error.lineno or 1), max(1, error.offset or 1)
    quote = linecache.getline(file, line).rstrip("\n") or (error.text or "").rstrip("\n") or None
    end = error.end_offset if error.end_lineno == line and (error.end_offset or 0) > column else None
    return Place(Span(file=file, line=line, column=column, end_column=end), quote)


def _undecodable(file: str) -> Place | None:
    """The first byte that is not UTF-8; what Python says of it differs from version to version."""
    data = Path(file).read_bytes()
    try:
        data.decode()
    except UnicodeDecodeError as error:
        start = data.rfind(b"\n", 0, error.start) + 1
        line = data.count(b"\n", 0, error.start) + 1
        column = len(data[start : error.start].decode()) + 1
        quote = data[start:].partition(b"\n")[0].decode(errors="replace")
        return Place(Span(file=file, line=line, column=column), quote)
    return None


def _frame_place(frame: traceback.FrameSummary) -> Place:
    whole = line_place(frame.filename, frame.lineno or 1)
    if frame.colno is None or whole.quote is None:
        return whole
    column = _characters(whole.quote, frame.colno) + 1
    end = None
    if frame.end_colno is not None and frame.end_lineno == frame.lineno:
        end = _characters(whole.quote, frame.end_colno) + 1
    span = Span(file=frame.filename, line=whole.span.line, column=column, end_column=end)
    return Place(span, whole.quote)


def _characters(line: str, offset: int) -> int:
    """Python counts columns in bytes of UTF-8; people count characters."""
    return len(line.encode("utf-8", "replace")[:offset].decode("utf-8", "replace"))


def _below(file: str, root: Path) -> bool:
    return Path(file).is_relative_to(root)


def _code_of(function: Callable[..., Any]) -> CodeType | None:
    code = getattr(behind(function), "__code__", None)
    return code if isinstance(code, CodeType) else None


def _argument_node(code: CodeType, name: str) -> ast.arg | None:
    try:
        tree = ast.parse("".join(linecache.getlines(code.co_filename)))
    except (SyntaxError, ValueError, RecursionError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == code.co_name:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            if first == code.co_firstlineno:
                every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                every += [a for a in (node.args.vararg, node.args.kwarg) if a]
                return next((a for a in every if a.arg == name), None)
    return None
