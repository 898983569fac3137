"""Rules on secrets: keys of known forms, and words as random as keys. What was found is told, never shown. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

import orjson

from orchestrator.manifests.policy import SecretEntropy, SecretKey
from orchestrator.manifests.source import Path
from orchestrator.reconcile.rules.rule import INSTRUCTIONS, MOST, Case, Finding, Rule, World


class Form(NamedTuple):
    """A kind of secret. `signs`: texts in lower case of which every match has one; looking for them is much cheaper."""

    name: str
    signs: tuple[str, ...]
    pattern: re.Pattern[str]


_NAMED = ("password", "passwd", "api_key", "api-key", "apikey", "secret", "token")
FORMS: tuple[Form, ...] = (
    Form("a private key", ("private key-----",), re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----")),
    Form("a key of a model's API", ("sk-",), re.compile(r"\bsk-(?:[A-Za-z0-9]+-)?[A-Za-z0-9_-]{16,}")),
    Form("a key of this server", ("orch_",), re.compile(r"\borch_[A-Za-z0-9_-]{20,}")),
    Form("an Alibaba Cloud access key", ("ltai",), re.compile(r"\bLTAI[A-Za-z0-9]{12,30}\b")),
    Form("an AWS access key", ("akia", "asia"), re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")),
    Form("a Google API key", ("aiza",), re.compile(r"\bAIza[A-Za-z0-9_-]{35}")),
    Form(
        "a GitHub token",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})"),
    ),
    Form("a GitLab token", ("glpat-",), re.compile(r"\bglpat-[A-Za-z0-9_-]{16,}")),
    Form("a Slack token", ("xox",), re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}")),
    Form("a Stripe key", ("k_live_", "k_test_"), re.compile(r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}")),
    Form(
        "a JSON Web Token",
        (".eyj",),
        re.compile(r"\beyJ[A-Za-z0-9_-]{10,999}\.eyJ[A-Za-z0-9_-]{10,9999}\.[A-Za-z0-9_-]{10,}"),
    ),
    Form("a bearer token", ("bearer",), re.compile(r"\b[Bb][Ee][Aa][Rr][Ee][Rr]\s+[A-Za-z0-9._~+/-]{20,}=*")),
    Form(
        "a password in an address",
        ("://",),
        re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{1,100}:[^\s/:@{}<>$*]{4,200}@"),
    ),
    Form(
        "a password",
        _NAMED,
        re.compile(
            rf"(?ai:\b(?:{'|'.join(_NAMED)})\b)[\"']?\s*[:=]\s*[\"']?"
            r"(?=[^\s\"']{0,200}[0-9])[A-Za-z0-9!#%&*+./=?@^_~-]{10,}"
        ),
    ),
)
_SHORTEST = 16
_LONG = re.compile(r"[A-Za-z0-9+_-]{16,}={0,2}")
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_HEX = re.compile(r"[0-9a-f]+", re.IGNORECASE)
_BITS = 4.0  # of a character, from which on a word with letters of both cases and digits is no language
_BITS_OF_HEX = 3.0
_HEX_LENGTH = 32


def looks_secret(text: str) -> bool:
    """Whether a text must not be repeated."""
    return bool(keys_in(text)) or any(_is_random(found[0]) for found in long_words(text))


def keys_in(text: str) -> list[tuple[str, re.Match[str]]]:
    """All that looks like a key, with what it looks like; where two forms overlap, the first."""
    lower = text.lower()
    found: list[tuple[str, re.Match[str]]] = []
    for form in FORMS:
        if any(sign in lower for sign in form.signs):
            some = islice(form.pattern.finditer(text), MOST)
            found += [(form.name, one) for one in some if not _overlaps(one, found)]
    return found


def long_words(text: str) -> Iterator[re.Match[str]]:
    """Words that could be keys by their length; only in what stands between white space and is long enough."""
    if any(len(part) >= _SHORTEST for part in text.split()):
        yield from _LONG.finditer(text)


def _overlaps(one: re.Match[str], found: Iterable[tuple[str, re.Match[str]]]) -> bool:
    return any(other.start() < one.end() and one.start() < other.end() for _, other in found)


def _keys(case: Case, _world: World, _settings: SecretKey) -> Iterator[Finding]:
    for path, where, text in _texts(case):
        for name, found in keys_in(text):
            yield _finding(path, where, text, found, f"something like {name}")


def _random_words(case: Case, _world: World, settings: SecretEntropy) -> Iterator[Finding]:
    for path, where, text in _texts(case):
        random = [f for f in long_words(text) if len(f[0]) >= settings.length and _is_random(f[0])]
        known = keys_in(text) if random else []
        for found in random:
            if not _overlaps(found, known):
                yield _finding(path, where, text, found, "a word as random as a key")


def _finding(path: Path, where: str, text: str, found: re.Match[str], what: str) -> Finding:
    line = text.count("\n", 0, found.start()) + 1
    at = f", line {line} as rendered" if path == INSTRUCTIONS else ""
    message = f"{what} ({found.end() - found.start()} characters) stands in {where}{at}"
    return Finding(message=message, path=path, hint="a model repeats what it is told: keep secrets with the functions")


def _is_random(word: str) -> bool:
    if _UUID.fullmatch(word):
        return False
    if _HEX.fullmatch(word):
        return len(word) >= _HEX_LENGTH and _bits(word.lower()) >= _BITS_OF_HEX
    kinds = (any(map(str.islower, word)), any(map(str.isupper, word)), any(map(str.isdigit, word)))
    return all(kinds) and _bits(word) >= _BITS


def _bits(word: str) -> float:
    """Bits of information per character, by how often each stands there."""
    counts = Counter(word)
    return -sum(n / len(word) * math.log2(n / len(word)) for n in counts.values())


def _texts(case: Case) -> Iterator[tuple[Path, str, str]]:
    """All that a model or a reader is told: where in the manifest, how to call it, and the text."""
    body = case.desired.body
    if case.instructions:
        yield INSTRUCTIONS, "the instructions", case.instructions
    for field, path in (("name", ("spec", "displayName")), ("description", ("spec", "description"))):
        if body.get(field):
            yield path, f"the {field}", str(body[field])
    pairs: Mapping[str, object] = body.get("metadata") or {}
    for key, value in pairs.items():
        yield ("spec", "metadata", key), "the metadata", f"{key}: {value}"
    for nth, tool in enumerate(case.tools):
        told = tool.comparable()
        if len(told) > 1:
            yield ("spec", "tools", nth), "the definition of a tool", orjson.dumps(told).decode()


RULES = (
    Rule(name="secret-key", code="POL004", severity="error", check=_keys, secret=True),
    Rule(name="secret-entropy", code="POL005", severity="warning", check=_random_words, secret=True),
)
