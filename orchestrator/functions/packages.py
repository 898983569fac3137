"""Plug-in code as Python packages: a fresh one per unit and generation, compiled from source.

A unit `weather` is imported as `_plug_<hash>_<number>.weather`, below an empty package whose `__path__` is the plug-in
folder. So `from ._shared import x` gives every generation its own copy of the helper, code that still runs keeps the
generation it began with, and .pyc files, which cannot tell two quick edits apart, are neither read nor written.
"""

from __future__ import annotations

import hashlib
import itertools
import linecache
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import FileFinder, ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from weakref import WeakValueDictionary, finalize

_PREFIX = "_plug_"
_numbers = itertools.count(1)
_packages: WeakValueDictionary[str, Package]


class Package:
    """The code of one unit in one generation. Its modules are forgotten once nobody holds the package any more."""

    def __init__(self, folder: Path) -> None:
        digest = hashlib.sha256(str(folder).encode()).hexdigest()[:8]
        self.name = f"{_PREFIX}{digest}_{next(_numbers)}"
        self.folder = folder
        self.files: dict[str, str] = {}
        self._modules = [self.name]
        _install_finder()
        module = ModuleType(self.name)
        module.__path__ = [str(folder)]
        sys.modules[self.name] = module
        _packages[self.name] = self
        finalize(self, _forget, self._modules).atexit = False

    def note(self, module: str, file: str, source: bytes) -> None:
        """Remember that a module was compiled from that source."""
        self._modules.append(module)
        linecache.checkcache(file)
        self.files[file] = digest_of(source)


def digest_of(source: bytes) -> str:
    """What tells two versions of a file apart."""
    return hashlib.sha256(source).hexdigest()


def _forget(modules: list[str]) -> None:
    for name in modules:
        sys.modules.pop(name, None)


class _Source(SourceFileLoader):
    """Compiles from source, always; tells the package what it read."""

    def get_code(self, fullname: str) -> CodeType:
        source = self.get_data(self.path)
        package = _packages.get(fullname.partition(".")[0])
        if package is not None:
            package.note(fullname, self.path, source)
        return compile(source, self.path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    """Finds modules below synthetic packages, and no others."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(_PREFIX) or path is None:
            return None
        for folder in path:
            spec = FileFinder(folder, (_Source, [".py"])).find_spec(fullname, target)
            if spec is not None:
                _refuse_outside(spec, fullname)
                return spec
        return None


def _refuse_outside(spec: ModuleSpec, fullname: str) -> None:
    package = _packages.get(fullname.partition(".")[0])
    if package is not None and spec.origin and not Path(spec.origin).resolve().is_relative_to(package.folder):
        raise ImportError(f"{Path(spec.origin).name} leads out of the plug-in folder", name=fullname)


_packages = WeakValueDictionary()
_finder = _Finder()


def _install_finder() -> None:
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
