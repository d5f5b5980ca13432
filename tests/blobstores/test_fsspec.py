"""Stores at fsspec URLs: what the contract cannot see."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem

from provenance._util.payload import Streamed
from provenance.blobstores import FsspecStore
from provenance.blobstores import fsspec_ as module
from provenance.errors import BlobCorruptError, BlobNotFoundError, ConfigError, StorageError
from provenance.testing.blobstores import BIG, key_of

KEY = key_of(b"x")


def local(tmp_path: Path, **options: Any) -> FsspecStore:
    return FsspecStore(f"file://{tmp_path}/blobs", **options)


def file_of(tmp_path: Path, key: str) -> Path:
    return tmp_path / "blobs" / key[:2] / key[2:]


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def cache_folder(tmp_path: Path) -> Path:
    [folder] = (tmp_path / "cache").iterdir()
    return folder


def copies_in(tmp_path: Path) -> list[str]:
    return [name for name in files_in(cache_folder(tmp_path)) if name != "size" and not name.startswith("used/")]


class TestUrls:
    def test_a_plain_path(self, tmp_path: Path) -> None:
        store = FsspecStore(str(tmp_path / "blobs"))
        store.put(b"x")
        assert file_of(tmp_path, KEY).read_bytes() == b"x"
        assert store.name == str(tmp_path / "blobs")

    def test_a_slash_at_the_end_changes_nothing(self, tmp_path: Path) -> None:
        FsspecStore(f"file://{tmp_path}/blobs/").put(b"x")
        assert list(local(tmp_path).ids()) == [KEY]

    @pytest.mark.parametrize("url", ["nowhere://bucket/x", "file::nowhere://x"])
    def test_an_unknown_protocol_is_a_configuration_error(self, url: str) -> None:
        with pytest.raises(ConfigError, match=r"'mine'.*nowhere.*protocol"):
            FsspecStore(url, name="mine")

    def test_options_that_do_not_fit(self, tmp_path: Path) -> None:
        (tmp_path / "empty").write_bytes(b"")
        store = FsspecStore("zip://blobs", storage_options={"fo": str(tmp_path / "empty"), "mode": "r"})
        with pytest.raises(StorageError, match="zip://blobs"):
            store.get(KEY)

    def test_a_filesystem_that_cannot_be_written(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr(f"blobs/{KEY[:2]}/{KEY[2:]}", b"x")
        store = FsspecStore(f"zip://blobs::{tmp_path}/a.zip")
        assert store.get(KEY) == b"x"
        assert list(store.ids()) == [KEY]
        with pytest.raises(StorageError, match=f"store {key_of(b'y')}"):
            store.put(b"y")


class TestPublishing:
    def test_nothing_else_stays(self, tmp_path: Path) -> None:
        store = local(tmp_path)
        for data in (b"x", BIG):
            store.put(data)
            store.put(Streamed(lambda file, data=data: file.write(data)))  # type: ignore[misc]
        assert files_in(tmp_path / "blobs") == sorted(f"{k[:2]}/{k[2:]}" for k in (KEY, key_of(BIG)))

    def test_a_failed_move_leaves_nothing(self, tmp_path: Path) -> None:
        store = local(tmp_path)
        file_of(tmp_path, KEY).parent.parent.mkdir()
        file_of(tmp_path, KEY).parent.write_text("a file in place of the shard")
        with pytest.raises(StorageError, match=KEY):
            store.put(b"x")
        assert files_in(tmp_path / "blobs") == [KEY[:2]]

    @pytest.mark.parametrize("policy", ["skip", "raise"])
    def test_the_loser_of_a_race(self, tmp_path: Path, policy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """Another writer publishes between the look for the key and the move."""
        store = local(tmp_path, on_duplicate_key=policy)
        put_file = LocalFileSystem.pipe_file

        def slow(self: LocalFileSystem, path: str, value: bytes, **options: Any) -> Any:
            target = file_of(tmp_path, KEY)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(b"x")
            return put_file(self, path, value, **options)

        monkeypatch.setattr(LocalFileSystem, "pipe_file", slow)
        if policy == "raise":
            with pytest.raises(StorageError, match="already"):
                store.put(b"x")
        else:
            assert store.put(b"x").key == KEY
        assert files_in(tmp_path / "blobs") == [f"{KEY[:2]}/{KEY[2:]}"]

    @pytest.mark.parametrize("told_as", [FileExistsError(), OSError(22, "pre-conditions did not hold")])
    def test_a_refused_condition_means_that_another_was_first(self, tmp_path: Path, told_as: OSError) -> None:
        from provenance.blobstores.remotes.base import TakenError, Upload
        from provenance.blobstores.remotes.files import FileRemote

        class ObjectStore(LocalFileSystem):  # type: ignore[misc]
            def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
                if mode == "create" and self.exists(path):
                    raise told_as
                super().pipe_file(path, value, **options)

        remote = FileRemote(ObjectStore(auto_mkdir=True, skip_instance_cache=True), str(tmp_path), True, False)
        remote.create(Upload("a/b", b"x", "", 1))
        with pytest.raises(TakenError):
            remote.create(Upload("a/b", b"y", "", 1))
        assert remote.read("a/b") == b"x"
        remote.replace(Upload("a/b", b"y", "", 1))
        assert remote.read("a/b") == b"y"

    def test_a_file_in_place_of_a_folder_is_not_taken_for_the_blob(self, tmp_path: Path) -> None:
        store = FsspecStore(f"memory://{tmp_path.name}")
        fsspec.filesystem("memory").pipe_file(f"{store.url}/{KEY[:2]}", b"a file")
        with pytest.raises(StorageError, match=KEY):
            store.put(b"x")

    def test_a_large_payload_passes_through_a_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "_IN_MEMORY_BYTES", 1 << 20)
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        for store in (local(tmp_path), FsspecStore(f"memory://{tmp_path.name}")):
            store.put(BIG)
            assert store.get(key_of(BIG)) == BIG
        assert files_in(tmp_path) == [f"blobs/{key_of(BIG)[:2]}/{key_of(BIG)[2:]}"]


class TestDamage:
    def test_a_damaged_file_is_kept_aside(self, tmp_path: Path) -> None:
        store = local(tmp_path)
        store.put(b"x")
        file_of(tmp_path, KEY).write_bytes(b"y")
        with pytest.raises(BlobCorruptError, match="moved to"):
            store.get(KEY)
        [kept] = files_in(tmp_path / "blobs")
        assert kept.startswith(f"damaged/{KEY}-")

    def test_without_permission_it_stays(self, tmp_path: Path) -> None:
        local(tmp_path).put(b"x")
        file_of(tmp_path, KEY).write_bytes(b"y")
        with pytest.raises(BlobCorruptError):
            local(tmp_path, write=False, delete=False).get(KEY)
        assert file_of(tmp_path, KEY).read_bytes() == b"y"

    def test_bytes_that_arrive_damaged_once_are_read_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = local(tmp_path)
        store.put(b"x")
        answers = iter([b"cut", b"x"])
        monkeypatch.setattr(LocalFileSystem, "cat_file", lambda *_args, **_options: next(answers))
        assert store.get(KEY) == b"x"
        assert KEY in store


class TestCache:
    def cached(self, tmp_path: Path, **options: Any) -> FsspecStore:
        return local(tmp_path, cachedir=tmp_path / "cache", **options)

    def test_without_one_there_are_no_local_files(self, tmp_path: Path) -> None:
        store = local(tmp_path)
        assert store.local_path(store.put(b"x").key) is None

    @pytest.mark.parametrize("data", [b"x", BIG], ids=["small", "big"])
    def test_what_is_read_is_downloaded_once(
        self, tmp_path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_IN_MEMORY_BYTES", 1 << 20)
        key = local(tmp_path).put(data).key
        store = self.cached(tmp_path)
        path = store.local_path(key)
        assert path is not None
        assert path.read_bytes() == data
        file_of(tmp_path, key).unlink()
        assert store.get(key) == data
        assert store.local_path(key) == path
        assert key in store
        assert copies_in(tmp_path) == [f"{key[:2]}/{key[2:]}"]

    def test_get_keeps_a_copy_too(self, tmp_path: Path) -> None:
        local(tmp_path).put(b"x", extension=".txt")
        store = self.cached(tmp_path)
        key = key_of(b"x", ".txt")
        store.get(key)
        file_of(tmp_path, key).unlink()
        assert store.get(key) == b"x"

    @pytest.mark.parametrize("data", [b"x", BIG], ids=["small", "big"])
    def test_what_is_written_lies_in_both(self, tmp_path: Path, data: bytes) -> None:
        key = self.cached(tmp_path).put(Streamed(lambda file: file.write(data))).key
        assert file_of(tmp_path, key).read_bytes() == data
        assert cache_folder(tmp_path).joinpath(key[:2], key[2:]).read_bytes() == data
        assert copies_in(tmp_path) == [f"{key[:2]}/{key[2:]}"]

    def test_what_could_not_be_uploaded_is_not_in_the_cache_either(self, tmp_path: Path) -> None:
        (tmp_path / "blobs").write_text("a file in place of the folder")
        store = self.cached(tmp_path)
        for payload in (b"x", Streamed(lambda file: file.write(b"x"))):
            with pytest.raises(StorageError):
                store.put(payload)
        assert copies_in(tmp_path) == []

    def test_a_damaged_copy_is_downloaded_again(self, tmp_path: Path) -> None:
        store = self.cached(tmp_path)
        store.put(b"x")
        copy = cache_folder(tmp_path) / KEY[:2] / KEY[2:]
        copy.chmod(0o600)
        copy.write_bytes(b"y")
        assert store.local_path(KEY) == copy
        assert copy.read_bytes() == b"x"

    @pytest.mark.parametrize("data", [b"x", BIG], ids=["small", "big"])
    def test_what_arrives_damaged_is_not_kept(
        self, tmp_path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_IN_MEMORY_BYTES", 1 << 20)
        key = local(tmp_path).put(data).key
        file_of(tmp_path, key).write_bytes(data[:-1] + b"!")
        store = self.cached(tmp_path)
        with pytest.raises(BlobCorruptError):
            store.local_path(key)
        assert copies_in(tmp_path) == []
        with pytest.raises(BlobNotFoundError):
            store.local_path(key)

    def test_a_large_file_that_is_gone_while_it_is_fetched(self, tmp_path: Path) -> None:
        store = self.cached(tmp_path)
        assert store._cache is not None
        with pytest.raises(BlobNotFoundError):
            store._fetch(KEY, store._cache)

    @pytest.mark.parametrize("data", [b"x", BIG], ids=["small", "big"])
    def test_a_cache_that_cannot_be_written_does_not_keep_bytes_from_arriving(
        self, tmp_path: Path, data: bytes
    ) -> None:
        store = self.cached(tmp_path)
        key = key_of(data)
        (cache_folder(tmp_path) / key[:2]).write_text("a file in place of the shard")
        store.put(data)
        store.put(Streamed(lambda file: file.write(data)))
        assert store.get(key) == data
        assert file_of(tmp_path, key).read_bytes() == data

    def test_deleting_removes_the_copy(self, tmp_path: Path) -> None:
        store = self.cached(tmp_path)
        store.put(b"x")
        store.delete(KEY)
        assert KEY not in store
        assert copies_in(tmp_path) == files_in(tmp_path / "blobs") == []


class TestProcesses:
    @pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
    def test_a_forked_process_opens_its_own_connection(self, tmp_path: Path, fork: Any) -> None:
        store = local(tmp_path)
        store.put(b"x")
        parent = os.getpid()
        process = fork(lambda: _use(store, parent))
        assert process.exit_code() == 0
        assert store.get(key_of(b"child")) == b"child"


def _use(store: FsspecStore, parent: int) -> None:
    before = store._remote
    assert before is not None
    assert before[0] == parent
    assert store.get(KEY) == b"x"
    store.put(b"child")
    assert store._remote is not None
    assert store._remote[0] == os.getpid()


def test_fsspec_is_not_listed_from_memory(tmp_path: Path) -> None:
    """A listing must not hide what another writer has stored since."""
    store, other = local(tmp_path), local(tmp_path)
    store.put(b"x")
    assert list(store.ids()) == [KEY]
    other.put(b"y")
    assert key_of(b"y") in store
    assert sorted(store.ids()) == sorted([KEY, key_of(b"y")])
    assert fsspec.filesystem("file") is not None
