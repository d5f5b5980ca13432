"""Files in a folder: what only a store on disk promises."""

from __future__ import annotations

import errno
import logging
import os
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from provenance._util.payload import Buffers, FileContent, Streamed
from provenance.blobstores import DiskStore
from provenance.blobstores.disk import _read
from provenance.blobstores.verified import VerifiedFiles
from provenance.errors import BlobCorruptError, BlobNotFoundError, ConfigError, StorageError
from provenance.testing.blobstores import BIG, key_of
from provenance.types import BlobKey
from tests import disks
from tests.parts import missing

KEY = key_of(b"x")


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def rewrite(path: Path, data: bytes) -> None:
    path.chmod(0o600)
    path.write_bytes(data)


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    return DiskStore(tmp_path / "blobs")


class TestLayout:
    def test_a_blob_is_a_file_in_a_shard_and_nothing_else_stays(self, store: DiskStore) -> None:
        for data in (b"x", BIG):
            store.put(data, extension=".bin")
        expected = sorted(f"{key[:2]}/{key[2:]}" for key in (key_of(b"x", ".bin"), key_of(BIG, ".bin")))
        assert files_in(store.cachedir) == expected
        assert store.path_of(key_of(BIG, ".bin")).read_bytes() == BIG

    def test_the_folder_is_the_owners_only_and_files_are_read_only(self, store: DiskStore) -> None:
        path = store.path_of(store.put(b"x").key)
        assert stat.S_IMODE(store.cachedir.stat().st_mode) == 0o700
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(path.stat().st_mode) == 0o400

    def test_the_folder_is_created_with_its_parents(self, tmp_path: Path) -> None:
        store = DiskStore(str(tmp_path / "a" / "b" / "c"))
        assert store.get(store.put(b"x").key) == b"x"

    def test_a_store_that_may_not_be_written_creates_nothing(self, tmp_path: Path) -> None:
        store = DiskStore(tmp_path / "blobs", write=False)
        assert list(store.ids()) == []
        assert KEY not in store
        assert not (tmp_path / "blobs").exists()

    def test_home_is_expanded(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        assert DiskStore("~/blobs").cachedir == tmp_path / "blobs"

    def test_a_relative_folder_does_not_move_with_the_process(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        store = DiskStore("blobs")
        store.put(b"x")
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        assert store.get(KEY) == b"x"

    def test_a_folder_that_was_removed_is_made_again(self, store: DiskStore) -> None:
        import shutil

        store.put(b"x")
        shutil.rmtree(store.cachedir)
        assert list(store.ids()) == []
        store.put(b"x")
        assert store.get(KEY) == b"x"

    def test_foreign_files_are_not_listed(self, store: DiskStore) -> None:
        key = store.put(b"x").key
        (store.cachedir / "README").write_text("hello")
        (store.cachedir / "ab").mkdir(exist_ok=True)
        (store.cachedir / "ab" / "notes.txt").write_text("hello")
        (store.cachedir / "zz").write_text("no folder")
        assert list(store.ids()) == [key]

    def test_the_default_name_is_the_folder(self, store: DiskStore) -> None:
        assert store.name == str(store.cachedir)
        assert str(store.cachedir) in repr(store)

    def test_another_store_on_the_same_folder_sees_the_blobs(self, store: DiskStore) -> None:
        store.put(BIG)
        assert DiskStore(store.cachedir).get(key_of(BIG)) == BIG


class TestVerification:
    def test_a_file_that_was_written_or_verified_is_not_verified_again(self, store: DiskStore) -> None:
        key = store.put(BIG).key
        assert store._verified.knows(key, store.path_of(key).stat())
        other = DiskStore(store.cachedir)
        assert not other._verified.knows(key, store.path_of(key).stat())
        other.local_path(key)
        assert other._verified.knows(key, store.path_of(key).stat())

    def test_what_is_remembered_is_trusted_and_always_means_always(self, store: DiskStore) -> None:
        key = store.put(BIG).key
        rewrite(store.path_of(key), b"damaged")
        careful = DiskStore(store.cachedir, verify="always")
        for one in (store, careful):
            one._verified._signatures[key] = _signature_of(store.path_of(key))
        assert store.get(key) == b"damaged"
        assert store.local_path(key) == store.path_of(key)
        with pytest.raises(BlobCorruptError):
            careful.get(key)

    def test_a_file_whose_times_changed_is_verified_again(self, store: DiskStore) -> None:
        key = store.put(BIG).key
        store.get(key)
        rewrite(store.path_of(key), BIG[:-1] + b"!")
        with pytest.raises(BlobCorruptError):
            store.local_path(key)

    def test_never_returns_what_is_there(self, store: DiskStore) -> None:
        key = store.put(b"x").key
        rewrite(store.path_of(key), b"y")
        trusting = DiskStore(store.cachedir, verify="never")
        assert trusting.get(key) == b"y"
        assert trusting.local_path(key) == store.path_of(key)

    def test_even_then_putting_mends_a_file_of_another_size(self, store: DiskStore) -> None:
        trusting = DiskStore(store.cachedir, verify="never")
        rewrite(store.path_of(trusting.put(b"some bytes").key), b"some")
        trusting.put(b"some bytes")
        assert store.get(key_of(b"some bytes")) == b"some bytes"

    def test_an_unknown_way_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="'once', 'always', 'never'"):
            DiskStore(tmp_path, verify="sometimes")  # type: ignore[arg-type]

    def test_damaged_files_are_kept_aside(self, store: DiskStore) -> None:
        key = store.put(b"x").key
        rewrite(store.path_of(key), b"y")
        with pytest.raises(BlobCorruptError, match="damaged"):
            store.get(key)
        [kept] = files_in(store.cachedir)
        assert kept.startswith(f"damaged/{key}-")
        assert (store.cachedir / kept).read_bytes() == b"y"

    @pytest.mark.parametrize("permitted", ["write", "delete"])
    def test_one_of_two_permissions_is_enough_to_move_them(self, store: DiskStore, permitted: str) -> None:
        key = store.put(b"x").key
        rewrite(store.path_of(key), b"y")
        options = {"write": False, "delete": False, permitted: True}
        with pytest.raises(BlobCorruptError):
            DiskStore(store.cachedir, **options).get(key)  # type: ignore[arg-type]
        assert not store.path_of(key).exists()

    def test_without_permission_they_stay_and_are_reported_once(
        self, store: DiskStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        key = store.put(b"x").key
        rewrite(store.path_of(key), b"y")
        reader = DiskStore(store.cachedir, write=False, delete=False)
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                with pytest.raises(BlobCorruptError, match=str(store.path_of(key))):
                    reader.get(key)
        assert len(caplog.records) == 1
        assert store.path_of(key).read_bytes() == b"y"

    def test_a_damaged_file_that_was_mended_meanwhile_stays(self, store: DiskStore) -> None:
        path = store.path_of(store.put(b"x").key)
        rewrite(path, b"y")
        seen = path.stat()
        DiskStore(store.cachedir, on_duplicate_key="overwrite").put(b"x")
        store._set_aside(KEY, seen)
        assert path.read_bytes() == b"x"

    @pytest.mark.parametrize("data", [b"some bytes", BIG], ids=["small", "big"])
    def test_putting_mends_a_damaged_file_of_the_same_size(
        self, store: DiskStore, data: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = store.path_of(store.put(data).key)
        rewrite(path, data[:-1] + b"!")
        with caplog.at_level(logging.WARNING):
            store.put(data)
        assert path.read_bytes() == data
        assert "replaced by sound bytes" in caplog.text

    def test_a_replaced_file_leaves_maps_of_the_old_one_alone(self, store: DiskStore) -> None:
        import mmap

        path = store.path_of(store.put(BIG).key)
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            DiskStore(store.cachedir, on_duplicate_key="overwrite").put(BIG)
            store.delete(key_of(BIG))
            assert mapped[:] == BIG


def _signature_of(path: Path) -> tuple[int, int, int, int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


class TestMemoryOfVerifiedFiles:
    def test_a_small_file_that_changed_just_now_is_not_remembered(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_bytes(b"x")
        verified = VerifiedFiles()
        verified.remember(KEY, path.stat())
        assert not verified.knows(KEY, path.stat())

    def test_a_small_file_that_has_been_there_for_longer_is(self) -> None:
        verified = VerifiedFiles()
        verified.remember(KEY, os.stat(os.__file__))
        assert verified.knows(KEY, os.stat(os.__file__))
        assert not verified.knows(key_of(b"y"), os.stat(os.__file__))
        verified.forget(KEY)
        assert not verified.knows(KEY, os.stat(os.__file__))

    @pytest.mark.parametrize("change", ["times", "size", "another file", "bytes, with the time set back"])
    def test_a_file_that_changed_is_unknown(self, tmp_path: Path, change: str) -> None:
        path = tmp_path / "file"
        path.write_bytes(BIG)
        verified = VerifiedFiles()
        verified.remember(KEY, path.stat())
        if change == "times":
            os.utime(path, ns=(1, 1))
        elif change == "size":
            path.write_bytes(BIG + b"x")
        elif change == "bytes, with the time set back":
            before = path.stat()
            while path.stat().st_ctime_ns == before.st_ctime_ns:  # within one tick of the clock
                path.write_bytes(BIG[:-1] + b"!")
                os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        else:
            other = tmp_path / "other"
            other.write_bytes(BIG)
            other.replace(path)
        assert not verified.knows(KEY, path.stat())

    def test_it_does_not_grow_without_end(self) -> None:
        verified = VerifiedFiles()
        for number in range((1 << 16) + 10):
            verified.remember(key_of(b"%d" % number), os.stat(os.__file__))
        assert len(verified._signatures) <= 1 << 16
        assert verified.knows(key_of(b"%d" % ((1 << 16) + 9)), os.stat(os.__file__))


class TestTemporaryFiles:
    def test_files_that_nobody_wrote_for_a_day_are_swept(self, store: DiskStore) -> None:
        store.put(b"x")
        old, young = store.temporary / "1-old", store.temporary / "1-young"
        for path, age in ((old, 25 * 3600), (young, 23 * 3600)):
            path.write_bytes(b"half")
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime - age))
        DiskStore(store.cachedir)
        assert not old.exists()
        assert young.exists()
        assert store.get(KEY) == b"x"

    def test_a_reader_sweeps_nothing(self, store: DiskStore) -> None:
        store.put(b"x")
        old = store.temporary / "1-old"
        old.write_bytes(b"half")
        os.utime(old, (0, 0))
        DiskStore(store.cachedir, write=False)
        assert old.exists()


def test_a_file_that_is_read_in_several_calls_is_read_whole(tmp_path: Path) -> None:
    """As the system does with more than 2 GiB."""
    (tmp_path / "file").write_bytes(BIG)
    with (tmp_path / "file").open("rb") as file:
        assert _read(file.fileno(), len(BIG) + 1) == BIG


class TestFailures:
    def test_a_file_in_place_of_the_folder(self, tmp_path: Path) -> None:
        (tmp_path / "blobs").write_text("a file")
        with pytest.raises(StorageError, match=r"blobs.*must be a folder"):
            DiskStore(tmp_path / "blobs")

    def test_a_link_that_leads_nowhere(self, tmp_path: Path) -> None:
        (tmp_path / "blobs").symlink_to(tmp_path / "nowhere")
        with pytest.raises(StorageError, match=r"blobs.*must be a folder"):
            DiskStore(tmp_path / "blobs")

    def test_a_file_in_place_of_the_folder_for_temporary_files(self, store: DiskStore) -> None:
        store.temporary.write_text("a file")
        with pytest.raises(StorageError, match="cannot write"):
            store.put(b"x")
        assert list(store.ids()) == []

    @pytest.mark.parametrize("policy", ["skip", "overwrite"])
    def test_a_file_in_place_of_a_shard(self, store: DiskStore, policy: str) -> None:
        (store.cachedir / KEY[:2]).write_text("a file")
        store = DiskStore(store.cachedir, on_duplicate_key=policy)  # type: ignore[arg-type]
        with pytest.raises(StorageError, match=f"cannot store {KEY}"):
            store.put(b"x")
        assert files_in(store.cachedir) == [KEY[:2]]
        assert KEY not in store
        with pytest.raises(BlobNotFoundError):
            store.get(KEY)

    def test_a_folder_in_place_of_a_blob(self, store: DiskStore) -> None:
        store.path_of(KEY).mkdir(parents=True)
        assert KEY not in store
        for operation in (store.get, store.local_path, store.delete):
            with pytest.raises(StorageError, match=KEY):
                operation(KEY)
        with pytest.raises(StorageError, match=KEY):
            store.put(b"x")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_a_folder_that_may_not_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "blobs").mkdir(mode=0o500)
        with pytest.raises(StorageError, match="right"):
            DiskStore(tmp_path / "blobs").put(b"x")

    def test_a_blob_that_is_a_link_to_itself(self, store: DiskStore) -> None:
        path = store.path_of(KEY)
        path.parent.mkdir()
        path.symlink_to(path)
        with pytest.raises(StorageError, match=f"cannot read {KEY}"):
            store.get(KEY)
        store.put(b"x")
        assert store.get(KEY) == b"x"

    def test_a_source_that_is_gone(self, store: DiskStore, tmp_path: Path) -> None:
        with pytest.raises(StorageError, match=r"cannot be read.*gone"):
            store.put(FileContent(tmp_path / "gone"))
        assert files_in(store.cachedir) == []

    def test_a_payload_of_another_size_than_it_says_is_stored_as_it_is(self, store: DiskStore) -> None:
        class Liar(Buffers):
            @property
            def size(self) -> int:
                return 9 << 20

        ref = store.put(Liar((BIG,)))
        assert (ref.key, ref.size) == (key_of(BIG), len(BIG))
        assert store.get(ref.key) == BIG

    def test_the_error_names_place_and_remedy(self, store: DiskStore) -> None:
        from provenance.blobstores.storage_errors import storage_failure

        full = storage_failure("mine", "/there", "write", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        assert "'mine'" in str(full)
        assert "/there" in str(full)
        assert "free some space" in str(full)
        forbidden = storage_failure("mine", "/there", "write", PermissionError(errno.EACCES, "no"))
        assert "right" in str(forbidden)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with 1 MiB of space."""
    with disks.small_disk(tmp_path / "small", "1m") as folder:
        yield folder


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root can mount a small file system")
class TestFullDisk:
    @pytest.mark.parametrize("streamed", [False, True], ids=["known size", "unknown size"])
    def test_nothing_stays_and_the_error_says_what_to_do(self, small_disk: Path, streamed: bool) -> None:
        store = DiskStore(small_disk / "blobs")
        kept = store.put(b"x").key
        payload = Streamed(lambda file: file.write(BIG)) if streamed else Buffers((BIG,))
        with pytest.raises(StorageError, match=r"small/blobs.*No space.*free some space"):
            store.put(payload)
        assert files_in(store.cachedir) == [f"{kept[:2]}/{kept[2:]}"]
        store.put(b"there is room for this")
        assert store.get(kept) == b"x"

    def test_small_blobs_until_it_is_full(self, small_disk: Path) -> None:
        store = DiskStore(small_disk / "blobs")
        stored: list[BlobKey] = []

        def fill() -> None:
            stored.extend(store.put(b"%d" % number * 5000).key for number in range(1000))

        with pytest.raises(StorageError, match="free some space"):
            fill()
        assert sorted(store.ids()) == sorted(stored)
        assert all(key_of(store.get(key)) == key for key in stored)
        assert files_in(store.temporary) == []


def run_python(code: str, *arguments: str) -> subprocess.Popen[bytes]:
    source = textwrap.dedent(code)
    return subprocess.Popen([sys.executable, "-c", source, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


class TestKilledWriters:
    @pytest.mark.parametrize("durable", ["", "durable"])
    def test_a_writer_killed_in_the_middle_leaves_no_blob(self, store: DiskStore, durable: str) -> None:
        child = run_python(
            """
            import sys, time
            from provenance._util.payload import Streamed
            from provenance.blobstores import DiskStore

            def write(file):
                file.write(bytes(3 << 20))
                print("half", flush=True)
                time.sleep(600)

            DiskStore(sys.argv[1], durable=bool(sys.argv[2])).put(Streamed(write))
            """,
            str(store.cachedir),
            durable,
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"half\n"
        child.send_signal(signal.SIGKILL)
        child.communicate()
        assert list(store.ids()) == []
        assert [name.split("/")[0] for name in files_in(store.cachedir)] == ["tmp"]
        assert store.put(bytes(3 << 20)).size == 3 << 20

    @pytest.mark.parametrize("kill_after", [1, 3, 10, 40])
    def test_whatever_is_visible_after_a_kill_is_sound(self, store: DiskStore, kill_after: int) -> None:
        child = run_python(
            """
            import sys
            from provenance.blobstores import DiskStore
            store = DiskStore(sys.argv[1])
            for number in range(100000):
                store.put(b"%d" % number * 300000)
                print(number, flush=True)
            """,
            str(store.cachedir),
        )
        assert child.stdout is not None
        for _ in range(kill_after):
            child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        child.communicate()
        keys = set(store.ids())
        assert len(keys) >= kill_after
        assert all(key_of(store.get(key)) == key for key in keys)
        assert {key_of(b"%d" % number * 300000) for number in range(kill_after)} <= keys


def put_many(store: DiskStore) -> list[BlobKey]:
    blobs = [b"%d" % number * (1 + number % 3 * 400_000) for number in range(20)]
    refs = [store.put(data) for _ in range(3) for data in blobs]
    return sorted({ref.key for ref in refs})


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
class TestProcesses:
    def test_forked_processes_can_put_the_same_bytes_at_once(self, store: DiskStore, fork: Any) -> None:
        waiting, starting = os.pipe()

        def work() -> None:
            os.close(starting)
            os.read(waiting, 1)  # returns when the last writer closes the pipe
            put_many(store)

        processes = [fork(work) for _ in range(3)]
        os.close(starting)
        assert [process.exit_code() for process in processes] == [0, 0, 0]
        os.close(waiting)
        assert sorted(store.ids()) == put_many(store)
        assert all(key_of(store.get(key)) == key for key in store.ids())
        assert files_in(store.temporary) == []

    def test_new_processes_can_put_the_same_bytes_at_once(self, store: DiskStore) -> None:
        code = """
            import sys
            from provenance.blobstores import DiskStore
            store = DiskStore(sys.argv[1])
            print("ready", flush=True)
            sys.stdin.read()
            for number in range(60):
                store.put(b"%d" % (number % 20) * (1 + number % 3 * 400_000))
            """
        processes = [run_python(code, str(store.cachedir)) for _ in range(3)]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
        for process in processes:
            process.communicate()
        assert [process.returncode for process in processes] == [0, 0, 0]
        assert len(list(store.ids())) == 60
        assert all(key_of(store.get(key)) == key for key in store.ids())
        assert files_in(store.temporary) == []

    def test_a_forked_process_can_use_the_store_while_threads_do(self, store: DiskStore, fork: Any) -> None:
        with ThreadPoolExecutor(4) as pool:
            store.put(BIG * 3)
            pending = [pool.submit(store.put, BIG + b"%d" % number) for number in range(8)]
            process = fork(lambda: use(store))
            assert process.exit_code() == 0
            for future in pending:
                future.result()


def use(store: DiskStore) -> None:
    """What the forked process does; large enough for hashing with threads."""
    data = BIG * 3
    assert store.get(key_of(data)) == data
    store.put(data + b"child")
    store.delete(key_of(data))
    assert DiskStore(store.cachedir).get(key_of(data + b"child")) == data + b"child"


class TestDurable:
    @pytest.mark.skipif(sys.platform != "linux", reason="reads what strace tells")
    def test_the_file_is_synced_before_it_is_published_and_its_folder_after(self, tmp_path: Path) -> None:
        import shutil

        if shutil.which("strace") is None:
            missing("strace")
        log = tmp_path / "log"
        code = "import sys; from provenance.blobstores import DiskStore; DiskStore(sys.argv[1], durable=True).put(b'x')"
        trace = ["strace", "-f", "-o", str(log), "-y", "-e", "trace=fsync,link,linkat"]
        subprocess.run([*trace, sys.executable, "-c", code, str(tmp_path / "blobs")], check=True)
        calls = [line.split(maxsplit=1)[1] for line in log.read_text().splitlines() if line.endswith("= 0")]
        key, folder = KEY, str(tmp_path / "blobs")
        order = [call for call in calls if folder in call]
        synced, linked, shard, whole = order
        assert synced.startswith("fsync(")
        assert f"{folder}/tmp/" in synced
        assert linked.startswith("link")
        assert shard.startswith("fsync(")
        assert f"{folder}/{key[:2]}>" in shard
        assert whole.startswith("fsync(")
        assert f"{folder}>" in whole
