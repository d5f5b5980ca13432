"""Batches of stores that are far away run several operations at once."""

from __future__ import annotations

import contextlib
import contextvars
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from provenance._util.parallel import for_each
from provenance.blobstores import ChainedStore, DiskStore, FsspecStore, MemoryStore
from provenance.errors import BlobNotFoundError, StorageError
from provenance.testing.blobstores import key_of
from provenance.types import BlobKey
from tests.servers.proxy import HttpProxy, http_proxy


class TestForEach:
    def test_work_overlaps_up_to_the_limit(self) -> None:
        """A barrier lets nobody through before as many as may be at once are there."""
        barrier = threading.Barrier(4, timeout=30)
        count, most = 0, 0
        lock = threading.Lock()

        def work(number: int) -> int:
            nonlocal count, most
            with lock:
                count += 1
                most = max(most, count)
            barrier.wait()
            with lock:
                count -= 1
            return number * 10

        assert for_each(work, range(16), at_once=4) == [number * 10 for number in range(16)]
        assert most == 4

    def test_no_more_items_are_taken_than_there_is_room_for(self) -> None:
        finished = 0
        ahead: list[int] = []

        def items() -> Iterator[int]:
            for number in range(50):
                ahead.append(number - finished)
                yield number

        def work(_: int) -> None:
            nonlocal finished
            with lock:
                finished += 1

        lock = threading.Lock()
        for_each(work, items(), at_once=3)
        assert max(ahead) < 3

    def test_after_a_failure_nothing_is_started_and_what_is_under_way_ends(self) -> None:
        started = threading.Barrier(3, timeout=30)
        done: list[int] = []

        def work(number: int) -> None:
            if number < 3:
                started.wait()
            done.append(number)
            if number in (1, 2):
                raise ValueError(number)

        with pytest.raises(ValueError, match="1") as caught:
            for_each(work, range(1000), at_once=3)
        assert {0, 1, 2} <= set(done)
        assert len(done) < 1000
        assert caught.value.__notes__ == ["1 of what was under way failed too:\n- ValueError: 2"]

    def test_many_failures_are_told_in_short(self) -> None:
        barrier = threading.Barrier(8, timeout=30)

        def work(number: int) -> None:
            barrier.wait()
            raise ValueError(number)

        with pytest.raises(ValueError, match="0") as caught:
            for_each(work, range(8), at_once=8)
        [note] = caught.value.__notes__
        assert note.startswith("7 of what")
        assert note.endswith("- ValueError: 5\n- and 2 more")

    def test_items_that_cannot_be_had(self) -> None:
        def items() -> Iterator[int]:
            yield 1
            raise KeyError("items")

        done: list[int] = []
        with pytest.raises(KeyError, match="items"):
            for_each(done.append, items(), at_once=2)
        assert done == [1]

    def test_an_interruption_in_a_thread_comes_through(self) -> None:
        def work(_: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            for_each(work, range(3), at_once=2)

    def test_inside_of_another_call_all_is_done_in_its_thread(self) -> None:
        def outer(_: int) -> set[int]:
            return {threading.get_ident(), *for_each(lambda _: threading.get_ident(), range(5), at_once=4)}

        assert [len(threads) for threads in for_each(outer, range(4), at_once=2)] == [1] * 4

    def test_the_context_of_the_caller_is_seen(self) -> None:
        variable = contextvars.ContextVar("variable", default="outside")
        variable.set("inside")
        assert for_each(lambda _: variable.get(), range(3), at_once=2) == ["inside"] * 3

    def test_no_thread_is_left(self) -> None:
        before = threading.active_count()
        for_each(str, range(10), at_once=4)
        assert threading.active_count() == before

    def test_at_the_end_of_the_interpreter(self) -> None:
        code = """
import atexit
from provenance._util.parallel import for_each
atexit.register(lambda: print(for_each(str, range(4), at_once=2)))
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout == "['0', '1', '2', '3']\n"
        assert done.stderr == ""

    def test_a_forked_process_does_its_own(self, fork: Any) -> None:
        reading, writing = os.pipe()

        def work(number: int) -> int:
            os.read(reading, 1)
            return number

        def child() -> None:
            assert for_each(str, range(20), at_once=4) == [str(number) for number in range(20)]

        thread = threading.Thread(target=for_each, args=(work, range(2)), kwargs={"at_once": 2})
        thread.start()
        try:
            assert fork(child).exit_code() == 0
        finally:
            os.write(writing, b"xx")
            thread.join()
            os.close(reading)
            os.close(writing)


class Meeting(fsspec.get_filesystem_class("memory")):  # type: ignore[misc]
    """A filesystem where the first callers of an operation wait for each other until four are there."""

    protocol = ("memory", "meeting")
    meetings: dict[str, threading.Barrier]

    def _meet(self, operation: str) -> None:
        barrier = self.meetings.get(operation)
        if barrier is not None and threading.current_thread() is not threading.main_thread():
            with contextlib.suppress(threading.BrokenBarrierError):
                barrier.wait()
                barrier.abort()  # one meeting will do
                self.meetings.pop(operation, None)

    def cat_file(self, path: str, *args: Any, **options: Any) -> Any:
        self._meet("cat_file")
        return super().cat_file(path, *args, **options)

    def pipe_file(self, path: str, value: bytes, **options: Any) -> None:
        self._meet("pipe_file")
        super().pipe_file(path, value, **options)

    def rm_file(self, path: str) -> None:
        self._meet("rm_file")
        super().rm_file(path)

    def info(self, path: str, **options: Any) -> Any:
        self._meet("info")
        return super().info(path, **options)


@pytest.fixture
def meeting(tmp_path: Path) -> FsspecStore:
    fsspec.register_implementation("meeting", Meeting, clobber=True)
    Meeting.meetings = {}
    return FsspecStore(f"meeting://{tmp_path.name}")


def expect(*operations: str) -> None:
    Meeting.meetings = {operation: threading.Barrier(4, timeout=30) for operation in operations}


class TestOverlap:
    def test_every_operation_of_a_batch(self, meeting: FsspecStore) -> None:
        expect("pipe_file")
        keys = [ref.key for ref in meeting.batch_put(b"%d" % number for number in range(8))]
        assert Meeting.meetings == {}
        expect("info")
        assert meeting.batch_contains(keys) == set(keys)
        assert Meeting.meetings == {}
        expect("cat_file")
        assert meeting.batch_get(keys) == [b"%d" % number for number in range(8)]
        assert Meeting.meetings == {}
        expect("rm_file")
        meeting.batch_delete(keys)
        assert Meeting.meetings == {}
        assert list(meeting.ids()) == []

    def test_a_chain_with_a_store_that_is_far_away(self, meeting: FsspecStore) -> None:
        chain = ChainedStore([MemoryStore(), meeting])
        keys = [ref.key for ref in meeting.batch_put(b"%d" % number for number in range(8))]
        expect("cat_file")
        assert chain.batch_get(keys) == [b"%d" % number for number in range(8)]
        assert Meeting.meetings == {}
        assert set(chain.stores[0].ids()) == set(keys)

    def test_where_it_does_not_pay_one_thread_does_all(self, tmp_path: Path) -> None:
        for store in (MemoryStore(), DiskStore(tmp_path), ChainedStore([MemoryStore(), MemoryStore()])):
            assert store.at_once == 1


def test_failures_of_a_batch_are_told(tmp_path: Path) -> None:
    store = FsspecStore(f"memory://{tmp_path.name}")
    missing = [key_of(b"%d" % number) for number in range(3)]
    with pytest.raises(BlobNotFoundError, match=missing[0]):
        store.batch_get(missing)
    (tmp_path / "file").write_text("in place of a folder")
    full = FsspecStore(f"file://{tmp_path}/file/blobs")
    with pytest.raises(StorageError, match=BlobKey(key_of(b"x"))):
        full.batch_put([b"x"])


@pytest.fixture
def slow(s3: Any, tmp_path: Path) -> Iterator[tuple[FsspecStore, HttpProxy]]:
    """A store on a server that takes its time."""
    with http_proxy(s3.endpoint) as proxy:
        proxy.delay = 0.05
        options = {**s3.storage_options, "endpoint_url": proxy.endpoint}
        yield FsspecStore(s3.url(f"batches/{tmp_path.name}"), storage_options=options), proxy


def test_requests_to_a_server_overlap(slow: tuple[FsspecStore, HttpProxy]) -> None:
    store, proxy = slow
    blobs = [b"%d" % number for number in range(24)]

    def overlapping(operation: Any, *arguments: Any) -> Any:
        proxy.most_at_once = 0
        result = operation(*arguments)
        assert 1 < proxy.most_at_once <= store.at_once
        return result

    refs = overlapping(store.batch_put, blobs)
    keys = [ref.key for ref in refs]
    assert keys == [key_of(data) for data in blobs]
    assert overlapping(store.batch_contains, keys) == set(keys)
    assert overlapping(store.batch_get, keys) == blobs
    overlapping(store.batch_delete, keys)
    assert store.batch_contains(keys) == set()


def test_one_after_the_other_they_do_not(slow: tuple[FsspecStore, HttpProxy]) -> None:
    """What the above can tell apart."""
    store, proxy = slow
    for data in (b"a", b"b"):
        store.get(store.put(data).key)
    assert proxy.most_at_once == 1
