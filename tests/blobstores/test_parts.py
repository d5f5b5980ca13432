"""The parts that stores are made of: publishing, payloads, writing while hashing."""

from __future__ import annotations

import errno
import mmap
import os
import threading
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from provenance._util import atomic
from provenance._util.access import make_folders
from provenance._util.payload import Buffers, FileContent, Streamed, bytes_of
from provenance.blobstores import digests
from provenance.blobstores.digests import hash_bytes, hash_file
from provenance.blobstores.writer import HashingFile, spool
from provenance.testing.blobstores import BIG, key_of


@pytest.fixture(params=[True, False], ids=["hard links", "no hard links"])
def links(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Filesystems with and without hard links (as on FAT and some network shares)."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if not request.param:
        monkeypatch.setattr(os, "link", refuse)


@pytest.mark.usefixtures("links")
class TestPublishing:
    def test_a_file_gets_its_name_and_loses_the_temporary_one(self, tmp_path: Path) -> None:
        descriptor, temporary = atomic.create_temporary(tmp_path / "tmp")
        os.write(descriptor, b"x")
        os.close(descriptor)
        assert atomic.publish(temporary, tmp_path / "new folder" / "name")
        assert (tmp_path / "new folder" / "name").read_bytes() == b"x"
        assert not os.path.exists(temporary)

    def test_a_name_that_is_taken_stays_taken(self, tmp_path: Path) -> None:
        (tmp_path / "name").write_bytes(b"first")
        (tmp_path / "temporary").write_bytes(b"second")
        assert not atomic.publish(tmp_path / "temporary", tmp_path / "name")
        assert (tmp_path / "name").read_bytes() == b"first"
        assert (tmp_path / "temporary").exists()

    def test_a_temporary_file_that_is_gone(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            atomic.publish(tmp_path / "gone", tmp_path / "name")


def test_other_failures_to_link_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    (tmp_path / "temporary").write_bytes(b"x")
    monkeypatch.setattr(os, "link", fail)
    with pytest.raises(OSError, match="Input/output"):
        atomic.publish(tmp_path / "temporary", tmp_path / "name")


def test_syncing_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        atomic.sync_folder(tmp_path / "gone")


def test_folders_that_cannot_be_synced_are_passed_over() -> None:
    atomic.sync_folder("/proc/self")
    atomic.sync_folder("/proc/self/fd")


def test_sweeping_a_folder_that_is_gone_does_nothing(tmp_path: Path) -> None:
    atomic.sweep(tmp_path / "gone", 0)


def test_sweeping_leaves_what_cannot_be_removed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("old")
    for name in ("folder", "file"):
        os.utime(tmp_path / name, (0, 0))
    atomic.sweep(tmp_path, 3600)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


class TestPayloads:
    def test_only_what_is_in_memory_has_a_size(self, tmp_path: Path) -> None:
        assert Buffers((b"ab", memoryview(b"cd"), bytearray(b"e"))).size == 5
        assert Buffers((memoryview(b"12345678").cast("q"),)).size == 8
        assert FileContent(tmp_path).size is None
        assert Streamed(lambda _: None).size is None

    def test_all_can_be_written_more_than_once(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"abc")
        for payload in (
            Buffers((b"a", b"bc")),
            FileContent(tmp_path / "file"),
            Streamed(lambda sink: sink.write(b"abc")),
        ):
            assert bytes_of(payload) == bytes_of(payload) == b"abc"


def refuse(exc: OSError) -> Exception:
    return RuntimeError(f"refused: {exc}")


class TestWriting:
    def test_small_and_large_pieces_are_hashed_in_order(self, tmp_path: Path) -> None:
        pieces = [b"a", BIG, b"b" * 10, BIG, b"c"]
        spooled = spool(Buffers(pieces), tmp_path, refuse)
        data = b"".join(pieces)
        assert Path(spooled.path).read_bytes() == data
        assert (spooled.digest, spooled.length) == (key_of(data), len(data))

    def test_the_position_is_known(self, tmp_path: Path) -> None:
        seen = []

        def write(file: Any) -> None:
            for piece in (b"abc", BIG, b"d"):
                file.write(piece)
                seen.append(file.tell())

        spool(Streamed(write), tmp_path, refuse)
        assert seen == [3, 3 + len(BIG), 4 + len(BIG)]

    def test_bytes_cannot_pass_by_the_hash(self, tmp_path: Path) -> None:
        def write(file: Any) -> None:
            file.raw.fileno()

        with pytest.raises(Exception, match="hashed"):
            spool(Streamed(write), tmp_path, refuse)
        assert list(tmp_path.iterdir()) == []

    def test_no_second_thread_is_no_obstacle(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(_: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Thread, "start", fail)
        assert spool(Buffers((BIG,)), tmp_path, refuse).digest == key_of(BIG)

    @pytest.mark.parametrize("size", [10, 4 << 20], ids=["small", "large"])
    def test_a_failure_to_write_is_made_into_the_given_error(self, size: int) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        try:
            with pytest.raises(RuntimeError, match="refused"):
                HashingFile(writing, size, refuse).write(b"x" * size)
        finally:
            os.close(writing)

    def test_other_threads_run_while_it_waits_for_the_disk(self) -> None:
        reading, writing = os.pipe()
        file = HashingFile(writing, 4 << 20, refuse)
        thread = threading.Thread(target=file.write, args=(bytes(4 << 20),))
        thread.start()
        with open(reading, "rb") as pipe:  # which holds 64 KiB at a time
            assert pipe.read(4 << 20) == bytes(4 << 20)
        thread.join()
        os.close(writing)
        assert file.digest == key_of(bytes(4 << 20))

    def test_what_is_hashed_is_all_that_is_in_the_file(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        data = BIG * 2
        path.write_bytes(data)
        with path.open("rb") as file:
            file.seek(100)
            assert hash_file(file.fileno()) == hash_bytes(data) == key_of(data)


WINDOW = 8 << 20
"""Bytes of a file that are hashed at a time."""


class TestFilesThatAreHashedByMap:
    @pytest.mark.parametrize("size", [WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW + 100_001])
    def test_every_byte_counts_once(self, tmp_path: Path, size: int) -> None:
        data = os.urandom(size)
        with self.opened(tmp_path, data) as file:
            assert hash_file(file.fileno()) == hash_bytes(data)

    def test_a_system_without_such_maps_reads(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        data = os.urandom(WINDOW + 5)
        monkeypatch.setattr(digests, "_POPULATE_READ", 12345)
        with self.opened(tmp_path, data) as file:
            assert hash_file(file.fileno()) == hash_bytes(data)

    def test_no_more_than_a_window_is_mapped(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        mapped = []

        class Map(mmap.mmap):
            def __new__(cls, descriptor: int, length: int, **options: Any) -> Any:
                mapped.append(length)
                return super().__new__(cls, descriptor, length, **options)

        monkeypatch.setattr(mmap, "mmap", Map)
        with self.opened(tmp_path, bytes(3 * WINDOW + 7)) as file:
            hash_file(file.fileno())
        assert mapped == [WINDOW, WINDOW, WINDOW, 7]

    @pytest.mark.parametrize("moment", ["before it is mapped", "when it is mapped"])
    def test_a_file_that_shrinks_meanwhile_is_hashed_as_far_as_it_goes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
    ) -> None:
        data = os.urandom(3 * WINDOW)

        class Shrinking(mmap.mmap):
            def __new__(cls, descriptor: int, length: int, **options: Any) -> Any:
                if moment == "before it is mapped":
                    os.truncate(tmp_path / "file", WINDOW + 1)
                made = super().__new__(cls, descriptor, length, **options)
                os.truncate(tmp_path / "file", WINDOW + 1)
                return made

        monkeypatch.setattr(mmap, "mmap", Shrinking)
        with self.opened(tmp_path, data) as file:
            assert hash_file(file.fileno()) == hash_bytes(data[: WINDOW + 1])

    @staticmethod
    def opened(folder: Path, data: bytes) -> BinaryIO:
        (folder / "file").write_bytes(data)
        return (folder / "file").open("rb")


class TestFoldersThatOthersRemove:
    """A process that ends may remove a folder of a cache, as it is empty, just after another one has made it."""

    @pytest.fixture(autouse=True)
    def removed_twice(self, monkeypatch):
        left = [2]

        def make(folder, access=atomic.PRIVATE):
            made = make_folders(folder, access)
            if left[0]:
                left[0] -= 1
                os.rmdir(folder)
            return made

        monkeypatch.setattr(atomic, "make_folders", make)

    def test_files_are_published_all_the_same(self, tmp_path):
        (tmp_path / "temporary").write_bytes(b"x")
        assert atomic.publish(tmp_path / "temporary", tmp_path / "ab" / "cd")
        assert (tmp_path / "ab" / "cd").read_bytes() == b"x"
        assert not (tmp_path / "temporary").exists()

    def test_temporary_files_are_made_all_the_same(self, tmp_path):
        descriptor, path = atomic.create_temporary(tmp_path / "tmp")
        os.close(descriptor)
        assert os.path.exists(path)

    def test_a_file_that_is_not_there_is_an_error(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            atomic.publish(tmp_path / "nothing", tmp_path / "ab" / "cd")
