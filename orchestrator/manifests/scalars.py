"""Plain YAML scalars as YAML 1.2 core reads them: only null, true, false, integers and floats are not text. Pure.

So `no`, `on`, `12:30` and `2024-01-01` are text. What JSON cannot carry (infinity, not-a-number, integers of more than
64 bits) is refused, because every manifest ends as JSON.
"""

from __future__ import annotations

import math
import re

Scalar = str | int | float | bool | None

_NUMERIC = frozenset("0123456789+-.")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_ENDLESS = frozenset(sign + word for sign in ("", "-", "+") for word in (".inf", ".Inf", ".INF")) | frozenset(
    (".nan", ".NaN", ".NAN")
)
_DIGITS = 24
_BASES = {"0o": 8, "0x": 16}


def resolve(text: str) -> Scalar:
    """Read a plain scalar.

    Raises:
        ValueError: a number that JSON cannot carry; the text says so.
    """
    if not text or text[0] not in _NUMERIC:
        return _WORDS.get(text, text)
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        return _float(text)
    if text in _ENDLESS:
        raise ValueError("infinity and not-a-number cannot be used here")
    return text


def _integer(text: str) -> int:
    number = int(text, _BASES.get(text[:2], 10)) if len(text) <= _DIGITS else 1 << 64
    if not -(1 << 63) <= number < 1 << 64:
        raise ValueError("the number does not fit into 64 bits")
    return number


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("the number is too large")
    return number
