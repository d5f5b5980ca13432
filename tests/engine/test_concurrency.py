"""Many threads and processes calling at once."""

from __future__ import annotations

import importlib
import multiprocessing
import pickle
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import provenance as p
from provenance.engine import spec_of

THREADS, CALLS, KEYS, PROCESSES = 16, 200, 50, 4


@p.provenance(name="square")
def square(n):
    return {"n": n, "square": n * n, "pad": "x" * (30_000 if n % 5 == 0 else 10)}


def configure(folder):
    return p.load_config(
        {
            "blobstores": {"disk": {"type": "disk", "cachedir": str(Path(folder) / "blobs")}},
            "artifact_repos": {"db": {"type": "sqlite", "db": str(Path(folder) / "repo.db"), "store": "disk"}},
            "default_repo": "db",
        }
    )


def call_many(start):
    """Right results, as (wanted, got) where they differ."""
    wrong = []
    for i in range(CALLS):
        n = (start * 7 + i) % KEYS
        got = square(n)
        if got["square"] != n * n or got["n"] != n:
            wrong.append((n, p.unwrap(got)))
    return wrong


def work_in_process(folder, start, results):
    configure(folder)
    try:
        results.put(call_many(start))
    except Exception as error:  # noqa: BLE001  the parent is to see it
        results.put(repr(error))


@pytest.fixture
def sqlite(tmp_path):
    configure(tmp_path)
    with p.using_repo("db") as repo:
        yield repo


def rows_of(repo):
    return {key for n in range(KEYS) for key in repo.find_records([square(n).artifact.id])}


def test_threads_that_call_the_same_functions_get_right_values_and_no_errors(sqlite):
    def run(start):
        with p.using_repo(sqlite):
            return call_many(start)

    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(run, range(THREADS))) == [[]] * THREADS
    assert len(rows_of(sqlite)) == KEYS


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_that_call_the_same_functions_get_right_values_and_no_errors(sqlite, tmp_path, method):
    if method == "fork" and sys.platform == "darwin":
        pytest.fail("fork is not used on macOS")
    context = multiprocessing.get_context(method)
    square(0)  # the parent holds an open connection when it forks
    results = context.Queue()
    workers = [
        context.Process(target=work_in_process, args=(str(tmp_path), start, results)) for start in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    assert [results.get(timeout=100) for _ in workers] == [[]] * PROCESSES
    for worker in workers:
        worker.join()
    assert len(rows_of(sqlite)) == KEYS


SLOW_MODULE = """
import threading
from pathlib import Path
import provenance as p

Path("begun").touch()
while not Path("go").exists():
    threading.Event().wait(0.01)

@p.provenance()
def double(x):
    return 2 * x
"""


def test_a_function_is_found_while_another_thread_imports_its_module(tmp_path, monkeypatch):
    """As in a worker whose first tasks arrive at once."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "slow_module.py").write_text(SLOW_MODULE, "utf-8")
    (tmp_path / "go").touch()
    pickled = pickle.dumps(spec_of(importlib.import_module("slow_module").double))
    del sys.modules["slow_module"]
    for file in ("go", "begun"):
        (tmp_path / file).unlink()
    found = []
    importing = threading.Thread(target=importlib.import_module, args=["slow_module"])
    finding = threading.Thread(target=lambda: found.append(pickle.loads(pickled)))
    importing.start()
    while not (tmp_path / "begun").exists():
        threading.Event().wait(0.01)
    finding.start()
    finding.join(0.5)  # it would not have to wait for what it does not find
    (tmp_path / "go").touch()
    importing.join()
    finding.join()
    assert found == [spec_of(sys.modules["slow_module"].double)]
