"""A manifest with `mcp` → a unit whose functions are the tools that were accepted of that server."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from orchestrator.diagnostics import Diagnostic, did_you_mean
from orchestrator.functions.mcp.pins import FILE, LockFault, Pins, read
from orchestrator.functions.mcp.server import Server
from orchestrator.functions.mcp.unit import unit_of
from orchestrator.functions.registry import Unit
from orchestrator.manifests import Placed, Plugin
from orchestrator.manifests.endpoints import Mcp
from orchestrator.manifests.files import read_named
from orchestrator.plugging.kind import Secrets

_AT = ("spec", "mcp")
_LARGEST = 16 * 1024 * 1024  # bytes
_kept: dict[str, tuple[str, Unit]] = {}
"""Units by name, with what they were made of: one that is unchanged keeps its connection when files are read anew."""


def unit(plugin: Placed[Plugin], folder: Path, secrets: Secrets, found: list[Diagnostic]) -> Unit | None:
    """Make the unit of what is pinned; what is not pinned, or not what the manifest names, is complained of."""
    spec = plugin.value.spec.mcp
    if spec is None:
        return None
    name = plugin.value.metadata.name
    try:
        pinned = pins(folder).get(name)
    except LockFault as fault:
        found.append(plugin.complain("MAN004", str(fault), _AT))
        return None
    if pinned is None:
        message = f"the tools of '{name}' were not accepted yet"
        found.append(plugin.complain("MAN007", message, _AT, hint=f"look at them: orchestrator plugin accept {name}"))
        return None
    known = [str(one.get("name")) for one in pinned]
    for nth, tool in enumerate(spec.allow or ()):
        if tool not in known:
            hint = did_you_mean(tool, known) or f"accepted are {', '.join(known[:10]) or 'none'}"
            found.append(
                plugin.complain("MAN007", f"'{name}' has no tool '{tool[:80]}'", (*_AT, "allow", nth), hint=hint)
            )
    made, skipped = unit_of(server_of(plugin, spec, secrets), pinned)
    found += [plugin.complain("MAN004", sentence, _AT, severity="warning") for sentence in skipped]
    return _same(f"{folder} {name}", f"{spec!r} {pinned!r}", made)


def pins(folder: Path) -> Pins:
    """What was accepted in a project; nothing where there is no such file.

    Raises:
        LockFault: the file cannot be used.
    """
    if not (folder / FILE).exists():
        return {}
    data = read_named(folder, FILE, _LARGEST)
    if isinstance(data, str):
        raise LockFault(f"{FILE} {data}")
    return read(data.decode("utf-8", "replace"))


def server_of(plugin: Placed[Plugin], spec: Mcp, secrets: Secrets) -> Server:
    """The server of a manifest."""
    return Server(
        name=plugin.value.metadata.name,
        command=spec.command or (),
        url=spec.url or "",
        private=spec.private,
        env=partial(_env, plugin, spec, secrets),
        headers=partial(_headers, plugin, spec, secrets),
        allow=spec.allow,
        approval=spec.approval,
        approvals=spec.approvals,
        timeout=spec.timeout,
        place=plugin.at(*_AT),
    )


def _env(plugin: Placed[Plugin], spec: Mcp, secrets: Secrets) -> Mapping[str, str]:
    return {name: secrets(place, plugin.at(*_AT, "env", name)) for name, place in spec.env.items()}


def _headers(plugin: Placed[Plugin], spec: Mcp, secrets: Secrets) -> Mapping[str, str]:
    if spec.auth is None:
        return {}
    kind, place, name = spec.auth.chosen
    secret = secrets(place, plugin.at(*_AT, "auth", kind))
    match kind:
        case "bearer":
            return {"authorization": f"Bearer {secret}"}
        case "basic":
            return {"authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"}
        case _:
            return {name: secret}


def _same(key: str, made_of: str, made: Unit) -> Unit:
    """The unit as it was, if it was made of the same."""
    known = _kept.get(key)
    if known is not None and known[0] == made_of:
        return known[1]
    _kept[key] = (made_of, made)
    return made
