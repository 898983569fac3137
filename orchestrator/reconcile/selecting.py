"""Which assistants a command is about: `--select` and `--exclude`. Pure.

A word is `NAME`, `name:NAME`, `label:KEY=VALUE`, `path:FILE`, `tool:NAME`, `template:NAME` or `state:changed`; all but
the last take `*`, `?` and `[…]`. Words with commas between hold together, repeated options are alternatives; what is
excluded is left out whatever selects it. Of an assistant whose manifest is gone only the name is known: it is selected
by name alone, and left out as soon as an exclusion asks for more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Literal, get_args

from orchestrator.diagnostics import did_you_mean
from orchestrator.errors import SettingsError
from orchestrator.reconcile.changes import Change, Delete, Release
from orchestrator.reconcile.observed import Observed
from orchestrator.reconcile.plans import Plan

Method = Literal["name", "label", "path", "tool", "template", "state"]
_METHODS: tuple[str, ...] = get_args(Method)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What can be asked of an assistant. `path`: of its manifest, relative to the project's folder."""

    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    path: str = ""
    tools: frozenset[str] = frozenset()
    templates: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Word:
    """One condition."""

    method: Method
    pattern: str

    def holds(self, name: str, facts: Facts | None, changed: bool) -> bool | None:
        """Whether it holds; None: nobody knows, since the manifest is gone."""
        if self.method == "name":
            return fnmatchcase(name, self.pattern)
        if self.method == "state":
            return changed
        return None if facts is None else any(fnmatchcase(one, self.pattern) for one in _values(self.method, facts))


Words = tuple[Word, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """All options of one command; without any, everything is chosen."""

    select: tuple[Words, ...] = ()
    exclude: tuple[Words, ...] = ()

    def takes(self, name: str, facts: Facts | None, *, changed: bool) -> bool:
        """Whether an assistant is chosen. `facts` None: its manifest is gone."""
        selected = not self.select or any(
            all(word.holds(name, facts, changed) is True for word in words) for words in self.select
        )
        excluded = any(all(word.holds(name, facts, changed) is not False for word in words) for words in self.exclude)
        return selected and not excluded


def choice(select: Iterable[str], exclude: Iterable[str]) -> Choice:
    """The options as they were given. Raises: SettingsError when one is not understood."""
    return Choice(select=tuple(map(_words, select)), exclude=tuple(map(_words, exclude)))


def narrow(planned: Plan, chosen: Choice, facts: Mapping[str, Facts]) -> Plan:
    """The part of a plan that is chosen; how much of ours is left out is told by `beside`.

    Raises: SettingsError when a name that is asked for is in no plan at all.
    """
    _check_names(planned, chosen)

    def taken(name: str, *, changed: bool) -> bool:
        return chosen.takes(name, facts.get(name), changed=changed)

    def kept(ones: Sequence[Observed], *, changed: bool) -> tuple[Observed, ...]:
        return tuple(one for one in ones if taken(one.manifest, changed=changed))

    narrowed = replace(
        planned,
        changes=tuple(change for change in planned.changes if taken(_name(change), changed=True)),
        unchanged=tuple(name for name in planned.unchanged if taken(name, changed=False)),
        orphans=kept(planned.orphans, changed=True),
        kept=kept(planned.kept, changed=False),
        duplicates=kept(planned.duplicates, changed=True),
    )
    return replace(narrowed, beside=_size(planned) - _size(narrowed))


def _size(planned: Plan) -> int:
    return len(planned.changes) + len(planned.unchanged) + len(planned.orphans) + len(planned.kept)


def _check_names(planned: Plan, chosen: Choice) -> None:
    """A name that was mistyped must not look like "nothing to do"."""
    observed = (*planned.orphans, *planned.kept, *planned.duplicates)
    known = {*map(_name, planned.changes), *planned.unchanged, *(one.manifest for one in observed)}
    for word in (word for words in (*chosen.select, *chosen.exclude) for word in words):
        if word.method == "name" and not any(fnmatchcase(name, word.pattern) for name in known):
            raise SettingsError(f"No assistant is called '{word.pattern}'.", hint=did_you_mean(word.pattern, known))


def _name(change: Change) -> str:
    return change.name if isinstance(change, Delete | Release) else change.after.name


def _values(method: Method, facts: Facts) -> Iterable[str]:
    return _VALUES[method](facts)


_VALUES: Mapping[str, Callable[[Facts], Iterable[str]]] = {
    "label": lambda facts: [f"{key}={value}" for key, value in facts.labels.items()],
    "path": lambda facts: [facts.path],
    "tool": lambda facts: facts.tools,
    "template": lambda facts: facts.templates,
}


def _words(text: str) -> Words:
    return tuple(_word(part.strip()) for part in text.split(","))


def _word(text: str) -> Word:
    method, colon, pattern = text.partition(":")
    if not colon:
        method, pattern = "name", text
    if method not in _METHODS:
        hint = did_you_mean(method, _METHODS) or f"one of {', '.join(_METHODS)}"
        raise SettingsError(f"'{text}' selects nothing: there is no '{method}:'.", hint=hint)
    if not pattern:
        raise SettingsError("A selection is empty.", hint="NAME, label:KEY=VALUE, path:…, tool:…, template:…")
    if method == "label" and "=" not in pattern:
        raise SettingsError(f"'{text}' selects no label.", hint="write label:KEY=VALUE; VALUE may be *")
    if method == "state" and pattern != "changed":
        raise SettingsError(f"'{text}' selects no state.", hint="write state:changed")
    return Word(method, pattern)  # pyright: ignore[reportArgumentType]
