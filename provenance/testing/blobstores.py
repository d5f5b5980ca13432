"""What every blobstore promises, as a test class to subclass.

A subclass gives `make_store` and, where stored bytes can be reached, `damage`::

    class TestMyStore(BlobStoreContract):
        def make_store(self, place, **options):
            return MyStore(place / "blobs", **options)

        def damage(self, store, key, data):
            store.path_of(key).write_bytes(data)
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from provenance._util.payload import Buffers, FileContent, Streamed
from provenance.errors import (
    BlobCorruptError,
    BlobNotFoundError,
    CollisionError,
    ConfigError,
    DuplicateKeyError,
    InvalidIdError,
    PermissionDeniedError,
)
from provenance.testing.blob_batches import BatchContract
from provenance.types import BlobKey, BlobRef, BlobStore, Payload

BIG = bytes(range(256)) * (3 * (1 << 20) // 256) + b"and a rest"
MISSING = BlobKey("0" * 64)
NO_KEYS = (
    "",
    "0" * 63,
    "0" * 65,
    "G" * 64,
    "A" * 64,
    "../" + "0" * 61,
    "0" * 64 + "/x",
    "0" * 64 + "\0",
    "0" * 64 + "\n",
    "0" * 64 + ".",
    "0" * 64 + ".JPG",
    "0" * 64 + ".a.b",
    "0" * 64 + "." + "a" * 17,
    "\uff10" * 64,
)


def key_of(data: bytes, extension: str = "") -> BlobKey:
    """The key that a store must give these bytes."""
    return BlobKey(blake3(data).hexdigest() + extension)


class BlobStoreContract(BatchContract):
    """Tests of the promises of `provenance.types.BlobStore`; subclass it once per backend."""

    copies = 1
    """How many copies the store keeps of the same bytes; each one that is damaged is reported."""
    one_is_first = True
    """Whether of several callers that put the same bytes at once exactly one finds that they are new."""

    def make_store(self, place: Path, **options: Any) -> BlobStore:
        """Make a store that keeps its bytes in or by the name of `place`, an existing empty folder."""
        raise NotImplementedError

    def damage(self, store: BlobStore, key: BlobKey, data: bytes) -> None:
        """Put other bytes under the key behind the store's back."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, tmp_path: Path) -> BlobStore:
        """A store that permits everything."""
        return self.make_store(tmp_path)

    # ---- bytes come back

    @pytest.mark.parametrize("data", [b"", b"x", b"\x00" * 5000, BIG], ids=["empty", "one byte", "small", "big"])
    def test_bytes_come_back_under_their_digest(self, store: BlobStore, data: bytes) -> None:
        ref = store.put(data)
        assert ref == BlobRef(key_of(data), len(data))
        assert ref.key in store
        assert store.get(ref.key) == data

    def test_get_returns_plain_bytes(self, store: BlobStore) -> None:
        assert type(store.get(store.put(bytearray(b"mutable")).key)) is bytes  # type: ignore[arg-type]

    @pytest.mark.parametrize("data", [b"", b"some bytes", BIG], ids=["empty", "small", "big"])
    def test_every_kind_of_payload_is_stored(self, store: BlobStore, data: bytes, tmp_path: Path) -> None:
        source = tmp_path / "source"
        source.write_bytes(data)
        half = len(data) // 2
        payloads: list[Payload] = [
            Buffers((data[:half], bytearray(data[half:]))),
            Buffers((memoryview(data),)),
            FileContent(source),
            Streamed(lambda file: _write_in_pieces(file, data)),
        ]
        for payload in payloads:
            assert store.put(payload) == BlobRef(key_of(data), len(data))
            assert store.get(key_of(data)) == data
            store.delete(key_of(data))
        assert source.read_bytes() == data

    @pytest.mark.parametrize("data", [b"", b"some bytes", BIG], ids=["empty", "small", "big"])
    def test_what_is_staged_is_known_by_its_digest_and_then_stored(self, store: BlobStore, data: bytes) -> None:
        staged = store.stage(Buffers((data,)))
        if staged is not None:
            assert staged.digest == key_of(data)
            assert key_of(data) not in store
        for _ in range(2):
            assert store.put(staged or data) == BlobRef(key_of(data), len(data))
            assert store.get(key_of(data)) == data
            store.delete(key_of(data))

    def test_a_local_path_holds_the_same_bytes(self, store: BlobStore) -> None:
        for data in (b"", b"small", BIG):
            key = store.put(data).key
            path = store.local_path(key)
            assert path is None or path.read_bytes() == data

    def test_an_extension_ends_the_key_and_makes_another_blob(self, store: BlobStore) -> None:
        plain = store.put(b"a,b\n").key
        table = store.put(b"a,b\n", extension=".csv").key
        assert table == key_of(b"a,b\n", ".csv")
        store.delete(plain)
        assert plain not in store
        assert store.get(table) == b"a,b\n"
        path = store.local_path(table)
        assert path is None or path.suffix == ".csv"

    @pytest.mark.parametrize("extension", ["csv", ".", ".CSV", ".tar.gz", "./x", ".a\0", ".é", "." + "a" * 17, None, 3])
    def test_what_is_no_extension_is_refused(self, store: BlobStore, extension: Any) -> None:
        with pytest.raises(InvalidIdError, match="extension"):
            store.put(b"x", extension=extension)
        assert list(store.ids()) == []

    def test_ids_lists_what_is_stored(self, store: BlobStore) -> None:
        assert list(store.ids()) == []
        keys = {store.put(b"%d" % i, extension=".txt" if i % 2 else "").key for i in range(20)}
        assert sorted(store.ids()) == sorted(keys)
        store.delete(key_of(b"0"))
        assert sorted(store.ids()) == sorted(keys - {key_of(b"0")})

    def test_putting_while_listing_does_not_disturb(self, store: BlobStore) -> None:
        for i in range(5):
            store.put(b"%d" % i)
        listed = []
        for key in store.ids():
            listed.append(key)
            store.put(b"more" + key.encode())
        assert len(listed) == len(set(listed)) >= 5

    # ---- what is not there, and what cannot be

    def test_missing_bytes(self, store: BlobStore) -> None:
        assert MISSING not in store
        with pytest.raises(BlobNotFoundError, match=MISSING):
            store.get(MISSING)
        store.delete(MISSING)

    def test_deleted_bytes_are_missing_and_can_be_put_again(self, store: BlobStore) -> None:
        key = store.put(b"x").key
        store.get(key)
        store.delete(key)
        assert key not in store
        with pytest.raises(BlobNotFoundError):
            store.get(key)
        store.put(b"x")
        assert store.get(key) == b"x"

    @pytest.mark.parametrize("key", NO_KEYS)
    def test_what_is_no_key_is_refused(self, store: BlobStore, key: str) -> None:
        for operation in (store.get, store.local_path, store.delete):
            with pytest.raises(InvalidIdError, match="key"):
                operation(BlobKey(key))
        assert key not in store

    @pytest.mark.parametrize("key", [None, 0, b"0" * 64, ("0" * 64,), []])
    def test_what_is_no_string_is_not_contained(self, store: BlobStore, key: object) -> None:
        assert key not in store
        with pytest.raises(InvalidIdError):
            store.get(key)  # type: ignore[arg-type]

    # ---- damage

    @pytest.mark.parametrize("data", [b"some bytes", BIG], ids=["small", "big"])
    @pytest.mark.parametrize("harm", ["changed", "cut", "grown", "emptied"])
    def test_damaged_bytes_are_never_returned(
        self, store: BlobStore, data: bytes, harm: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        key = store.put(data).key
        self.damage(store, key, harmed(data, harm))
        with caplog.at_level(logging.WARNING), pytest.raises(BlobCorruptError, match=key):
            store.get(key)
        reports = [record.levelname for record in caplog.records if key in record.getMessage()]
        assert reports == ["WARNING"] * self.copies

    def test_damaged_bytes_are_missing_from_then_on_and_can_be_put_again(self, store: BlobStore) -> None:
        key = store.put(b"some bytes").key
        self.damage(store, key, b"same bytes")
        with pytest.raises(BlobCorruptError):
            store.get(key)
        assert key not in store
        assert list(store.ids()) == []
        with pytest.raises(BlobNotFoundError):
            store.get(key)
        store.put(b"some bytes")
        assert store.get(key) == b"some bytes"

    def test_a_local_path_is_verified(self, store: BlobStore) -> None:
        key = store.put(b"some bytes").key
        if store.local_path(key) is None:
            return
        self.damage(store, key, b"same bytes")
        with pytest.raises(BlobCorruptError, match=key):
            store.local_path(key)
        with pytest.raises(BlobNotFoundError):
            store.local_path(key)

    def test_putting_mends_bytes_of_another_size(self, store: BlobStore) -> None:
        key = store.put(b"some bytes").key
        self.damage(store, key, b"some")
        store.put(b"some bytes")
        assert store.get(key) == b"some bytes"

    # ---- permissions

    def test_a_store_that_may_not_be_read_shows_nothing(self, tmp_path: Path) -> None:
        store = self.make_store(tmp_path, read=False)
        key = store.put(b"x").key
        assert not store.permissions.read
        assert key not in store
        for operation in (lambda: store.get(key), lambda: store.local_path(key), store.ids):
            with pytest.raises(PermissionDeniedError, match="read: false"):
                operation()

    def test_a_store_that_may_not_be_written_takes_nothing(self, tmp_path: Path) -> None:
        store = self.make_store(tmp_path, write=False)
        with pytest.raises(PermissionDeniedError, match="write: false"):
            store.put(b"x")
        assert key_of(b"x") not in store
        assert list(store.ids()) == []

    def test_a_store_that_may_not_delete_keeps_everything(self, tmp_path: Path) -> None:
        store = self.make_store(tmp_path, delete=False)
        key = store.put(b"x").key
        with pytest.raises(PermissionDeniedError, match="delete: false"):
            store.delete(key)
        assert store.get(key) == b"x"

    def test_permissions_default_to_everything(self, store: BlobStore) -> None:
        assert store.permissions.read
        assert store.permissions.write
        assert store.permissions.read_through_write
        assert store.permissions.delete

    def test_a_name_is_kept(self, tmp_path: Path) -> None:
        assert self.make_store(tmp_path, name="mine").name == "mine"

    # ---- putting what is there already

    @pytest.mark.parametrize("policy", ["skip", "overwrite", "check_collision"])
    @pytest.mark.parametrize("data", [b"x", BIG], ids=["small", "big"])
    def test_putting_twice_is_putting_once(self, tmp_path: Path, policy: str, data: bytes) -> None:
        store = self.make_store(tmp_path, on_duplicate_key=policy)
        assert store.put(data) == store.put(data) == store.put(Streamed(lambda file: _write_in_pieces(file, data)))
        assert store.get(key_of(data)) == data
        assert list(store.ids()) == [key_of(data)]

    @pytest.mark.parametrize("data", [b"x", BIG], ids=["small", "big"])
    def test_a_duplicate_can_be_refused(self, tmp_path: Path, data: bytes) -> None:
        store = self.make_store(tmp_path, on_duplicate_key="raise")
        key = store.put(data).key
        with pytest.raises(DuplicateKeyError, match=key):
            store.put(data)
        assert store.get(key) == data

    @pytest.mark.parametrize("data", [b"some bytes", BIG], ids=["small", "big"])
    def test_a_collision_can_be_checked_for(self, tmp_path: Path, data: bytes) -> None:
        store = self.make_store(tmp_path, on_duplicate_key="check_collision")
        key = store.put(data).key
        self.damage(store, key, harmed(data, "changed"))
        with pytest.raises(CollisionError, match=key):
            store.put(data)

    def test_overwriting_mends_whatever_is_there(self, tmp_path: Path) -> None:
        store = self.make_store(tmp_path, on_duplicate_key="overwrite")
        key = store.put(b"some bytes").key
        self.damage(store, key, b"same bytes")
        store.put(b"some bytes")
        assert store.get(key) == b"some bytes"

    def test_an_unknown_policy_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="check_collision"):
            self.make_store(tmp_path, on_duplicate_key="ignore")

    # ---- failures and concurrency

    def test_a_payload_that_fails_leaves_nothing(self, store: BlobStore) -> None:
        class Interrupted(BaseException):
            pass

        def fail_in_the_middle(file: Any) -> None:
            file.write(BIG)
            file.write(b"half of ")
            raise Interrupted

        with pytest.raises(Interrupted):
            store.put(Streamed(fail_in_the_middle))
        assert list(store.ids()) == []
        assert store.get(store.put(BIG).key) == BIG

    @pytest.mark.parametrize("data", [b"the same", BIG], ids=["small", "big"])
    def test_threads_can_put_the_same_bytes_at_once(self, store: BlobStore, data: bytes) -> None:
        threads = 8
        start = threading.Barrier(threads)

        def put(_: int) -> tuple[BlobRef, bytes]:
            start.wait()
            ref = store.put(data)
            return ref, store.get(ref.key)

        with ThreadPoolExecutor(threads) as pool:
            results = list(pool.map(put, range(threads)))
        assert results == [(BlobRef(key_of(data), len(data)), data)] * threads
        assert list(store.ids()) == [key_of(data)]

    def test_at_most_one_thread_is_first_where_duplicates_are_refused(self, tmp_path: Path) -> None:
        store = self.make_store(tmp_path, on_duplicate_key="raise")
        threads = 8
        start = threading.Barrier(threads)

        def put(_: int) -> bool:
            start.wait()
            try:
                store.put(b"the same")
            except DuplicateKeyError:
                return False
            return True

        with ThreadPoolExecutor(threads) as pool:
            firsts = list(pool.map(put, range(threads)))
        assert not self.one_is_first or sum(firsts) == 1
        assert store.get(key_of(b"the same")) == b"the same"

    def test_threads_can_put_get_and_delete_at_once(self, store: BlobStore) -> None:
        blobs = [b"%d" % i * 100 for i in range(10)]

        def work(seed: int) -> None:
            for step in range(30):
                data = blobs[(seed * 7 + step) % len(blobs)]
                key = store.put(data).key
                with contextlib.suppress(BlobNotFoundError):  # another thread was quicker to delete it
                    assert store.get(key) == data
                if step % 3 == seed % 3:
                    store.delete(key)

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(work, range(6)))
        for key in store.ids():
            assert key_of(store.get(key)) == key


def harmed(data: bytes, harm: str) -> bytes:
    """The bytes after an accident of the given kind."""
    accidents: dict[str, Callable[[], bytes]] = {
        "changed": lambda: data[:-1] + bytes([data[-1] ^ 1]),
        "cut": lambda: data[:-1],
        "grown": lambda: data + b"\0",
        "emptied": lambda: b"",
    }
    return accidents[harm]()


def _write_in_pieces(file: Any, data: bytes) -> None:
    view = memoryview(data)
    position, step = 0, 1
    while position < len(view):
        file.write(view[position : position + step])
        position += step
        step = step * 3 + 1
