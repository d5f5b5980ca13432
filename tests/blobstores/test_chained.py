"""Several stores one behind the other."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from provenance._util.payload import FileContent, Streamed
from provenance.blobstores import ChainedStore, DiskStore, FsspecStore, MemoryStore
from provenance.errors import (
    BlobCorruptError,
    BlobNotFoundError,
    ConfigError,
    PermissionDeniedError,
    StorageError,
)
from provenance.testing.blobstores import BIG, key_of
from provenance.types import BlobKey

KEY = key_of(b"x")


def damaged(store: MemoryStore, data: bytes = b"x") -> MemoryStore:
    key = store.put(data).key
    store._blobs[key] = (b"damaged",)
    return store


def unreachable(tmp_path: Path) -> FsspecStore:
    """A store whose root is a file, so that everything in it fails."""
    (tmp_path / "a file").write_text("")
    return FsspecStore(f"file://{tmp_path}/a file/blobs")


class TestReading:
    def test_the_first_store_that_has_it_answers(self) -> None:
        first, second = MemoryStore(), MemoryStore()
        second.put(b"x")
        assert KEY in ChainedStore([first, second])
        assert ChainedStore([first, second]).get(KEY) == b"x"

    def test_what_is_found_further_down_is_copied_into_earlier_stores(self, tmp_path: Path) -> None:
        first, second, third = MemoryStore(), DiskStore(tmp_path), MemoryStore()
        key = third.put(BIG, extension=".bin").key
        assert ChainedStore([first, second, third]).get(key) == BIG
        assert first.get(key) == second.get(key) == BIG

    @pytest.mark.parametrize("forbidden", ["write", "read_through_write"])
    def test_but_only_where_that_is_permitted(self, forbidden: str) -> None:
        closed, last = MemoryStore(**{forbidden: False}), MemoryStore()  # type: ignore[arg-type]
        last.put(b"x")
        chain = ChainedStore([closed, last])
        assert chain.get(KEY) == b"x"
        assert chain.local_path(KEY) is None
        assert list(closed.ids()) == []

    def test_later_stores_get_no_copies(self) -> None:
        first, second = MemoryStore(), MemoryStore()
        first.put(b"x")
        ChainedStore([first, second]).get(KEY)
        assert list(second.ids()) == []

    def test_a_copy_that_cannot_be_made_is_logged_and_the_bytes_returned(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Full(MemoryStore):
            def _put(self, *_: object) -> object:  # type: ignore[override]
                raise StorageError("full")

        last = MemoryStore()
        last.put(b"x")
        with caplog.at_level(logging.WARNING):
            assert ChainedStore([Full(name="tiny"), last]).get(KEY) == b"x"
        assert "'tiny' is out of reach and is left out: full" in caplog.text

    def test_damage_in_one_store_is_mended_from_the_next(self) -> None:
        first, second = damaged(MemoryStore()), MemoryStore()
        second.put(b"x")
        assert ChainedStore([first, second]).get(KEY) == b"x"
        assert first.get(KEY) == b"x"

    def test_a_store_out_of_reach_is_passed_over(self, tmp_path: Path) -> None:
        last = MemoryStore()
        last.put(b"x")
        chain = ChainedStore([unreachable(tmp_path), last])
        assert chain.get(KEY) == b"x"
        assert KEY in chain

    def test_unreadable_members_are_passed_over(self) -> None:
        secret, last = MemoryStore(read=False), MemoryStore()
        secret.put(b"x")
        secret.put(b"y")
        last.put(b"x")
        chain = ChainedStore([secret, last])
        assert chain.get(KEY) == b"x"
        assert list(chain.ids()) == [KEY]
        assert key_of(b"y") not in chain
        with pytest.raises(BlobNotFoundError):
            chain.get(key_of(b"y"))

    def test_the_error_tells_of_the_worst_that_was_met(self, tmp_path: Path) -> None:
        class Unreachable(MemoryStore):
            def _has(self, key: BlobKey) -> bool:
                raise StorageError("out of reach")

            def _get(self, key: BlobKey) -> bytes:
                raise StorageError("out of reach")

        missing, lost = MemoryStore(), Unreachable()
        with pytest.raises(BlobNotFoundError, match="'all'"):
            ChainedStore([missing, missing], name="all").get(KEY)
        with pytest.raises(StorageError, match="out of reach"):
            ChainedStore([missing, lost]).get(KEY)
        with pytest.raises(StorageError, match="out of reach"):
            KEY in ChainedStore([lost, missing])  # noqa: B015
        with pytest.raises(BlobCorruptError):
            ChainedStore([lost, damaged(MemoryStore())]).get(KEY)


class TestLocalPaths:
    def test_of_a_member_with_files(self, tmp_path: Path) -> None:
        disk = DiskStore(tmp_path)
        disk.put(b"x")
        first = MemoryStore()
        assert ChainedStore([first, disk]).local_path(KEY) == disk.path_of(KEY)
        assert first.get(KEY) == b"x"

    def test_of_the_copy_that_is_made(self, tmp_path: Path) -> None:
        first, disk, last = MemoryStore(), DiskStore(tmp_path), MemoryStore()
        last.put(b"x")
        path = ChainedStore([first, disk, last]).local_path(KEY)
        assert path == disk.path_of(KEY)
        assert path.read_bytes() == b"x"

    def test_none_where_no_member_has_files(self) -> None:
        first, last = MemoryStore(), MemoryStore()
        last.put(b"x")
        assert ChainedStore([first, last]).local_path(KEY) is None
        assert ChainedStore([last]).local_path(KEY) is None

    def test_missing_bytes(self, tmp_path: Path) -> None:
        with pytest.raises(BlobNotFoundError):
            ChainedStore([MemoryStore(), DiskStore(tmp_path)]).local_path(KEY)


class TestWriting:
    def test_every_member_that_may_be_written_gets_a_copy(self, tmp_path: Path) -> None:
        closed, memory, disk = MemoryStore(write=False), MemoryStore(read_through_write=False), DiskStore(tmp_path)
        source = tmp_path / "source"
        source.write_bytes(BIG)
        assert ChainedStore([closed, memory, disk]).put(FileContent(source)).key == key_of(BIG)
        assert (key_of(BIG) in closed, key_of(BIG) in memory, key_of(BIG) in disk) == (False, True, True)

    def test_one_must_be_writable(self) -> None:
        with pytest.raises(PermissionDeniedError, match=r"'all'.*write: true"):
            ChainedStore([MemoryStore(write=False)], name="all").put(b"x")

    def test_a_member_that_fails_is_told_after_the_others_were_written(self, tmp_path: Path) -> None:
        memory = MemoryStore()
        with pytest.raises(StorageError, match="a file"):
            ChainedStore([unreachable(tmp_path), memory]).put(b"x")
        assert memory.get(KEY) == b"x"

    def test_a_payload_that_is_not_the_same_twice_is_refused(self) -> None:
        texts = iter([b"one", b"two"])
        payload = Streamed(lambda file: file.write(next(texts)))
        with pytest.raises(StorageError, match="same bytes"):
            ChainedStore([MemoryStore(), MemoryStore()]).put(payload)


class TestTheRest:
    def test_deleting_is_done_in_every_member_that_permits_it(self) -> None:
        first, kept, last = MemoryStore(), MemoryStore(delete=False), MemoryStore()
        chain = ChainedStore([first, kept, last])
        chain.put(b"x")
        chain.delete(KEY)
        assert (KEY in first, KEY in kept, KEY in last) == (False, True, False)

    def test_one_must_permit_deleting(self) -> None:
        with pytest.raises(PermissionDeniedError, match="delete: true"):
            ChainedStore([MemoryStore(delete=False)]).delete(KEY)

    def test_ids_are_listed_once(self) -> None:
        first, last = MemoryStore(), MemoryStore()
        first.put(b"x")
        last.put(b"x")
        last.put(b"y")
        assert sorted(ChainedStore([first, last]).ids()) == sorted([KEY, key_of(b"y")])

    def test_a_chain_of_nothing_is_refused(self) -> None:
        with pytest.raises(ConfigError, match="at least one member"):
            ChainedStore([])

    def test_chains_nest(self, tmp_path: Path) -> None:
        memory, disk = MemoryStore(), DiskStore(tmp_path)
        chain = ChainedStore([memory, ChainedStore([disk])])
        chain.put(b"x")
        assert chain.local_path(KEY) is None
        memory.delete(KEY)
        assert chain.local_path(KEY) == disk.path_of(KEY)
