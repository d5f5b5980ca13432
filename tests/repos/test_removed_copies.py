"""Another process removes a local copy between the moment it is found and the moment it is read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import provenance as p
from provenance.blobstores import ChainedStore, DiskStore, FsspecStore, MemoryStore
from provenance.errors import SerializationError
from provenance.repos import local_files
from provenance.repos.memory import MemoryRepo
from provenance.testing.drafts import LARGE, a_draft, an_id


class Busy(FsspecStore):
    """A store whose cache is used by others: what `local_path` returns is gone at once, so many times."""

    removals = 1

    def local_path(self, key: Any) -> Path | None:
        path = super().local_path(key)
        if path is not None and self.removals:
            self.removals -= 1
            path.unlink()
        return path


@pytest.fixture
def store(tmp_path: Path) -> Busy:
    return Busy(f"memory://{tmp_path.name}", cachedir=tmp_path / "cache")


def test_a_value_is_located_once_more(store: Busy) -> None:
    repo = MemoryRepo(store)
    draft = a_draft(1, LARGE)
    repo.save(draft)
    for removals in (1, 2):
        store.removals = removals
        assert repo.get_value(an_id(1)) == LARGE
        assert store.removals == 0


def test_inputs_too(store: Busy) -> None:
    repo = MemoryRepo(store)
    draft = a_draft(1, LARGE)
    value = draft.value
    assert value is not None
    repo.save(type(draft)(record=draft.record, run=draft.run, value=value, inputs=value))
    store.removals = 1
    assert repo.get_inputs(an_id(1)) == LARGE
    assert store.removals == 0


def test_at_some_point_it_is_told(store: Busy) -> None:
    repo = MemoryRepo(store)
    repo.save(a_draft(1, LARGE))
    store.removals = 100
    with pytest.raises(SerializationError, match="No such file"):
        repo.get_value(an_id(1))
    assert store.removals == 97


def test_other_failures_are_told_at_once(store: Busy, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = MemoryRepo(store)
    repo.save(a_draft(1, LARGE, serializer="pickle5"))
    store.removals = 0
    asked = 0
    source = repo.value_source

    def counting(record: Any) -> Any:
        nonlocal asked
        asked += 1
        return source(record)

    monkeypatch.setattr(repo, "value_source", counting)
    with pytest.raises(SerializationError, match="pickle5"):
        repo.get_value(an_id(1))
    assert asked == 1


class TestArchivedFiles:
    """They are read long after they were found."""

    @pytest.fixture(autouse=True)
    def archiving(self, tmp_path: Path) -> None:
        self.file = tmp_path / "film.mpg"
        self.content = tmp_path.name.encode() * 1000  # its own: what was found once in this process stays
        self.file.write_bytes(self.content)

    def archived(self, store: Any) -> Any:
        file = self.file

        @p.provenance(archive_file=True, preserve_file_ext=True)
        def film() -> str:
            return str(file)

        with p.using_repo(MemoryRepo(store)):
            film()
            return film()  # from the repo

    def test_one_of_a_cache_stays_as_long_as_the_process(self, store: Busy) -> None:
        store.removals = 0
        film = self.archived(store)
        path = Path(film)
        assert path.suffix == ".mpg"
        cache = store._cache
        assert cache is not None
        copy = cache.path_of(next(store.ids()))
        assert path != copy
        assert path.stat().st_mode & 0o777 == 0o400
        copy.unlink()
        assert film.read_bytes() == self.content

    def test_it_is_fetched_again_if_it_is_gone_too_early(self, store: Busy) -> None:
        store.removals = 0
        film = self.archived(store)
        store.removals = 1
        assert Path(film).read_bytes() == self.content

    def test_it_takes_no_space_on_the_same_file_system(self, store: Busy) -> None:
        store.removals = 0
        film = self.archived(store)
        assert store._cache is not None
        assert os.path.samefile(Path(film), store._cache.path_of(next(store.ids())))

    def test_it_is_copied_where_it_cannot_be_linked(self, store: Busy, monkeypatch: pytest.MonkeyPatch) -> None:
        store.removals = 0
        assert store._cache is not None
        link = os.link

        def refuse(source: str, target: str) -> None:
            if str(source).startswith(str(store._cache.folder)) and "provenance-" in str(target):  # type: ignore[union-attr]
                raise OSError(18, "Invalid cross-device link")
            link(source, target)

        monkeypatch.setattr(local_files.os, "link", refuse)
        film = self.archived(store)
        assert Path(film).read_bytes() == self.content
        assert not os.path.samefile(Path(film), store._cache.path_of(next(store.ids())))

    def test_others_are_used_where_they_lie(self, tmp_path: Path) -> None:
        disk = DiskStore(tmp_path / "blobs")
        assert Path(self.archived(disk)) == disk.path_of(next(disk.ids()))


def test_which_stores_keep_their_files(tmp_path: Path, store: Busy) -> None:
    unlimited = FsspecStore("memory://x", cachedir=tmp_path / "all", cache_bytes=None)
    assert not store.files_stay
    assert unlimited.files_stay
    assert not ChainedStore([MemoryStore(), store]).files_stay
    assert ChainedStore([MemoryStore(), unlimited]).files_stay


def test_the_folder_of_kept_files_goes_with_the_process(tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from provenance.repos.local_files import local_file
(Path(sys.argv[1]) / "file").write_bytes(b"x")
print(local_file(Path(sys.argv[1]) / "file", "0" * 64 + ".txt", stays=False))
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).name == "file.txt"
    assert not Path(done.stdout.strip()).parent.parent.exists()
