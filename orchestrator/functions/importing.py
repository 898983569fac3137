"""Import one unit in a thread of its own, within bounds, and turn whatever goes wrong into diagnostics."""

from __future__ import annotations

import ctypes
import importlib
import re
import stat
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from orchestrator.diagnostics import Diagnostic, Span
from orchestrator.errors import PluginsInvalid
from orchestrator.functions.decorator import Collector, Declaration, Plugin, collecting
from orchestrator.functions.packages import Package
from orchestrator.functions.places import Place, failure_place, line_place
from orchestrator.functions.registry import Function, Unit, doubled, function_of

# Documented in spite of its underscore: the only way to learn where another thread is.
_FRAMES: Callable[[], dict[int, FrameType]] = getattr(sys, "_current_frames")  # noqa: B009
_GENERATED = re.compile(r"_plug_[0-9a-f]+_\d+")


@dataclass(frozen=True, slots=True)
class Broken:
    """A unit that could not be loaded."""

    diagnostics: tuple[Diagnostic, ...]


class _Late(BaseException):
    """Thrown into an import that took too long, to end it if it still runs Python code."""


def load_unit(name: str, entry: Path, folder: Path, *, timeout: float) -> Unit | Broken:
    """Import the entry and read the signatures of its functions, both within `timeout` seconds."""
    root = folder.resolve()
    main = main_file(root, entry.name)
    complaint = _unreadable(main, root)
    if complaint:
        return Broken((_diagnostic(complaint, Place(Span(file=str(main)))),))  # no quote: it must not be read
    work = _Loading(name, main, root)
    thread = threading.Thread(target=work.run, name=f"plug-in {name}", daemon=True)
    thread.start()
    thread.join(timeout)
    if work.result is not None:
        return work.result
    place = _where(thread, root, main)
    if thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(_Late))
    hint = "do slow work inside the function, not at import"
    return Broken((_diagnostic(f"the import of '{name}' did not end within {timeout:g} s", place, hint),))


def main_file(root: Path, entry: str) -> Path:
    """The file that is executed first when the entry is imported."""
    path = root / entry
    return path / "__init__.py" if path.is_dir() and not entry.endswith(".py") else path


class _Loading:
    """The work of the thread. `result` stays None until it is done."""

    def __init__(self, name: str, main: Path, root: Path) -> None:
        self.result: Unit | Broken | None = None
        self._name = name
        self._main = main
        self._root = root

    def run(self) -> None:
        try:
            self.result = self._load()
        except PluginsInvalid as invalid:
            self.result = Broken(invalid.diagnostics)
        except BaseException as error:  # noqa: BLE001 (SystemExit and the like must not get out of a plug-in)
            self.result = Broken((self._failure(error),))

    def _load(self) -> Unit:
        package = Package(self._root)
        with collecting() as collector:
            importlib.import_module(f"{package.name}.{self._name}")
        declarations = [d for d in collector.declarations if _belongs(d, package.name, self._name)]
        functions = _functions(declarations, self._name, package)
        plugin = _plugin_of(collector, package.name, self._name)
        return Unit(name=self._name, plugin=plugin, functions=functions, files=dict(package.files))

    def _failure(self, error: BaseException) -> Diagnostic:
        place = failure_place(error, self._root, self._main)
        what = f"{type(error).__name__}: {_first_line(error)}".rstrip(": ")
        return _diagnostic(f"the plug-in '{self._name}' cannot be loaded: {what}", place, _hint(error, self._root))


def _functions(declarations: list[Declaration], unit: str, package: Package) -> tuple[Function, ...]:
    """All functions of a unit, or all complaints at once."""
    functions: list[Function] = []
    complaints: list[Diagnostic] = []
    for declaration in declarations:
        try:
            functions.append(function_of(declaration, unit=unit, home=package))
        except PluginsInvalid as invalid:
            complaints += invalid.diagnostics
    complaints += doubled(functions)
    if complaints:
        raise PluginsInvalid(complaints)
    return tuple(functions)


def _plugin_of(collector: Collector, package: str, unit: str) -> Plugin | None:
    """What the unit says of itself as a whole; the last word counts."""
    own = [plugin for module, plugin in collector.plugins if _is_of(module, package, unit)]
    return own[-1] if own else None


def _belongs(declaration: Declaration, package: str, unit: str) -> bool:
    """Whether the mark was set in the unit or in a helper of it: not in another unit, nor in an installed module."""
    modules = (declaration.module, str(getattr(declaration.callable, "__module__", "")))
    return any(_is_of(module, package, unit) for module in modules)


def _is_of(module: str, package: str, unit: str) -> bool:
    own = f"{package}.{unit}"
    return module == own or module.startswith((f"{own}.", f"{package}._"))


def _unreadable(main: Path, root: Path) -> str | None:
    """Why a file must not even be opened; None: it may."""
    try:
        if not main.resolve().is_relative_to(root):
            return f"'{main.relative_to(root)}' is a link that leads out of the plug-in folder"
        mode = main.stat().st_mode
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, before Python 3.13
        reason = error.strerror if isinstance(error, OSError) else None
        return f"'{main.relative_to(root)}' cannot be read: {reason or error}"
    return None if stat.S_ISREG(mode) else f"'{main.relative_to(root)}' is not a regular file"


def _where(thread: threading.Thread, root: Path, main: Path) -> Place:
    """The line of the plug-in at which the thread is now."""
    frame = _FRAMES().get(thread.ident or 0)
    while frame is not None:
        if Path(frame.f_code.co_filename).is_relative_to(root):
            return line_place(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return line_place(str(main), 1)


def _hint(error: BaseException, root: Path) -> str | None:
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return None
    head = error.name.partition(".")[0]
    if (root / f"{head}.py").exists() or (root / head).is_dir():
        return f"files of the plug-in folder are imported with a dot: from .{error.name} import …"
    return None if head.startswith("_plug_") else f"install '{head}' in the environment that orchestrator runs in"


def _first_line(error: BaseException) -> str:
    try:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
    except Exception:  # noqa: BLE001 (an exception may fail even to say what it is)
        return ""
    lines = text.strip().splitlines()
    return _GENERATED.sub("", lines[0]) if lines else ""


def _diagnostic(message: str, place: Place, hint: str | None = None) -> Diagnostic:
    return Diagnostic(code="PLG001", message=message, span=place.span, quote=place.quote, hint=hint)
