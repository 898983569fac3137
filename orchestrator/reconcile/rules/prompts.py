"""Rules on prompts: tools they speak of, placeholders that were left, length, growth. Pure.

Which words of a prompt mean a tool is a guess, and a careful one: a name with `_` or `-` does wherever it stands, a
plain word such as `rag` only where it is quoted, called as `rag(…)`, or stands beside "tool" or "function".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

from orchestrator.manifests.policy import (
    InstructionsLength,
    PlaceholderLeft,
    TokenGrowth,
    ToolNotBound,
    ToolNotMentioned,
)
from orchestrator.reconcile.review import tokens_of
from orchestrator.reconcile.rules.rule import INSTRUCTIONS, Case, Finding, Rule, World
from orchestrator.reconcile.rules.secrets import looks_secret
from orchestrator.wire.estimate import Estimate

_ESTIMATE = Estimate()
_SHOWN = 40  # characters of a placeholder that are repeated
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[_-]+[A-Za-z0-9]+)*")
_NAME = r"([A-Za-z][\w-]{0,63})"  # bounded, as all that follows: a hostile text must not take more than its time
_MEANT = re.compile(
    rf"""[`'"“‘]{_NAME}(?:\([^`'"”’]{{0,200}}\))?[`'"”’] | \b{_NAME}\(
    | \b(?:tools?|functions?)\s{{1,9}}{_NAME} | \b{_NAME}(?=\s{{1,9}}(?:tool|function)\b)""",
    re.VERBOSE,
)
_CODE = re.compile(r"`([A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)+)(?:\([^`]*\))?`")
_LEFT = re.compile(
    r"""\{\{[^{}\n]{0,80}\}\} | \{%[^%\n]{0,80}%\} | \$\{[^{}\n]{1,80}\} | \b(?:TODO|FIXME|TBD|XXX)\b
    | <(?:your|insert|replace|enter)[ _-][^<>\n]{1,60}> | \[(?:your|insert|replace|enter)[ _-][^\[\]\n]{1,60}\]
    | \blorem\ ipsum\b""",
    re.VERBOSE | re.IGNORECASE,
)
_LOUD = ("todo", "fixme", "tbd", "xxx")  # only in capital letters
_SIGNS = ("{{", "{%", "${", "<", "[", "lorem ipsum", *_LOUD)  # one of them is in every match
_RAG = "${"  # what the tool `rag` puts its findings in place of


def _not_bound(case: Case, world: World, _settings: ToolNotBound) -> Iterator[Finding]:
    text, bound = case.instructions, set(case.names())
    if not text:
        return
    for name in sorted(_mentioned(text, world.tools - bound)):
        message = f"the instructions mention the tool '{name}', which the assistant does not have"
        yield Finding(message=message, path=INSTRUCTIONS, hint="add it to 'tools', or take it out of the text")
    code: set[str] = set(_CODE.findall(text)) if "`" in text else set()
    for name in sorted(code - bound - world.tools):
        if near := get_close_matches(name, bound, n=1, cutoff=0.8):
            message = f"the instructions mention '{name}', which is no tool"
            yield Finding(message=message, path=INSTRUCTIONS, hint=f"did you mean '{near[0]}'?")


def _mentioned(text: str, known: frozenset[str]) -> set[str]:
    """The known names that a text means; `in` is asked first, for most texts hold none of them."""
    there = {name for name in known if name in text}
    if not there:
        return there
    spelt = {name for name in there if "_" in name or "-" in name}
    plain = there - spelt
    quoted = {name for groups in _MEANT.findall(text) for name in groups if name} if plain else set[str]()
    return {name for name in spelt if _stands_alone(name, text)} | (plain & quoted)


def _stands_alone(name: str, text: str) -> bool:
    """Whether it is there as a word of its own, and not as a part of a longer one."""
    at = text.find(name)
    while at >= 0:
        beside = text[max(at - 1, 0) : at] + text[at + len(name) : at + len(name) + 1]
        if not any(one.isalnum() or one in "_-" for one in beside):
            return True
        at = text.find(name, at + 1)
    return False


def _not_mentioned(case: Case, _world: World, _settings: ToolNotMentioned) -> Iterator[Finding]:
    text = case.instructions.lower()
    words = set(_WORD.findall(text))
    for nth, name in enumerate(case.names()):
        spelt = name.lower()
        if spelt not in words and re.sub(r"[_-]+", " ", spelt) not in text:
            message = f"the instructions never mention the tool '{name}'"
            yield Finding(message=message, path=("spec", "tools", nth))


def _too_long(case: Case, _world: World, settings: InstructionsLength) -> Iterator[Finding]:
    text = case.instructions
    if len(text) * (1 if text.isascii() else 4) <= settings.tokens:  # a token has a character at least
        return
    tokens = _ESTIMATE.count(text)
    if tokens > settings.tokens:
        message = f"the instructions have about {tokens:,} tokens; {settings.tokens:,} are the limit here"
        yield Finding(message=message, path=INSTRUCTIONS)


def _left(case: Case, _world: World, settings: PlaceholderLeft) -> Iterator[Finding]:
    lower = case.instructions.lower()
    if not any(sign in lower for sign in _SIGNS):
        return
    fills = any(tool.type == "rag" for tool in case.tools)
    seen: set[str] = set()
    for found in _LEFT.finditer(case.instructions):
        text = found[0]
        if text.lower() in _LOUD and not text.isupper():
            continue
        if text in seen or text in settings.accept or (fills and text.startswith(_RAG)):
            continue
        seen.add(text)
        line = case.instructions.count("\n", 0, found.start()) + 1
        shown = "" if looks_secret(text) else f" '{text[:_SHOWN]}'"
        message = f"something like a placeholder{shown} was left in line {line} of the rendered instructions"
        yield Finding(message=message, path=INSTRUCTIONS, hint="if it is meant: list it below 'accept' of the rule")


def _grown(case: Case, _world: World, settings: TokenGrowth) -> Iterator[Finding]:
    if case.before is None:
        return
    before, after = tokens_of(case.before), tokens_of({**case.before, **case.desired.body})
    more = after - before
    if more >= max(settings.tokens, 1) and more * 100 > before * settings.percent:
        share = f", by {more * 100 / before:,.0f} %" if before else ""
        message = f"grows from {before:,} to {after:,} tokens{share}; the limit is {settings.percent:g} %"
        yield Finding(message=message, path=INSTRUCTIONS)


RULES = (
    Rule(name="tool-not-bound", code="POL002", severity="warning", check=_not_bound),
    Rule(name="tool-not-mentioned", code="POL003", severity="info", check=_not_mentioned, always=False),
    Rule(name="token-growth", code="POL006", severity="warning", check=_grown, always=False, needs_before=True),
    Rule(name="instructions-length", code="POL007", severity="warning", check=_too_long),
    Rule(name="placeholder-left", code="POL008", severity="warning", check=_left),
)
