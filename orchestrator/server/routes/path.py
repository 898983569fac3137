"""What the map of routes is made of."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import getdoc

from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from orchestrator.server.dialects.dialect import Dialect
from orchestrator.server.exchange import Streamed, Verb


def _everywhere(dialect: Dialect) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Path:
    """A path below the base of a dialect, and what each HTTP method does there. `only`: which dialects have it.

    A verb's name is the name of its function, `create_run` say; its summary is the first line of the docstring.
    """

    template: str
    verbs: Mapping[str, Verb]
    only: Callable[[Dialect], bool] = _everywhere


def name(verb: Verb) -> str:
    """What a verb is called, once in the whole map: `create_run`, say."""
    return _function(verb).__name__


def summary(verb: Verb) -> str:
    """What a verb does, in one line."""
    return (getdoc(_function(verb)) or "").partition("\n")[0]


def _function(verb: Verb) -> Verb:
    return verb.verb if isinstance(verb, Streamed) else verb


class At(Route):
    """A path, all of it: Starlette's own pattern lets a line break (`%0A`) follow."""

    def __init__(self, path: str, app: ASGIApp) -> None:
        super().__init__(path, app)
        self.path_regex = re.compile(self.path_regex.pattern.removesuffix("$") + r"\Z")


class Below(Mount):
    """Everything below a path; also what has a line break in it (`%0A`), which Starlette's own pattern lets fall."""

    def __init__(self, path: str, app: ASGIApp) -> None:
        super().__init__(path, app=app)
        self.path_regex = re.compile(self.path_regex.pattern, re.DOTALL)


def has_files(dialect: Dialect) -> bool:
    """For `only`: a dialect that lists the files of assistants and messages."""
    return dialect.files


def precedence(path: Path) -> tuple[bool, ...]:
    """Sorts paths so that a word goes before a name: `/threads/runs` is no thread called `runs`."""
    return tuple(part.startswith("{") for part in path.template.split("/"))
