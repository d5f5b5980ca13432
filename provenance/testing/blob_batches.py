"""What every blobstore promises about many blobs at once; part of `provenance.testing.blobstores`."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from provenance._util.payload import Buffers, Streamed
from provenance.errors import (
    BlobCorruptError,
    BlobNotFoundError,
    DuplicateKeyError,
    InvalidIdError,
    PermissionDeniedError,
)
from provenance.types import BlobKey, BlobRef, BlobStore, Payload

COUNT = 40
MISSING = [BlobKey(f"{digit}" * 64) for digit in "012"]


def _key(data: bytes, extension: str = "") -> BlobKey:
    return BlobKey(blake3(data).hexdigest() + extension)


class BatchContract:
    """Tests of the methods of `provenance.types.BlobStore` that take many keys or items."""

    def make_store(self, place: Path, **options: Any) -> BlobStore:
        """Make a store; see `provenance.testing.blobstores.BlobStoreContract`."""
        raise NotImplementedError

    def damage(self, store: BlobStore, key: BlobKey, data: bytes) -> None:
        """Put other bytes under the key behind the store's back."""
        raise NotImplementedError

    @pytest.fixture
    def many(self, store: BlobStore) -> dict[BlobKey, bytes]:
        """Stored bytes, by their keys."""
        blobs = [b"%d" % number * (1 + number * 500) for number in range(COUNT)]
        return {store.put(data).key: data for data in blobs}

    def test_batches_keep_the_order(self, store: BlobStore) -> None:
        blobs = [b"%d" % number * (1 + (COUNT - number) * 3000) for number in range(COUNT)]
        refs = store.batch_put(blobs)
        assert refs == [BlobRef(_key(data), len(data)) for data in blobs]
        backwards = [ref.key for ref in reversed(refs)]
        assert store.batch_get(backwards) == list(reversed(blobs))
        assert sorted(store.ids()) == sorted(backwards)

    def test_batches_of_nothing(self, store: BlobStore) -> None:
        assert store.batch_put([]) == []
        assert store.batch_get([]) == []
        assert store.batch_contains([]) == set()
        store.batch_delete([])

    def test_batches_take_any_iterable_and_keys_twice(self, store: BlobStore, many: dict[BlobKey, bytes]) -> None:
        keys = [*many, *many]
        assert store.batch_get(iter(keys)) == [many[key] for key in keys]
        assert store.batch_contains(iter(keys)) == set(many)
        store.batch_delete(iter(keys))
        assert list(store.ids()) == []

    def test_a_batch_of_every_kind_of_payload_with_an_extension(self, store: BlobStore) -> None:
        items: list[Payload | bytes] = [b"a", Buffers((b"b", b"c")), Streamed(lambda file: file.write(b"d"))]
        assert store.batch_put(items, extension=".txt") == [
            BlobRef(_key(data, ".txt"), len(data)) for data in (b"a", b"bc", b"d")
        ]
        with pytest.raises(InvalidIdError, match="extension"):
            store.batch_put(items, extension="txt")

    def test_what_is_contained(self, store: BlobStore, many: dict[BlobKey, bytes]) -> None:
        here = list(many)[::3]
        assert store.batch_contains([*MISSING, *here, "no key", None, []]) == set(here)

    def test_missing_keys_of_a_batch(self, store: BlobStore, many: dict[BlobKey, bytes]) -> None:
        first, *others = many
        with pytest.raises(BlobNotFoundError, match=MISSING[1]):
            store.batch_get([first, MISSING[1], *others])
        store.batch_delete([MISSING[0], first, MISSING[1]])
        assert store.batch_contains([first, *others]) == set(others)

    def test_a_damaged_blob_of_a_batch(self, store: BlobStore, many: dict[BlobKey, bytes]) -> None:
        harmed = list(many)[-1]
        self.damage(store, harmed, b"other bytes")
        with pytest.raises(BlobCorruptError, match=harmed):
            store.batch_get(many)
        assert store.batch_contains(many) == set(many) - {harmed}

    def test_what_is_no_key_stops_a_batch_before_it_starts(self, store: BlobStore, many: dict[BlobKey, bytes]) -> None:
        keys = [*many, BlobKey("../x")]
        for operation in (store.batch_get, store.batch_delete):
            with pytest.raises(InvalidIdError, match="key"):
                operation(keys)
        assert store.batch_contains(keys) == set(many)

    def test_batches_need_the_permissions_of_single_ones(self, tmp_path: Path) -> None:
        store = self.make_store(tmp_path, read=False)
        [ref] = store.batch_put([b"x"])
        assert store.batch_contains([ref.key]) == set()
        with pytest.raises(PermissionDeniedError, match="read: false"):
            store.batch_get([])
        with pytest.raises(PermissionDeniedError, match="delete: false"):
            self.make_store(tmp_path, delete=False).batch_delete([])
        with pytest.raises(PermissionDeniedError, match="write: false"):
            self.make_store(tmp_path, write=False).batch_put([])

    def test_the_policy_for_duplicates_holds_in_batches(self, tmp_path: Path) -> None:
        store = self.make_store(tmp_path, on_duplicate_key="raise")
        store.put(b"there")
        with pytest.raises(DuplicateKeyError, match=_key(b"there")):
            store.batch_put([b"new", b"there"])
        assert store.get(_key(b"new")) == b"new"

    def test_an_item_that_fails_is_told_and_the_others_are_whole(self, store: BlobStore) -> None:
        def fail(file: Any) -> None:
            file.write(b"half of ")
            msg = "no more"
            raise ValueError(msg)

        with pytest.raises(ValueError, match="no more"):
            store.batch_put([b"before", Streamed(fail), b"after"])
        assert _key(b"before") in store
        assert set(store.ids()) <= {_key(b"before"), _key(b"after")}

    def test_items_are_taken_as_they_are_stored(self, store: BlobStore) -> None:
        """A generator of large items never has more of them in memory than are under way."""
        alive: set[int] = set()
        most = 0

        def items() -> Iterator[Payload]:
            nonlocal most
            for number in range(COUNT * 2):
                item = Buffers((bytearray(b"%d" % number * 1000),))
                payload = _Watched(item)
                alive.add(number)
                weakref.finalize(payload, alive.discard, number)
                most = max(most, len(alive))
                yield payload

        assert len(store.batch_put(items())) == COUNT * 2
        assert most < COUNT


class _Watched:
    """A payload whose end can be noticed."""

    def __init__(self, payload: Buffers) -> None:
        self._payload = payload
        self.size = payload.size

    def write_to(self, file: Any) -> None:
        self._payload.write_to(file)
