"""The same promises and the same accidents, on every kind of remote storage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from provenance.blobstores import FsspecStore
from provenance.blobstores.remotes.base import Upload
from provenance.blobstores.remotes.connecting import connect
from provenance.testing.blobstores import BlobStoreContract
from provenance.types import BlobKey

_kept: dict[type, object] = {}
"""Connections that the tests of a class share."""


def path_of(key: str) -> str:
    return f"{key[:2]}/{key[2:]}"


class RemoteContract(BlobStoreContract):
    """The contract on the server that the fixture `server` gives."""

    server: Any

    def url(self, place: Path) -> str:
        return self.server.url(f"contract/{place.name}")

    def make_store(self, place: Path, **options: Any) -> FsspecStore:
        store = FsspecStore(self.url(place), self.server.storage_options, **options)
        _kept[type(self)] = store._here()
        return store

    def damage(self, store: Any, key: BlobKey, data: bytes) -> None:
        remote = connect(store._place, store._storage_options)
        remote.replace(Upload(path_of(key), data, "", len(data)))
