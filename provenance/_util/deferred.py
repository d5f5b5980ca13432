"""Modules and packages whose code runs when something in them is first used."""

from __future__ import annotations

import sys
import threading
from importlib import import_module
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any

_executing = threading.RLock()


class Deferred:
    """Stands for a module until one of its names is asked for, and shares them all from then on.

    What a first hit does not need is imported so, as importing it would take longer than the hit. Afterwards a name
    costs what it costs in a module.

    Parameters
    ----------
    name : str
        The module.
    """

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __getattr__(self, name: str) -> Any:
        self.__dict__ = vars(import_module(self.__name__))
        return getattr(import_module(self.__name__), name)


def defer_package(name: str) -> None:
    """Have a package run its own code when one of its names is first asked for, not when a module of it is imported.

    Nothing is changed if the package is imported already, or is not there.
    """
    spec = None if name in sys.modules else PathFinder.find_spec(name)
    if spec is not None and spec.loader is not None:
        package = _DeferredPackage(name)
        package.__spec__, package.__loader__, package.__package__ = spec, spec.loader, name
        package.__file__ = spec.origin
        package.__path__ = spec.submodule_search_locations or []
        sys.modules.setdefault(name, package)


class _DeferredPackage(ModuleType):
    """A package whose own code did not run yet."""

    def __getattr__(self, name: str) -> Any:
        with _executing:
            if "_runs" not in vars(self) and type(self) is _DeferredPackage:
                self._runs = True
                try:
                    self.__spec__.loader.exec_module(self)  # type: ignore[union-attr]  # it has one
                    self.__class__ = ModuleType  # type: ignore[assignment]  # nothing is to be deferred any more
                finally:
                    del self._runs
        return ModuleType.__getattribute__(self, name)
