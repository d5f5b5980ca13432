"""What is found further down a chain is copied as it is."""

from __future__ import annotations

import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest

from provenance._util.payload import Streamed
from provenance.blobstores import ChainedStore, DiskStore, FsspecStore, MemoryStore
from provenance.errors import BlobCorruptError, BlobNotFoundError, PermissionDeniedError
from provenance.testing.blobstores import BIG, key_of

MEGABYTE = 1 << 20
BLOCK = bytes(range(256)) * (MEGABYTE // 256)


def put_large(store, megabytes=48):
    return store.put(Streamed(lambda file: [file.write(BLOCK) for _ in range(megabytes)])).key


def test_large_blobs_are_streamed_from_a_store_without_files(tmp_path):
    near, far = DiskStore(tmp_path / "near"), FsspecStore(f"file://{tmp_path}/far")
    key = put_large(far)
    chain = ChainedStore([near, far])
    tracemalloc.start()
    path = chain.local_path(key)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert path == near.path_of(key)
    assert path.stat().st_size == 48 * MEGABYTE
    assert peak < 12 * MEGABYTE


def test_large_blobs_are_streamed_from_file_to_file(tmp_path):
    near, far = DiskStore(tmp_path / "near"), DiskStore(tmp_path / "far")
    key = put_large(far)
    tracemalloc.start()
    assert ChainedStore([near, far]).local_path(key) == far.path_of(key)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert near.path_of(key).read_bytes() == far.path_of(key).read_bytes()
    assert peak < 12 * MEGABYTE


@pytest.mark.parametrize("extension", ["", ".csv"])
def test_many_may_read_through_at_once(tmp_path, extension):
    near = DiskStore(tmp_path / "near", on_duplicate_key="raise")
    far = FsspecStore(f"file://{tmp_path}/far")
    key = far.put(BIG, extension=extension).key
    chain = ChainedStore([near, far])
    reads = [chain.get, chain.local_path, lambda key: chain.batch_get([key])[0]] * 8
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda read: read(key), reads):
            assert (found if isinstance(found, bytes) else found.read_bytes()) == BIG
    assert near.get(key) == BIG
    assert list(near.ids()) == [key]
    assert list(near.temporary.iterdir()) == []


def test_copies_of_duplicates_are_no_failure(tmp_path, caplog):
    """A member that may not be read gets a copy each time."""
    near, far = DiskStore(tmp_path, read=False, on_duplicate_key="raise"), MemoryStore()
    key = far.put(b"x").key
    chain = ChainedStore([near, far])
    for _ in range(2):
        assert chain.get(key) == b"x"
        assert chain.batch_get([key]) == [b"x"]
    assert caplog.records == []
    assert near.path_of(key).read_bytes() == b"x"


def test_a_blob_that_is_gone_before_it_is_copied_is_no_failure_of_asking_for_its_file(tmp_path, caplog):
    class Fleeting(FsspecStore):
        def _save_as(self, key, file):
            raise self._missing(key)

    far = Fleeting(f"file://{tmp_path}/far", name="far")
    key = far.put(b"x").key
    near = MemoryStore()
    chain = ChainedStore([near, far])
    assert chain.local_path(key) is None
    assert f"blob {key} was not copied from 'far'" in caplog.text
    assert chain.get(key) == b"x"


def test_what_changes_while_it_is_copied_is_not_kept(tmp_path, caplog):
    class Changing(DiskStore):
        def _local_path(self, key):
            path = super()._local_path(key)
            path.chmod(0o600)
            path.write_bytes(b"written over")
            return path

    near, far = MemoryStore(name="near"), Changing(tmp_path)
    key = far.put(b"x").key
    ChainedStore([near, far]).local_path(key)
    assert list(near.ids()) == []
    assert "'near' took no copy" in caplog.text


@pytest.mark.parametrize("kind", ["memory", "disk", "file", "chain"])
def test_bytes_can_be_saved_as_a_file(tmp_path, kind):
    stores = {
        "memory": MemoryStore,
        "disk": lambda: DiskStore(tmp_path / "blobs", verify="always"),
        "file": lambda: FsspecStore(f"file://{tmp_path}/blobs"),
        "chain": lambda: ChainedStore([MemoryStore(), DiskStore(tmp_path / "blobs")]),
    }
    store, file = stores[kind](), tmp_path / "file"
    key = store.put(BIG, extension=".bin").key
    store.save_as(key, file)
    assert file.read_bytes() == BIG
    with pytest.raises(BlobNotFoundError):
        store.save_as(key_of(b"missing"), file)
    store._permissions = type(store.permissions)(read=False)
    with pytest.raises(PermissionDeniedError):
        store.save_as(key, file)


def test_damaged_bytes_are_not_called_saved(tmp_path):
    store = FsspecStore(f"file://{tmp_path}/blobs")
    key = store.put(b"x").key
    path = tmp_path / "blobs" / key[:2] / key[2:]
    path.chmod(0o600)
    path.write_bytes(b"y")
    with pytest.raises(BlobCorruptError):
        store.save_as(key, tmp_path / "file")
