"""Local copies of what a store far away has."""

from __future__ import annotations

import logging
import mmap
import os
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from provenance._util.payload import Buffers, Streamed
from provenance._util.sizes import parse_size
from provenance.blobstores import DiskStore, FsspecStore, cache_count
from provenance.blobstores.cache_count import UNKNOWN, locked_count, locked_folder
from provenance.blobstores.cache_folder import CacheFolder
from provenance.blobstores.local_cache import LocalCache, folder_name
from provenance.blobstores.writer import spool
from provenance.errors import BlobNotFoundError, ConfigError
from provenance.testing.blobstores import BIG, key_of
from provenance.types import BlobKey
from tests import disks

KB = 1000


def blob(number: int, size: int = 10 * KB) -> bytes:
    return b"%08d" % number * (size // 8)


def keys(*numbers: int) -> list[BlobKey]:
    return [key_of(blob(number)) for number in numbers]


def cache_in(tmp_path: Path, most: int | None = 100 * KB, **options: Any) -> LocalCache:
    return LocalCache(tmp_path / "cache", "memory://far", "far", most_bytes=most, **options)


def add(cache: LocalCache, *numbers: int) -> None:
    for number in numbers:
        cache.keep(key_of(blob(number)), blob(number))


def held(cache: LocalCache) -> set[BlobKey]:
    return {file.key for file in cache._files.files()}


def size_of(cache: LocalCache) -> int:
    return sum(file.size for file in cache._files.files())


def counted(cache: LocalCache) -> int:
    with locked_count(cache.folder / "size") as count:
        return count.read()


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


class TestLimit:
    def test_what_was_not_used_for_the_longest_time_goes(self, tmp_path: Path) -> None:
        cache = cache_in(tmp_path)
        add(cache, *range(10))
        assert held(cache) == set(keys(*range(10)))
        cache.get(keys(0)[0])
        cache.local_path(keys(1)[0])
        add(cache, 10)
        assert held(cache) == set(keys(0, 1, *range(4, 11)))
        assert size_of(cache) == 90 * KB

    def test_another_process_knows_what_was_used(self, tmp_path: Path) -> None:
        cache = cache_in(tmp_path)
        add(cache, *range(10))
        run(tmp_path, "cache.get(key_of(blob(0)))")
        add(cache, 10)
        assert keys(0)[0] in cache
        assert keys(1)[0] not in cache

    def test_what_other_processes_add_is_counted(self, tmp_path: Path) -> None:
        cache = cache_in(tmp_path)
        add(cache, *range(5))
        run(tmp_path, "add(cache, *range(5, 10))")
        assert counted(cache) == 100 * KB
        add(cache, 10)
        assert held(cache) == set(keys(*range(2, 11)))

    def test_what_was_there_before_is_counted_once(self, tmp_path: Path) -> None:
        cache = cache_in(tmp_path, None)
        add(cache, *range(30))
        (cache.folder / "size").unlink()
        again = cache_in(tmp_path)
        add(again, 30)
        assert held(again) == set(keys(*range(22, 31)))
        assert counted(again) == size_of(again) == 90 * KB

    @pytest.mark.parametrize("harm", [b"", b"short", b"much too long to be a number"])
    def test_a_damaged_count_is_made_anew(self, tmp_path: Path, harm: bytes) -> None:
        cache = cache_in(tmp_path)
        add(cache, 1, 2)
        (cache.folder / "size").write_bytes(harm)
        add(cache, 3)
        assert held(cache) == set(keys(1, 2, 3))
        assert counted(cache) == 30 * KB

    def test_without_a_limit_everything_stays(self, tmp_path: Path) -> None:
        cache = cache_in(tmp_path, None)
        add(cache, *range(50))
        assert len(held(cache)) == 50

    def test_what_is_larger_than_the_limit_is_not_kept_and_drives_nothing_out(self, tmp_path: Path) -> None:
        cache = cache_in(tmp_path)
        add(cache, 1)
        cache.keep(key_of(BIG), BIG)
        cache.adopt(spool(Buffers((BIG,)), cache.temporary, lambda exc: exc), "")
        assert held(cache) == set(keys(1))
        assert list(cache.temporary.iterdir()) == []
        assert not cache.takes(100 * KB + 1)
        assert cache.takes(100 * KB)

    def test_one_that_is_as_large_as_the_limit_stays_alone(self, tmp_path: Path) -> None:
        cache = cache_in(tmp_path)
        add(cache, 1, 2)
        data = blob(3, 100 * KB)
        cache.keep(key_of(data), data)
        assert held(cache) == {key_of(data)}
        assert cache.get(key_of(data)) == data

    def test_adding_what_is_there_changes_nothing(self, tmp_path: Path) -> None:
        cache = cache_in(tmp_path)
        add(cache, 1)
        path = cache.path_of(keys(1)[0])
        before = path.stat()
        add(cache, 1)
        cache.adopt(spool(Buffers((blob(1),)), cache.temporary, lambda exc: exc), "")
        assert path.stat() == before
        assert counted(cache) == 10 * KB
        assert list(cache.temporary.iterdir()) == []

    def test_files_are_rarely_listed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Once for every tenth of the limit that is added, however many files there are."""
        listings = 0
        files = CacheFolder.files

        def counting(self: CacheFolder) -> Any:
            nonlocal listings
            listings += 1
            return files(self)

        cache = cache_in(tmp_path, 200 * KB)
        monkeypatch.setattr(CacheFolder, "files", counting)
        for number in range(1000):
            data = blob(number, KB)
            cache.keep(key_of(data), data)
        assert listings <= 1 + 1000 // 20
        monkeypatch.undo()
        assert 180 * KB <= size_of(cache) <= 200 * KB
        assert counted(cache) == size_of(cache)

    def test_what_is_added_while_another_counts_is_counted(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cache, other = cache_in(tmp_path), cache_in(tmp_path)
        add(cache, *range(10))
        files = CacheFolder.files

        def meanwhile(self: CacheFolder) -> Any:
            found = list(files(self))
            monkeypatch.undo()
            add(other, 20, 21)
            return found

        monkeypatch.setattr(CacheFolder, "files", meanwhile)
        add(cache, 10)
        assert size_of(cache) == counted(cache) == 90 * KB
        assert set(keys(20, 21)) <= held(cache)

    def test_the_time_of_a_file_is_when_it_was_added(self, tmp_path: Path) -> None:
        cache = cache_in(tmp_path)
        add(cache, *range(9))
        spooled = cache.spool(Buffers((blob(9),)))
        assert spooled is not None
        os.utime(spooled.path, (0, 0))  # as of a download that was begun long ago
        cache.adopt(spooled, "")
        add(cache, 10)
        assert held(cache) == set(keys(*range(2, 11)))

    def test_deleting_makes_room(self, tmp_path: Path) -> None:
        cache = cache_in(tmp_path)
        add(cache, *range(10))
        cache.get(keys(9)[0])
        cache.delete(keys(9)[0])
        assert list((cache.folder / "used").iterdir()) == []
        cache.delete(keys(9)[0])
        add(cache, 10)
        assert counted(cache) == size_of(cache) == 90 * KB

    def test_a_use_of_what_has_gone_leaves_nothing(self, tmp_path: Path) -> None:
        cache = cache_in(tmp_path)
        add(cache, 1)
        cache._files.note_use(keys(2)[0])
        assert held(cache) == set(keys(1))
        assert list((cache.folder / "used").iterdir()) == []

    def test_a_use_before_it_went_does_not_count_when_it_comes_back(self, tmp_path: Path) -> None:
        cache = cache_in(tmp_path)
        cache._files.note_use(keys(0)[0])
        os.utime(cache.folder / "used" / keys(0)[0], ns=(0, 0))
        add(cache, *range(10))
        add(cache, 10)
        assert keys(0)[0] not in cache
        cache._files.note_use(keys(5)[0])
        os.utime(cache.folder / "used" / keys(5)[0], ns=(0, 0))
        add(cache, 11, 12)
        assert keys(5)[0] in cache

    def test_what_cannot_be_removed_is_told_once_and_not_tried_each_time(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        cache = cache_in(tmp_path)
        add(cache, *range(10))

        def refuse(path: object) -> None:
            if keys(0)[0][2:10] in str(path) or "/tmp/" not in str(path).removeprefix("/tmp/"):
                raise PermissionError(path)

        monkeypatch.setattr("provenance.blobstores.cache_folder.discard", refuse)
        add(cache, 10)
        add(cache, 11, 12)
        assert not cache.takes(1)
        [told] = messages(caplog)
        assert "cannot be removed" in told


class TestServing:
    def test_a_mapped_file_stays_readable_when_it_goes(self, tmp_path: Path) -> None:
        cache = cache_in(tmp_path)
        add(cache, 0)
        path = cache.local_path(keys(0)[0])
        assert path is not None
        with path.open("rb") as file:
            memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        add(cache, *range(1, 11))
        assert not path.exists()
        assert memory[:] == blob(0)
        memory.close()

    def test_uses_do_not_make_others_verify_again(self, tmp_path: Path) -> None:
        cache = cache_in(tmp_path, 10 << 20)
        cache.keep(key_of(BIG), BIG)
        path = cache.path_of(key_of(BIG))
        cache.get(key_of(BIG))
        before = path.stat()
        other = cache_in(tmp_path)
        other.get(key_of(BIG))
        other.local_path(key_of(BIG))
        assert cache._disk._verified.knows(key_of(BIG), path.stat())
        assert path.stat().st_ctime_ns == before.st_ctime_ns

    def test_a_damaged_copy_is_gone_for_good(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        cache = cache_in(tmp_path)
        for _ in range(2):
            add(cache, 1)
            path = cache.path_of(keys(1)[0])
            path.chmod(0o600)
            path.write_bytes(b"other bytes")
            assert cache.get(keys(1)[0]) is None
        assert list((cache.folder / "damaged").iterdir()) == []
        assert len(messages(caplog)) == 1

    def test_stores_do_not_see_each_others_copies(self, tmp_path: Path) -> None:
        one = FsspecStore(f"memory://{tmp_path.name}/one", cachedir=tmp_path / "cache")
        two = FsspecStore(f"memory://{tmp_path.name}/two", cachedir=tmp_path / "cache")
        key = one.put(b"x").key
        assert key not in two
        assert two.put(b"x").key == key
        assert two.get(key) == b"x"

    def test_the_folder_depends_on_the_place_alone(self) -> None:
        name = folder_name("sftp://host/folder")
        assert name == folder_name("sftp://me:secret@host/folder/")
        assert len({name, folder_name("sftp://host/other"), folder_name("sftp://other/folder"), folder_name("x")}) == 4

    def test_a_folder_that_was_removed_is_made_again(self, tmp_path: Path) -> None:
        cache = cache_in(tmp_path)
        add(cache, 1)
        shutil.rmtree(tmp_path / "cache")
        assert cache.get(keys(1)[0]) is None
        assert cache.local_path(keys(1)[0]) is None
        add(cache, 1, 2)
        assert cache.get(keys(1)[0]) == blob(1)


class Counting(fsspec.get_filesystem_class("memory")):  # type: ignore[misc]
    """A filesystem that notes what is asked of it."""

    protocol = ("memory", "counting")
    asked: list[str]

    def __getattribute__(self, name: str) -> Any:
        if name in {"info", "exists", "cat_file", "get_file", "find", "ls", "open", "isfile", "pipe_file", "put_file"}:
            Counting.asked.append(name)
        return super().__getattribute__(name)


class TestRemote:
    def store(self, tmp_path: Path, **options: Any) -> FsspecStore:
        fsspec.register_implementation("counting", Counting, clobber=True)
        Counting.asked = []
        return FsspecStore(f"counting://{tmp_path.name}", cachedir=tmp_path / "cache", **options)

    @pytest.mark.parametrize("data", [b"x", BIG], ids=["small", "big"])
    def test_what_is_in_the_cache_is_had_without_asking(self, tmp_path: Path, data: bytes) -> None:
        key = self.store(tmp_path).put(data).key
        assert Counting.asked
        store = self.store(tmp_path)
        assert key in store
        assert store.get(key) == data
        path = store.local_path(key)
        assert path is not None
        assert path.read_bytes() == data
        assert store.batch_get([key, key]) == [data, data]
        assert store.batch_contains([key]) == {key}
        assert Counting.asked == []

    def test_the_remote_side_can_be_asked_each_time(self, tmp_path: Path) -> None:
        store = self.store(tmp_path, always_check_remote=True)
        key = store.put(b"x").key
        Counting.asked.clear()
        assert key in store
        assert store.get(key) == b"x"
        assert store.local_path(key) is not None
        assert "cat_file" not in Counting.asked
        fsspec.filesystem("counting").rm_file(f"{store.url}/{key[:2]}/{key[2:]}")
        assert key not in store
        for operation in (store.get, store.local_path):
            with pytest.raises(BlobNotFoundError):
                operation(key)
        assert self.store(tmp_path).get(key) == b"x"

    def test_what_does_not_fit_is_read_from_afar(self, tmp_path: Path) -> None:
        store = self.store(tmp_path, cache_bytes="1 KB")
        key = store.put(BIG).key
        Counting.asked.clear()
        assert store.local_path(key) is None
        assert "cat_file" not in Counting.asked
        assert store.get(key) == BIG
        assert "cat_file" in Counting.asked

    def test_what_a_batch_asks_for_twice_is_read_once(self, tmp_path: Path) -> None:
        self.store(tmp_path)
        store = FsspecStore(f"counting://{tmp_path.name}")
        key = store.put(b"x").key
        Counting.asked.clear()
        assert store.batch_get([key, key]) == [b"x", b"x"]
        assert Counting.asked.count("cat_file") == 1

    def test_a_large_file_that_does_not_arrive_whole(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("provenance.blobstores.fsspec_._IN_MEMORY_BYTES", 1 << 20)
        key = FsspecStore(f"counting://{tmp_path.name}").put(BIG).key if self.store(tmp_path) else None
        assert key is not None
        store = self.store(tmp_path)
        path = store.local_path(key)
        assert path is not None
        assert path.stat().st_mode & 0o777 == 0o400
        assert path.read_bytes() == BIG

    @pytest.mark.parametrize("given", [0, -1, True, "10 XB", "", "GB", 1.5, "10 Gi"])
    def test_a_limit_that_is_none(self, tmp_path: Path, given: Any) -> None:
        with pytest.raises(ConfigError, match=r"cache_bytes of blobstore 'mine'.*10 GB"):
            self.store(tmp_path, cache_bytes=given, name="mine")

    @pytest.mark.parametrize("given", [None, "unlimited"])
    def test_no_limit(self, tmp_path: Path, given: Any) -> None:
        cache = self.store(tmp_path, cache_bytes=given)._cache
        assert cache is not None
        assert cache.most_bytes is None

    def test_there_is_a_limit_by_default(self, tmp_path: Path) -> None:
        cache = self.store(tmp_path)._cache
        assert cache is not None
        assert cache.most_bytes == 10_000_000_000


@pytest.mark.parametrize(
    ("given", "size"),
    [(1, 1), ("7", 7), ("1KB", 1000), ("1 kib", 1024), ("1.5 MB", 1_500_000), (" 2 GiB ", 2 << 30), ("3t", 3 * 10**12)],
)
def test_sizes(given: Any, size: int) -> None:
    assert parse_size(given) == size


class TestForeignFiles:
    def test_nothing_of_others_is_ever_removed(self, tmp_path: Path) -> None:
        """Not even blobs of a store that lies in the folder given as the cache's."""
        own = DiskStore(tmp_path / "cache")
        kept = [own.put(blob(number)).key for number in range(20)]
        (tmp_path / "cache" / "notes.txt").write_text("mine")
        cache = cache_in(tmp_path, 50 * KB)
        (cache.folder / "notes.txt").write_text("mine")
        shard = cache.folder / keys(1)[0][:2]
        shard.mkdir()
        (shard / "notes.txt").write_text("mine")
        (shard / ("0" * 62)).mkdir()
        (shard / ("1" * 62)).symlink_to(tmp_path / "cache" / "notes.txt")
        before = foreign(tmp_path / "cache")
        add(cache, *range(100, 130))
        assert foreign(tmp_path / "cache") == before
        assert all(own.get(key) for key in kept)
        assert size_of(cache) <= 50 * KB


def foreign(folder: Path) -> set[str]:
    """Everything but regular files whose names are those of the cache's blobs."""
    own = {key_of(blob(number)) for number in range(100, 130)}
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()}
    return {
        name
        for name in names
        if "".join(Path(name).parts[-2:]) not in own and Path(name).name not in own and not name.endswith("size")
    }


