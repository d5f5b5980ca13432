"""What a hit does not do, and what threads do meanwhile while a large value is hashed, stored or read."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import provenance as p
from provenance.blobstores import DiskStore, writer
from provenance.repos.sql import SqlRepo
from provenance.serializers import pack
from tests.servers.relay import relay

HITS = """
import builtins, collections, json, sys, threading

noted = collections.Counter()

class Lock:
    def __init__(self):
        self.inner = allocate()
    def acquire(self, *args, **kwargs):
        noted["lock"] += 1
        return self.inner.acquire(*args, **kwargs)
    def __getattr__(self, name):
        return getattr(self.inner, name)
    def __enter__(self):
        return self.acquire()
    def __exit__(self, *exc_info):
        self.inner.release()

allocate, imported = threading.Lock, builtins.__import__
threading.Lock = Lock

def importing(name, *args, **kwargs):
    noted[f"import {name}"] += 1
    return imported(name, *args, **kwargs)

import provenance as p
from provenance.repos.sql import SqlRepo
from provenance.blobstores import DiskStore

@p.provenance()
def work(a, b, c, d):
    return "x" * 1000

with p.using_repo(SqlRepo(sys.argv[1], DiskStore(sys.argv[2]))):
    work(1, 2.0, "three", True)
    str(work(1, 2.0, "three", True))
    before = noted["lock"]
    noted.clear()
    builtins.__import__ = importing
    for _ in range(3):
        str(work(1, 2.0, "three", True))
    builtins.__import__ = imported
print(json.dumps([before, noted, [name for name in ("sqlalchemy", "numpy") if name in sys.modules]]))
"""


def test_a_warm_hit_imports_nothing_takes_no_lock_and_needs_no_orm(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HITS, str(tmp_path / "rows.db"), str(tmp_path / "blobs")]
    miss, hit = (json.loads(subprocess.check_output(command)) for _ in range(2))
    assert miss[0] > 0  # so locks are counted
    assert hit[1:] == [{}, []]


def test_a_hit_on_postgresql_is_one_round_trip(postgres, tmp_path: Path) -> None:
    calls = []

    @p.provenance()
    def work(number: int) -> str:
        calls.append(number)
        return "x" * 1000

    with relay(postgres.folder / ".s.PGSQL.5432") as line:
        repo = SqlRepo(line.url().replace("postgresql:", "postgresql+psycopg:"), DiskStore(tmp_path / "blobs"))
        with p.using_repo(repo):
            for number in range(3):
                work(number)
            repo.forget_records()
            str(work(0))  # which prepares the statement
            before = line.sent
            assert [len(str(work(number))) for number in (1, 2)] == [1000, 1000]
            assert line.sent - before == 2
            assert [len(str(work(number))) for number in (1, 2)] == [1000, 1000]
            assert line.sent - before == 2  # none for what the process has seen
        repo.close()
    assert calls == [0, 1, 2]


def test_bytes_are_hashed_while_they_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, at_once = writer.os.write, []

    def noted(descriptor: int, data: memoryview) -> int:
        at_once.append(any(thread.name == "provenance-hash" for thread in threading.enumerate()))
        return write(descriptor, data)

    monkeypatch.setattr(writer.os, "write", noted)
    array = np.ones(1 << 23)
    DiskStore(tmp_path).put(pack(array, "array", {}))
    assert any(at_once)


@pytest.fixture
def only_when_released() -> Iterator[None]:
    """Other threads run only when the one that runs releases the interpreter's lock by itself."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(3600)
    yield
    sys.setswitchinterval(before)


def lets_others_go_on(work: Callable[[], object], times: int = 20) -> bool:
    """Whether another thread comes to its turn in the midst of some work, which is done again until it does."""
    steps, begun, ended = [0], threading.Event(), threading.Event()

    def step() -> None:
        while not ended.is_set():
            steps[0] += 1
            begun.set()
            time.sleep(0)

    thread = threading.Thread(target=step)
    thread.start()
    begun.wait()
    try:
        return any(_went_on(work, steps) for _ in range(times))
    finally:
        ended.set()
        thread.join()


def _went_on(work: Callable[[], object], steps: list[int]) -> bool:
    before = steps[0]
    work()
    return steps[0] > before


@pytest.mark.usefixtures("only_when_released")
class TestOtherThreadsGoOn:
    ARRAY = np.ones(1 << 22)

    def test_not_while_python_computes(self) -> None:
        assert not lets_others_go_on(lambda: sum(range(100_000)))

    def test_while_a_large_array_is_hashed(self) -> None:
        assert lets_others_go_on(lambda: p.hash(self.ARRAY))

    def test_while_large_bytes_are_hashed(self) -> None:
        assert lets_others_go_on(lambda: p.hash(bytes(1 << 25)))

    def test_while_a_value_is_stored_and_read(self, tmp_path: Path) -> None:
        store, folders = DiskStore(tmp_path / "read"), itertools.count()
        payload = pack(self.ARRAY, "array", {})
        key = store.put(payload).key
        assert lets_others_go_on(lambda: DiskStore(tmp_path / str(next(folders))).put(payload))
        assert lets_others_go_on(lambda: DiskStore(tmp_path / "read").get(key))

    def test_while_rows_are_written_and_read(self, tmp_path: Path) -> None:
        work, numbers = p.provenance(name="rows")(lambda number: number), itertools.count(1)

        def hit() -> None:
            repo.forget_records()
            work(0)

        with p.using_repo(SqlRepo(tmp_path / "rows.db", DiskStore(tmp_path / "blobs"))) as repo:
            work(0)
            assert lets_others_go_on(lambda: work(next(numbers)), 5000)
            assert lets_others_go_on(hit, 20_000)
