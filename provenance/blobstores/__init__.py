"""Stored bytes addressed by their BLAKE3 digest: in memory, on disk, at any fsspec URL, and in chains of these."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provenance.blobstores.base import StoreBase, StoreOptions
    from provenance.blobstores.chained import ChainedStore
    from provenance.blobstores.disk import DiskStore
    from provenance.blobstores.fsspec_ import FsspecStore
    from provenance.blobstores.memory import MemoryStore

_HOMES = {
    "StoreBase": "base",
    "StoreOptions": "base",
    "ChainedStore": "chained",
    "DiskStore": "disk",
    "FsspecStore": "fsspec_",
    "MemoryStore": "memory",
}

__all__ = ["ChainedStore", "DiskStore", "FsspecStore", "MemoryStore", "StoreBase", "StoreOptions"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
