"""What is registered for a type, found along its bases; modules that register more are imported on first sight.

A type is registered by itself or, where importing its library would cost too much, by its qualified name.
"""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


def qualified_name(cls: type) -> str:
    """Return ``module.qualname`` of a class."""
    return f"{cls.__module__}.{cls.__qualname__}"


class LazyRegistry(Generic[T]):
    """Map types to what is registered for them or for the nearest of their bases."""

    __slots__ = ("_entries", "_providers", "version")

    def __init__(self) -> None:
        self._entries: dict[type | str, T] = {}
        self._providers: dict[str, list[str]] = {}
        self.version = 0
        """Grows with each registration, so that what was derived from the registry can be derived anew."""

    def register(self, key: type | str, entry: T) -> None:
        """Register `entry` for a type, given as itself or as ``module.qualname``; a later entry replaces it."""
        self._entries[key] = entry
        self.version += 1

    def provide(self, library: str, module: str) -> None:
        """Import `module` when a type whose top-level module is `library` is first looked up."""
        self._providers.setdefault(library, []).append(module)
        self.version += 1

    def find(self, cls: type) -> tuple[type, T] | None:
        """Return the entry for `cls` and the class it was registered for, which is `cls` or one of its bases."""
        for base in cls.__mro__:
            self._import_providers(base)
        for base in cls.__mro__:
            for key in (base, qualified_name(base)):
                if key in self._entries:
                    return base, self._entries[key]
        return None

    def _import_providers(self, base: type) -> None:
        if not self._providers:
            return
        library = base.__module__.partition(".")[0]
        if library not in self._providers:
            return
        from importlib import import_module  # noqa: PLC0415  reached once per library

        for module in self._providers[library]:
            import_module(module)
        self._providers.pop(library, None)
