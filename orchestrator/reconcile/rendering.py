"""Jinja2 text → instructions: sandboxed, undefined is an error, includes come from the folder's templates only. Pure.

A text that may cost more than its size (`weighing`) is neither compiled nor rendered here, but handed to whoever can do
that without harm.
Each source is compiled once, text without markup not at all, and the same source with the same values is rendered once.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from jinja2 import DictLoader, StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta, nodes
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from orchestrator.diagnostics import did_you_mean
from orchestrator.reconcile.weighing import expansions, is_heavy, is_plain, too_many
from orchestrator.wire.assistants import INSTRUCTIONS_LENGTH

Values = Mapping[str, str | int | float | bool]
Apart = Callable[[str, Values], str]
_MARKUP = ("{{", "{%", "{#")


class TemplateFault(Exception):
    """Text that cannot be rendered. `line` counts from 1 in the source `file`; `file` None: the text itself."""

    def __init__(self, message: str, *, line: int = 1, file: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.file = file
        self.hint = hint


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2's sandbox, in which one multiplication or power can't eat the machine's memory either."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        sizes = [len(side) for side in (left, right) if hasattr(side, "__len__")]
        counts = [abs(side) for side in (left, right) if isinstance(side, int)]
        if operator == "**" and any(count > 1_000 for count in counts):
            raise TemplateFault("a power with numbers beyond 1,000 is refused")
        if sizes and any(max(sizes) * count > INSTRUCTIONS_LENGTH for count in counts):
            raise TemplateFault(f"the text grows longer than {INSTRUCTIONS_LENGTH:,} characters")
        return super().call_binop(context, operator, left, right)


@dataclass(frozen=True, slots=True)
class Uses:
    """What a text depends on: template files, also those included by them, and names of variables."""

    files: frozenset[str]
    names: frozenset[str]


class Renderer:
    """Renders texts with the templates of one folder (path → source).

    `apart` renders what may be costly, and raises TemplateFault as `render` does; None: that is done here, too.
    """

    def __init__(self, templates: Mapping[str, str], apart: Apart | None = None) -> None:
        self._templates = templates
        self._apart = apart
        self._weights: dict[str, bool] = {}
        self._jinja = _Sandbox(loader=DictLoader(templates), undefined=StrictUndefined, autoescape=False, cache_size=-1)
        self._compiled: dict[str, Template | None] = {}
        self._rendered: dict[tuple[str, tuple[tuple[str, Any], ...]], str] = {}
        self._uses: dict[str, Uses] = {}

    def render(self, source: str, values: Values) -> str:
        """The text with its values.

        Raises:
            TemplateFault: a syntax error, an undefined name, an unknown include, or a text without end.
        """
        if not any(mark in source for mark in _MARKUP):
            return source
        key = (source, tuple(sorted(values.items())))
        if key not in self._rendered:
            self._rendered[key] = self._render(source, values)
        return self._rendered[key]

    def check(self, source: str) -> None:
        """Whether the text can be compiled.

        Raises:
            TemplateFault: a syntax error.
        """
        try:
            self._prepared(source)
        except TemplateSyntaxError as error:
            raise TemplateFault(error.message or "syntax error", line=error.lineno, file=error.name) from error

    def uses(self, source: str) -> Uses:
        """What a text depends on. Where it includes a file by a computed name, that may be any file."""
        if source not in self._uses:
            self._uses[source] = self._all_uses(source)
        return self._uses[source]

    def _all_uses(self, source: str) -> Uses:
        files: set[str] = set()
        names: set[str] = set()
        todo = [source]
        while todo:
            named, variables = self._direct(todo.pop())
            names |= variables
            new = {file for one in named for file in ([one] if one else self._templates)} - files
            files |= new
            todo += [self._templates[file] for file in sorted(new) if file in self._templates]
        return Uses(frozenset(files), frozenset(names))

    def _direct(self, source: str) -> tuple[list[str | None], set[str]]:
        if not any(mark in source for mark in _MARKUP):
            return [], set()
        try:
            tree = self._jinja.parse(source)
            return list(meta.find_referenced_templates(tree)), meta.find_undeclared_variables(tree)
        except TemplateError:  # complained of where it is rendered
            return [], set()

    def _render(self, source: str, values: Values) -> str:
        try:
            template = self._prepared(source)
            if template is None and self._apart is not None:
                return self._apart(source, values)
            return _bounded(template or self._jinja.from_string(source), values)
        except TemplateSyntaxError as error:
            raise TemplateFault(error.message or "syntax error", line=error.lineno, file=error.name) from error
        except TemplateError as error:
            raise self._undefined(error, values) from error
        except RecursionError as error:
            raise TemplateFault("the templates include each other without end") from error
        except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, MemoryError) as error:
            line, file = _place(error.__traceback__)
            raise TemplateFault(f"{type(error).__name__}: {error}", line=line, file=file) from error

    def _prepared(self, source: str) -> Template | None:
        """The compiled text; None: it may be costly, and already compiling it works out what is constant."""
        if source not in self._compiled:
            tree = self._jinja.parse(source)
            if self._apart is not None and not is_plain(source) and self._is_heavy(tree):
                self._compiled[source] = None
            else:
                code = self._jinja.compile(tree)
                self._compiled[source] = Template.from_code(self._jinja, code, self._jinja.make_globals(None), None)
        return self._compiled[source]

    def _is_heavy(self, tree: nodes.Template) -> bool:
        """Whether a text, with all that it includes, may cost more than its size."""
        if is_heavy(tree):
            return True
        own = list(meta.find_referenced_templates(tree))
        if not own:
            return False
        reached: set[str] = set()

        def included(name: str | None) -> list[str | None]:
            if name is None:
                return own
            reached.add(name)
            return self._direct(self._templates.get(name, ""))[0]

        return too_many(expansions(None, included)) or any(self._weighs(name) for name in reached)

    def _weighs(self, name: str) -> bool:
        """Whether a template of the folder is heavy by itself."""
        if name not in self._weights:
            try:
                self._weights[name] = is_heavy(self._jinja.parse(self._templates.get(name, "")))
            except TemplateError:  # complained of where it is rendered
                self._weights[name] = False
        return self._weights[name]

    def _undefined(self, error: TemplateError, values: Values) -> TemplateFault:
        line, file = _place(error.__traceback__)
        message = error.message or str(error) or type(error).__name__
        if type(error).__name__ in ("TemplateNotFound", "TemplatesNotFound"):
            return TemplateFault(
                f"there is no template '{message}'", line=line, file=file, hint=did_you_mean(message, self._templates)
            )
        word = message.split("'")[1] if message.count("'") >= 2 else ""
        return TemplateFault(message, line=line, file=file, hint=did_you_mean(word, values) if word else None)


def _bounded(template: Template, values: Values) -> str:
    parts: list[str] = []
    size = 0
    for part in template.generate(**values):
        size += len(part)
        if size > INSTRUCTIONS_LENGTH:
            raise TemplateFault(f"the text grows longer than {INSTRUCTIONS_LENGTH:,} characters")
        parts.append(part)
    return "".join(parts)


def _place(trace: TracebackType | None) -> tuple[int, str | None]:
    """Line and template file of the innermost frame inside a template."""
    line, file = 1, None
    for frame in traceback.extract_tb(trace):
        if frame.filename == "<template>":
            line, file = frame.lineno or 1, None
        elif frame.filename.endswith(".j2"):
            line, file = frame.lineno or 1, frame.filename
    return line, file
