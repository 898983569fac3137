"""`${env.NAME}` and `${env.NAME:=default}` in scalar values. Pure: the environment is handed in.

Where: in every text value below `spec` except instruction text (`instructions` as text, a Template's `body`) and JSON
Schema (`parameters`). Never in keys, never in `metadata`: who a manifest is must not depend on where it is read.
An expression gives text. `$${` stands for `${`. A variable that is not set is a fault, never empty text.

Assistants, Templates, Tools and Plugins are expanded when they are loaded, an Environment when it is selected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from orchestrator.manifests.source import Path

_EXPRESSION = re.compile(r"\$\$\{|\$\{(?P<inner>[^}\n]*)(?P<close>\}?)")
_INNER = re.compile(r"env\.(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::=(?P<default>.*))?")
_TEXT = frozenset({("spec", "body"), ("spec", "instructions")})  # ends of paths: also below a patch's `merge`
_SCHEMA = ("spec", "parameters")

Complain = Callable[[str, str, Path, str], None]
"""Called with a code, a message, the path and a hint."""


def expand(raw: Mapping[str, Any], environ: Mapping[str, str], complain: Complain) -> Mapping[str, Any]:
    """The same plain values with every expression replaced; `raw` itself if there is none."""
    if "spec" not in raw:
        return raw
    spec = _expand(raw["spec"], ("spec",), environ, complain)
    return raw if spec is raw["spec"] else {**raw, "spec": spec}


def _expand(value: object, path: Path, environ: Mapping[str, str], complain: Complain) -> object:
    if isinstance(value, str):
        return value if "${" not in value or path[-2:] in _TEXT else _text(value, path, environ, complain)
    if path[-2:] == _SCHEMA:
        return value
    if isinstance(value, dict):
        given = cast("dict[str, object]", value)
        new = {key: _expand(item, (*path, key), environ, complain) for key, item in given.items()}
        return new if any(new[key] is not given[key] for key in given) else given
    if isinstance(value, list):
        items = cast("list[object]", value)
        done = [_expand(item, (*path, i), environ, complain) for i, item in enumerate(items)]
        return done if any(a is not b for a, b in zip(done, items, strict=True)) else items
    return value


def _text(value: str, path: Path, environ: Mapping[str, str], complain: Complain) -> str:
    def replaced(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        found = _INNER.fullmatch(match["inner"]) if match["close"] else None
        if found is None:
            complain("MAN004", "not an expression", path, "write ${env.NAME} or ${env.NAME:=default}, and $${ for ${")
            return ""
        default: str | None = found["default"]
        text = environ.get(found["name"]) if found["name"] in environ else default
        if text is None:
            hint = f"set it, or give a default: ${{env.{found['name']}:=…}}"
            complain("MAN009", f"the environment variable {found['name']} is not set", path, hint)
        return text or ""

    return _EXPRESSION.sub(replaced, value)
