"""A large array is hashed once, while its bytes are written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import provenance as p
from provenance.blobstores import ChainedStore, DiskStore, MemoryStore
from provenance.engine import values
from provenance.errors import StorageError, UnrecordedResultWarning
from provenance.repos.sql import SqlRepo
from provenance.serializers.array import encoded_array


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    return DiskStore(tmp_path / "blobs")


@pytest.fixture(autouse=True)
def repo(tmp_path: Path, store: DiskStore) -> Iterator[SqlRepo]:
    repo = SqlRepo(tmp_path / "rows.db", store, name="large")
    with p.using_repo(repo):
        yield repo


@p.provenance()
def numbers(seed: int) -> Any:
    return np.random.default_rng(seed).random(200_000)


@p.provenance(serializer="pickle5")
def pickled(seed: int) -> Any:
    return np.random.default_rng(seed).random(200_000)


def payload(seed: int = 0) -> Any:
    found = encoded_array(np.random.default_rng(seed).random(200_000))
    assert found is not None
    return found


class TestCalls:
    def test_the_key_of_the_stored_bytes_is_the_hash_of_the_value(self) -> None:
        artifact = numbers(1).artifact
        assert artifact.record.value_blob.key == artifact.value_id == p.hash(np.random.default_rng(1).random(200_000))
        assert artifact.serializer == "array"
        assert np.array_equal(artifact.value, np.random.default_rng(1).random(200_000))

    def test_its_memory_is_not_hashed_besides(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(value: object, **_: object) -> None:
            pytest.fail(f"hashed {type(value)}")

        monkeypatch.setattr(values, "fingerprint", refuse)
        assert numbers(2).artifact.is_stored

    def test_another_serializer_may_be_asked_for(self) -> None:
        artifact = pickled(3).artifact
        assert artifact.serializer == "pickle5"
        assert artifact.value_id == numbers(3).artifact.value_id != artifact.record.value_blob.key

    def test_equal_values_share_their_bytes(self, store: DiskStore) -> None:
        other = p.provenance(name="other")(lambda: np.random.default_rng(4).random(200_000))
        assert numbers(4).artifact.value_id == other().artifact.value_id
        assert len(list(store.ids())) == 1

    def test_no_temporary_file_stays(self, store: DiskStore) -> None:
        numbers(5)
        assert list(store.temporary.iterdir()) == []

    def test_none_stays_where_the_row_is_refused(
        self, store: DiskStore, repo: SqlRepo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(_: object) -> None:
            raise StorageError("no more rows")

        monkeypatch.setattr(repo, "save", refuse)
        with pytest.warns(UnrecordedResultWarning, match="no more rows"):
            assert len(numbers(6)) == 200_000
        assert list(store.temporary.iterdir()) == []

    def test_a_store_that_cannot_be_written_costs_no_result(
        self, store: DiskStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.temporary.mkdir()
        monkeypatch.setattr(store, "temporary", store.path_of(MISSING) / "a file in the way")
        (store.cachedir / MISSING[:2]).write_text("a file")
        with pytest.warns(UnrecordedResultWarning):
            assert len(numbers(7)) == 200_000

    def test_nothing_is_written_in_read_only_mode(self, store: DiskStore) -> None:
        p.set_read_only(True)
        try:
            assert not numbers(8).artifact.is_stored
        finally:
            p.set_read_only(False)
        assert list(store.cachedir.rglob("*")) == []


MISSING = p.hash("missing")


class TestStores:
    def test_what_is_staged_gets_its_name_when_it_is_put(self, store: DiskStore) -> None:
        staged = store.stage(payload())
        assert staged is not None
        inode = Path(staged.path).stat().st_ino
        ref = store.put(staged)
        assert (ref.key, ref.size) == (staged.digest, payload().size)
        assert store.path_of(ref.key).stat().st_ino == inode
        assert not Path(staged.path).exists()

    def test_it_can_be_put_again_after_it_was_deleted(self, store: DiskStore) -> None:
        staged = store.stage(payload())
        assert staged is not None
        key = store.put(staged).key
        store.delete(key)
        assert store.put(staged).key == key
        assert store.get(key) == payload().to_bytes()

    def test_another_store_writes_it_anew(self, store: DiskStore, tmp_path: Path) -> None:
        staged = store.stage(payload())
        assert staged is not None
        for other in (DiskStore(tmp_path / "other"), MemoryStore(), ChainedStore([MemoryStore()])):
            assert other.get(other.put(staged).key) == payload().to_bytes()
        assert Path(staged.path).exists()

    def test_only_a_disk_that_may_be_written_stages(self, tmp_path: Path) -> None:
        assert MemoryStore().stage(payload()) is None
        assert DiskStore(tmp_path / "closed", write=False).stage(payload()) is None