# ---- processes

PRELUDE = """
import os, signal, sys, threading, time
from pathlib import Path
from provenance.blobstores.local_cache import LocalCache
from provenance.testing.blobstores import key_of

def blob(number, size=10_000):
    return b"%08d" % number * (size // 8)

def add(cache, *numbers):
    for number in numbers:
        cache.keep(key_of(blob(number)), blob(number))

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

cleanup = len(sys.argv) > 2
cache = LocalCache(sys.argv[1], "memory://far", "far", most_bytes=100_000, cleanup=cleanup)
"""


def start(tmp_path: Path, code: str, *arguments: str) -> subprocess.Popen[str]:
    source = PRELUDE + textwrap.dedent(code)
    command = [sys.executable, "-W", "error", "-c", source, str(tmp_path / "cache"), *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(tmp_path: Path, code: str, *arguments: str, exit_code: int = 0) -> None:
    process = start(tmp_path, code, *arguments)
    out, err = process.communicate()
    assert (process.returncode, out, err) == (exit_code, "", "")


USE = """
def use(cache, seed, rounds=300):
    import random
    chance = random.Random(seed)
    for step in range(rounds):
        number = chance.randrange(30)
        key = key_of(blob(number))
        data, path = cache.get(key), cache.local_path(key)
        assert data in (None, blob(number)), number
        if path is not None:
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                pass
            else:
                assert data == blob(number), number
        if data is None:
            cache.keep(key, blob(number))
        if step % 40 == seed:
            cache.delete(key)
"""


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
class TestProcesses:
    def test_new_processes_can_add_use_and_remove_at_once(self, tmp_path: Path) -> None:
        code = f"{USE}\nprint('ready', flush=True)\nsys.stdin.read()\nuse(cache, int(sys.argv[2]))\n"
        processes = [start(tmp_path, code, str(seed)) for seed in range(4)]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()
            process.stdin = None
        results = [(process.communicate(), process.returncode) for process in processes]
        assert results == [(("", ""), 0)] * 4

    def test_forked_processes_can_do_so_too(self, tmp_path: Path, fork: Any, caplog: pytest.LogCaptureFixture) -> None:
        cache = cache_in(tmp_path)
        functions: dict[str, Any] = {"blob": blob, "key_of": key_of}
        exec(USE, functions)

        def work(seed: int) -> None:
            functions["use"](cache, seed)
            assert not messages(caplog)

        processes = [fork(lambda seed=seed: work(seed)) for seed in range(4)]
        work(4)
        assert [process.exit_code() for process in processes] == [0] * 4
        self.check(cache)

    def check(self, cache: LocalCache) -> None:
        """What holds when nobody is writing: within the limit, counted, everything sound, nothing half done."""
        assert size_of(cache) <= counted(cache) <= 100 * KB
        fresh = LocalCache(cache.folder.parent, "memory://far", "far", most_bytes=100 * KB)
        for key in held(cache):
            data = fresh.get(key)
            assert data is not None
            assert key_of(data) == key
        assert list(cache.temporary.iterdir()) == []

    def test_threads_can_do_so_too(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        cache = cache_in(tmp_path)
        functions: dict[str, Any] = {"blob": blob, "key_of": key_of}
        exec(USE, functions)
        threads = [threading.Thread(target=functions["use"], args=(cache, seed)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not messages(caplog)
        self.check(cache)

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_one_that_is_killed_while_adding(self, tmp_path: Path, when: str) -> None:
        """The number of bytes is raised before the blob is there: it is never too low."""
        code = """
            from provenance.blobstores.disk import DiskStore
            adopt = DiskStore.adopt
            def dying(*args):
                if WHEN == "after":
                    adopt(*args)
                die()
            add(cache, *range(9))
            DiskStore.adopt = dying
            add(cache, 9)
        """
        run(tmp_path, code.replace("WHEN", repr(when)), exit_code=-signal.SIGKILL)
        cache = cache_in(tmp_path)
        assert held(cache) == set(keys(*range(9 if when == "before" else 10)))
        assert counted(cache) == 100 * KB >= size_of(cache)
        add(cache, 10)
        assert counted(cache) == size_of(cache) == 90 * KB
        for path in cache.temporary.iterdir():
            os.utime(path, (0, 0))
        add(cache, 11, 12)
        assert list(cache.temporary.iterdir()) == []

    @pytest.mark.parametrize("kill_at", range(1, 6))
    def test_one_that_is_killed_while_removing(self, tmp_path: Path, kill_at: int) -> None:
        code = f"""
            from provenance.blobstores import cache_folder
            discard, calls = cache_folder.discard, 0
            def dying(path):
                global calls
                calls += 1
                if calls == {kill_at}:
                    die()
                discard(path)
            add(cache, *range(10))
            for number in range(10):
                cache.get(key_of(blob(number)))
            cache_folder.discard = dying
            data = blob(10, 50_000)
            cache.keep(key_of(data), data)
        """
        run(tmp_path, code, exit_code=-signal.SIGKILL)
        cache = cache_in(tmp_path)
        assert counted(cache) >= size_of(cache)
        add(cache, 11)
        self.check(cache)
        assert keys(11)[0] in cache

    def test_one_that_is_killed_while_counting_for_the_first_time(self, tmp_path: Path) -> None:
        cache = cache_in(tmp_path, None)
        add(cache, *range(30))
        (cache.folder / "size").unlink()
        code = """
            from provenance.blobstores.cache_folder import CacheFolder
            CacheFolder.files = die
            add(cache, 30)
        """
        run(tmp_path, code, exit_code=-signal.SIGKILL)
        assert counted(cache) >= UNKNOWN
        bounded = cache_in(tmp_path)
        add(bounded, 31)
        self.check(bounded)

    @pytest.mark.parametrize("kill_after", [1, 12, 25, 60])
    def test_one_that_is_killed_anywhere(self, tmp_path: Path, kill_after: int) -> None:
        code = "for number in range(100000):\n    add(cache, number)\n    print(number, flush=True)\n"
        process = start(tmp_path, code)
        assert process.stdout is not None
        for _ in range(kill_after):
            process.stdout.readline()
        process.kill()
        process.communicate()
        cache = cache_in(tmp_path)
        assert size_of(cache) <= counted(cache)
        for path in cache.temporary.iterdir():
            path.unlink()
        add(cache, *range(200_000, 200_012))
        self.check(cache)


class TestLocks:
    def test_a_lock_ends_for_forked_processes_too(self, tmp_path: Path, fork: Any) -> None:
        waiting, ending = os.pipe()

        def wait() -> None:
            os.close(ending)
            os.read(waiting, 1)

        with locked_count(tmp_path / "size") as count:
            count.write(5)
            child = fork(wait)
        descriptor = os.open(tmp_path / "size", os.O_RDONLY)
        assert cache_count._try_to_lock(descriptor, 1)
        os.close(descriptor)
        os.close(ending)
        assert child.exit_code() == 0
        os.close(waiting)

    def test_whoever_holds_it_for_too_long_is_passed_over(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cache_count, "_TRIES", 2)
        cache = cache_in(tmp_path)
        add(cache, 1)
        with locked_count(cache.folder / "size"):
            add(cache, 2)  # which is not kept, as it could not be counted
            cache._files.keep_below(1)
        assert counted(cache) == 10 * KB
        assert size_of(cache) == 0
        assert list(cache.temporary.iterdir()) == []
        with locked_folder(cache.folder) as is_mine:
            assert is_mine
            add(cache, *range(20))
            with locked_folder(cache.folder) as is_mine_too:
                assert not is_mine_too
        assert size_of(cache) == 200 * KB
        add(cache, 20)
        assert size_of(cache) == 90 * KB

    def test_where_there_are_no_locks(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> None:
            raise OSError(45, "no locks")

        monkeypatch.setattr(cache_count.fcntl, "flock", refuse)
        cache = cache_in(tmp_path)
        add(cache, *range(20))
        assert 90 * KB <= size_of(cache) <= 100 * KB
        monkeypatch.setattr(cache_count, "fcntl", None)
        add(cache, *range(20, 40))
        assert 90 * KB <= size_of(cache) <= 100 * KB


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with disks.small_disk(tmp_path / "cache", "1m") as folder:
        yield folder


def far(tmp_path: Path, **options: Any) -> FsspecStore:
    return FsspecStore(f"memory://{tmp_path.name}", cachedir=tmp_path / "cache", **options)


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root can mount a small file system")
class TestFullDisk:
    @pytest.mark.usefixtures("small_disk")
    @pytest.mark.parametrize("is_told", [True, False], ids=["free space is known", "free space is not known"])
    def test_everything_works_and_it_is_said_once(
        self, tmp_path: Path, is_told: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr("provenance.blobstores.fsspec_._IN_MEMORY_BYTES", 1 << 20)
        if not is_told:
            monkeypatch.delattr(os, "statvfs")
        store = far(tmp_path)
        small = store.put(b"x").key
        blobs = [BIG, BIG + b"1", b"y"]
        refs = [store.put(data) for data in blobs[:1]]
        refs += [store.put(Streamed(lambda file, data=data: file.write(data))) for data in blobs[1:]]  # type: ignore[misc]
        for ref, data in zip(refs, blobs, strict=True):
            assert store.get(ref.key) == data
            path = store.local_path(ref.key)
            assert path is None or path.read_bytes() == data
        assert store.local_path(small) is not None
        [told] = messages(caplog)
        assert "everything works without" in told
        assert "space" in told
        assert [path.name for path in store._cache.temporary.iterdir()] == []  # type: ignore[union-attr]


def test_a_file_that_becomes_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fork: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A limit of the process for files is met in the middle of a download, like a disk that fills meanwhile."""
    monkeypatch.setattr("provenance.blobstores.fsspec_._IN_MEMORY_BYTES", 1 << 20)
    key = FsspecStore(f"memory://{tmp_path.name}").put(BIG).key

    def work() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        store = far(tmp_path)
        assert store.local_path(key) is None
        assert store.get(key) == BIG
        assert [told for told in messages(caplog) if "everything works without" in told] == messages(caplog)
        assert len(messages(caplog)) == 1
        assert store._cache is not None
        assert list(store._cache.temporary.iterdir()) == []

    assert fork(work).exit_code() == 0


class TestUnusableFolder:
    def test_a_file_in_place_of_the_folder(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        (tmp_path / "cache").write_text("a file")
        store = far(tmp_path)
        for data in (b"x", BIG):
            key = store.put(data).key
            assert store.put(Streamed(lambda file, data=data: file.write(data))).key == key  # type: ignore[misc]
            assert key in store
            assert store.get(key) == data
            assert store.local_path(key) is None
            store.delete(key)
            assert key not in store
        [told] = messages(caplog)
        assert "keeps no copies" in told

    def test_a_warm_folder_that_may_only_be_read_is_read(self, tmp_path: Path, fork: Any) -> None:
        """As on a read-only mount. Root may write everywhere, so another user does it."""
        cache = cache_in(tmp_path)
        add(cache, 1)
        for path in (*tmp_path.parents, tmp_path):
            if path.stat().st_uid == os.geteuid() and path != Path("/"):
                path.chmod(0o755)
        for path in (tmp_path / "cache").rglob("*"):
            path.chmod(0o555 if path.is_dir() else 0o444)
        (tmp_path / "cache").chmod(0o555)
        other = LocalCache.__new__(LocalCache)

        def work() -> None:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            other.__init__(tmp_path / "cache", "memory://far", "far", most_bytes=100 * KB)  # type: ignore[misc]
            assert other.get(keys(1)[0]) == blob(1)
            path = other.local_path(keys(1)[0])
            assert path is not None
            assert path.read_bytes() == blob(1)
            add(other, 2)
            assert keys(2)[0] not in other

        assert fork(work).exit_code() == 0
        for path in [tmp_path / "cache", *(tmp_path / "cache").rglob("*")]:
            if path.is_dir():
                path.chmod(0o700)


class TestCleanup:
    def test_the_process_that_made_the_folder_removes_all(self, tmp_path: Path) -> None:
        run(tmp_path, "add(cache, *range(20)); cache.get(key_of(blob(19)))", "cleanup")
        assert list(tmp_path.iterdir()) == []

    def test_without_being_asked_nothing_is_removed(self, tmp_path: Path) -> None:
        run(tmp_path, "add(cache, 1)")
        assert held(cache_in(tmp_path)) == set(keys(1))

    def test_what_is_not_the_caches_stays(self, tmp_path: Path) -> None:
        (tmp_path / "cache").mkdir()
        (tmp_path / "cache" / "notes.txt").write_text("mine")
        code = "add(cache, 1)\n(cache.folder / 'more.txt').write_text('mine')"
        run(tmp_path, code, "cleanup")
        [folder] = [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]
        assert sorted(path.name for path in folder.iterdir()) == ["more.txt", "size"]
        assert (tmp_path / "cache" / "notes.txt").read_text() == "mine"

    def test_in_a_folder_of_others_only_what_was_added_goes(self, tmp_path: Path) -> None:
        cache = cache_in(tmp_path)
        add(cache, 1, 2)
        run(tmp_path, "cache.get(key_of(blob(2))); add(cache, 2, 3)", "cleanup")
        assert held(cache) == set(keys(1, 2))

    def test_forked_processes_leave_everything(self, tmp_path: Path) -> None:
        code = """
            add(cache, 1)
            child = os.fork()
            if child == 0:
                add(cache, 2)
                sys.exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            assert cache.get(key_of(blob(1))) == blob(1)
            assert cache.get(key_of(blob(2))) == blob(2)
        """
        run(tmp_path, code, "cleanup")
        assert list(tmp_path.iterdir()) == []

    def test_files_that_were_being_written_go_too(self, tmp_path: Path) -> None:
        code = """
            from provenance._util.atomic import create_temporary
            os.close(create_temporary(cache.temporary)[0])
            (cache.temporary / f"{key_of(blob(1))}.part").touch()
        """
        run(tmp_path, code, "cleanup")
        assert list(tmp_path.iterdir()) == []

    def test_a_store_asks_for_it(self, tmp_path: Path) -> None:
        code = f"""
            from provenance.blobstores import FsspecStore
            store = FsspecStore("memory://far", cachedir={str(tmp_path / "other")!r}, cleanup_cachedir=True)
            store.put(b"x")
            assert store.local_path(key_of(b"x")).read_bytes() == b"x"
        """
        run(tmp_path, code)
        assert [path.name for path in tmp_path.iterdir()] == ["cache"]
