"""Bytes in the memory of the process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Unpack

from provenance._util.payload import bytes_of
from provenance.blobstores.base import StoreBase, StoreOptions
from provenance.blobstores.digests import hash_bytes
from provenance.blobstores.duplicates import refuse_collision, refuse_duplicate
from provenance.blobstores.keys import digest_of
from provenance.types import BlobKey, BlobRef, Payload


class MemoryStore(StoreBase):
    """Keep bytes in memory: for tests, and in front of a slow store.

    Values are kept as bytes here too, so that every reader gets a value of its own. What it holds is gone when the
    process ends; a forked process has a copy.
    """

    def __init__(self, *, name: str = "memory", **options: Unpack[StoreOptions]) -> None:
        super().__init__(name, **options)
        self._blobs: dict[BlobKey, tuple[bytes]] = {}

    def _has(self, key: BlobKey) -> bool:
        return key in self._blobs

    def _get(self, key: BlobKey) -> bytes:
        found = self._blobs.get(key)
        if found is None:
            raise self._missing(key)
        [data] = found
        if hash_bytes(data) != digest_of(key):
            if self._permissions.write or self._permissions.delete:
                self._blobs.pop(key, None)
            raise self._corrupt(key, "in memory")
        return data

    def _local_path(self, key: BlobKey) -> Path | None:  # noqa: ARG002  there are no files here
        return None

    def _put(self, payload: Payload, extension: str) -> BlobRef:
        data = bytes_of(payload)
        key = BlobKey(hash_bytes(data) + extension)
        mine = (data,)  # a new object each time, which tells whether this call was the first
        kept = self._blobs.setdefault(key, mine)
        if kept is not mine:
            if self._on_duplicate_key == "raise":
                raise refuse_duplicate(key, self._name)
            if self._on_duplicate_key == "check_collision" and kept != mine:
                raise refuse_collision(key, self._name)
            self._blobs[key] = mine
        return BlobRef(key, len(data))

    def _delete(self, key: BlobKey) -> None:
        self._blobs.pop(key, None)

    def _ids(self) -> Iterator[BlobKey]:
        return iter(list(self._blobs))
