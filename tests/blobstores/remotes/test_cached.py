"""The promises of a blobstore, on S3 with local copies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from provenance.blobstores import FsspecStore
from provenance.types import BlobKey
from tests.blobstores.remotes.places import RemoteContract


class TestS3WithLocalCopies(RemoteContract):
    """The local copy is damaged as well: a sound one would be read instead."""

    copies = 2

    @pytest.fixture(autouse=True)
    def use_server(self, s3: Any) -> None:
        self.server = s3

    def make_store(self, place: Path, **options: Any) -> FsspecStore:
        return super().make_store(place, cachedir=place / "cache", **options)

    def damage(self, store: Any, key: BlobKey, data: bytes) -> None:
        super().damage(store, key, data)
        path = store._cache.path_of(key)
        path.chmod(0o600)
        path.write_bytes(data)


def test_local_copies_spare_the_service_all_requests(proxied: Any, tmp_path: Path) -> None:
    key = proxied.store().put(b"x" * 100_000).key
    store = proxied.store(cachedir=tmp_path / "cache")
    store.get(key)
    proxied.proxy.reset()
    again = FsspecStore(proxied.server.url(proxied.folder), proxied.server.storage_options, tmp_path / "cache")
    assert len(again.get(key)) == 100_000
    assert again.local_path(key) is not None
    assert key in again
    assert proxied.proxy.requests == []


def test_the_service_is_asked_where_that_is_wanted(proxied: Any, tmp_path: Path) -> None:
    store = proxied.store(cachedir=tmp_path / "cache", always_check_remote=True)
    key = store.put(b"x" * 100_000).key
    proxied.proxy.reset()
    store.get(key)
    assert len(proxied.proxy.requests) == 1
    proxied.store().delete(key)
    assert key not in store
