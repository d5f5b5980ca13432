"""Stored bytes addressed by their BLAKE3 digest: in memory, on disk, at any fsspec URL, and in chains of these."""

from __future__ import annotations

from provenance.blobstores.base import StoreBase, StoreOptions
from provenance.blobstores.chained import ChainedStore
from provenance.blobstores.disk import DiskStore
from provenance.blobstores.fsspec_ import FsspecStore
from provenance.blobstores.memory import MemoryStore

__all__ = ["ChainedStore", "DiskStore", "FsspecStore", "MemoryStore", "StoreBase", "StoreOptions"]
