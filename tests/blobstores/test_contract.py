"""Every backend keeps the promises of a blobstore."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from provenance.blobstores import ChainedStore, DiskStore, FsspecStore, MemoryStore
from provenance.testing.blobstores import BlobStoreContract
from provenance.types import BlobKey, BlobStore


def rewrite(path: Path, data: bytes) -> None:
    """Write over a read-only file in place."""
    path.chmod(0o600)
    path.write_bytes(data)


class TestMemory(BlobStoreContract):
    def make_store(self, place: Path, **options: Any) -> MemoryStore:
        return MemoryStore(**options)

    def damage(self, store: Any, key: BlobKey, data: bytes) -> None:
        store._blobs[key] = (data,)


class TestDisk(BlobStoreContract):
    def make_store(self, place: Path, **options: Any) -> DiskStore:
        return DiskStore(place / "blobs", **options)

    def damage(self, store: Any, key: BlobKey, data: bytes) -> None:
        rewrite(store.path_of(key), data)


class TestDurableDisk(TestDisk):
    def make_store(self, place: Path, **options: Any) -> DiskStore:
        return DiskStore(place / "blobs", durable=True, verify="always", **options)


class TestDiskBehindALink(TestDisk):
    def make_store(self, place: Path, **options: Any) -> DiskStore:
        (place / "elsewhere").mkdir(exist_ok=True)
        link = place / "link"
        if not link.is_symlink():
            link.symlink_to(place / "elsewhere")
        return DiskStore(link, **options)


class TestFsspecMemory(BlobStoreContract):
    one_is_first = False

    def make_store(self, place: Path, **options: Any) -> FsspecStore:
        return FsspecStore(f"memory://{place.name}", **options)

    def damage(self, store: Any, key: BlobKey, data: bytes) -> None:
        import fsspec

        fsspec.filesystem("memory").pipe_file(f"{store.url}/{key[:2]}/{key[2:]}", data)


class TestFsspecFile(BlobStoreContract):
    one_is_first = False

    def make_store(self, place: Path, **options: Any) -> FsspecStore:
        return FsspecStore(f"file://{place}/blobs", **options)

    def damage(self, store: Any, key: BlobKey, data: bytes) -> None:
        path = Path(store.url.removeprefix("file://")) / key[:2] / key[2:]
        rewrite(path, data)


class TestFsspecWithCache(BlobStoreContract):
    """The local copy is damaged as well: a sound one would be read instead."""

    copies = 2
    one_is_first = False

    def make_store(self, place: Path, **options: Any) -> FsspecStore:
        return FsspecStore(f"file://{place}/blobs", cachedir=place / "cache", **options)

    def damage(self, store: Any, key: BlobKey, data: bytes) -> None:
        rewrite(Path(store.url.removeprefix("file://")) / key[:2] / key[2:], data)
        rewrite(store._cache.path_of(key), data)


class TestChained(BlobStoreContract):
    copies = 2
    one_is_first = False
    write_policy = "all"
    on_unreachable = "skip"

    def make_store(self, place: Path, **options: Any) -> ChainedStore:
        policy = options.pop("on_duplicate_key", "skip")
        members: list[BlobStore] = [
            MemoryStore(on_duplicate_key=policy),
            DiskStore(place / "blobs", on_duplicate_key=policy),
        ]
        return ChainedStore(
            members, write_policy=self.write_policy, on_unreachable=self.on_unreachable, retry_seconds=0, **options
        )

    def damage(self, store: Any, key: BlobKey, data: bytes) -> None:
        store.stores[0]._blobs[key] = (data,)
        if self.copies == 2:
            rewrite(store.stores[1].path_of(key), data)


class TestChainedByFirst(TestChained):
    copies = 1
    one_is_first = True
    write_policy = "first"


class TestChainedByAny(TestChained):
    write_policy = "any"
    on_unreachable = "raise"
