"""`plugins/` → a registry. Every entry is a unit that loads or fails alone; nothing a plug-in does at import gets out.

Names that start with `_` or `.` are helpers of the author, not units. A unit is loaded whole or not at all; if it
fails, the version of the previous registry stays in use. Plug-ins are trusted code: a bounded import is a help
against mistakes, not a sandbox.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.diagnostics import Diagnostic, Span, in_order
from orchestrator.functions.glancing import Glance
from orchestrator.functions.importing import Broken, load_unit, main_file
from orchestrator.functions.registry import Registry, Unit

IMPORT_TIMEOUT = 10.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The registry, and what is wrong with the files it could not be made of."""

    registry: Registry
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether there is no error; warnings do not count."""
        return all(d.severity != "error" for d in self.diagnostics)


def load(folder: Path, previous: Registry | None = None, *, import_timeout: float = IMPORT_TIMEOUT) -> Loaded:
    """Load all plug-ins of a folder; one that is missing holds none.

    Units whose files are unchanged are taken over from `previous` as they are; those that fail keep their last
    version. If nothing changed at all, the registry is `previous` itself. Blocks; each unit at most `import_timeout`
    seconds.
    """
    earlier: Mapping[str, Unit] = previous.units if previous else {}
    root, glance = folder.resolve(), Glance()
    units: list[Unit] = []
    complaints: list[Diagnostic] = []
    for name, entry in _entries(folder, complaints):
        last = earlier.get(name)
        if last is not None and _unchanged(last, root, entry.name, glance):
            units.append(last)
            continue
        result = load_unit(name, entry, folder, timeout=import_timeout)
        if isinstance(result, Broken):
            complaints += [_with_fate(d, last) for d in result.diagnostics]
            if last is not None:
                units.append(last)
        else:
            units.append(result)
    diagnostics = in_order(_shown(d, folder) for d in complaints)
    return Loaded(registry=_registry(units, previous), diagnostics=diagnostics)


def _registry(units: list[Unit], previous: Registry | None) -> Registry:
    if previous is not None and units == list(previous.units.values()):
        return previous
    return Registry.of(units, version=previous.version + 1 if previous else 1)


def _entries(folder: Path, complaints: list[Diagnostic]) -> Iterator[tuple[str, Path]]:
    """The units by name, in order; two of one name, or a name that is none, are complained of."""
    seen: dict[str, Path] = {}
    for entry in _candidates(folder, complaints):
        name = entry.name.removesuffix(".py")
        if not name.isidentifier():
            complaints.append(_misnamed(entry))
        elif name in seen:
            complaints.append(_twice(name, seen[name], entry))
        else:
            seen[name] = entry
    yield from seen.items()


def _candidates(folder: Path, complaints: list[Diagnostic]) -> list[Path]:
    try:
        entries = sorted(e for e in folder.iterdir() if not e.name.startswith(("_", ".")))
    except FileNotFoundError:
        return []
    except OSError as error:
        reason = error.strerror or type(error).__name__
        complaints.append(Diagnostic(code="PLG001", message=f"{folder} cannot be read: {reason}"))
        return []
    found: list[Path] = []
    for entry in entries:
        if _is_unit(entry):
            found.append(entry)
        elif entry.is_dir() and any(entry.glob("*.py")):
            complaints.append(_no_package(entry))
    return found


def _is_unit(entry: Path) -> bool:
    try:
        return entry.name.endswith(".py") or (entry / "__init__.py").is_file()
    except OSError:  # what may not be looked into is complained of when it is loaded
        return True


def _unchanged(unit: Unit, root: Path, entry: str, glance: Glance) -> bool:
    """Whether every file the unit came from still holds the same text, its main file being one of them."""
    alone = f"{root}{os.sep}{entry}"
    main = alone if alone in unit.files and entry.endswith(".py") else str(main_file(root, entry))
    return main in unit.files and all(glance.digest(file) == digest for file, digest in unit.files.items())


def _with_fate(diagnostic: Diagnostic, last: Unit | None) -> Diagnostic:
    if last is None:
        return diagnostic
    kept = "the version loaded before stays in use"
    return replace(diagnostic, hint=f"{diagnostic.hint}; {kept}" if diagnostic.hint else kept)


def _misnamed(entry: Path) -> Diagnostic:
    name = entry.name.encode(errors="replace").decode()
    better = "".join(c if c.isalnum() else "_" for c in name.removesuffix(".py"))
    return Diagnostic(
        code="PLG001",
        message=f"'{name}' is not a Python name, so its functions could not be named",
        span=Span(file=str(entry.with_name(name))),
        hint=f"rename it to '{better if better.isidentifier() else 'p_' + better}'",
    )


def _twice(name: str, first: Path, second: Path) -> Diagnostic:
    message = f"the plug-in '{name}' is there twice: {first} and {second}; the first is used"
    return Diagnostic(code="PLG002", message=message, span=Span(file=str(second)), hint="rename one of them")


def _no_package(entry: Path) -> Diagnostic:
    return Diagnostic(
        code="PLG001",
        message=f"the folder '{entry.name}' holds Python files but no __init__.py, so it is not loaded",
        span=Span(file=str(entry)),
        hint="add an __init__.py, or start its name with '_' if it is a helper",
        severity="warning",
    )


def _shown(diagnostic: Diagnostic, folder: Path) -> Diagnostic:
    """Name the file as the caller named the folder."""
    span, root = diagnostic.span, folder.resolve()
    if span is None or not Path(span.file).is_relative_to(root):
        return diagnostic
    return replace(diagnostic, span=replace(span, file=str(folder / Path(span.file).relative_to(root))))
