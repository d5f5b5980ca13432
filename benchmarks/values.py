"""Large values: hits, misses, loads and stores, beside peers and beside what the machine can do at all."""

from __future__ import annotations

import itertools
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import joblib
import numpy as np
import pandas as pd
from blake3 import blake3

import provenance as p
from benchmarks.frames import frame
from benchmarks.measure import Pair
from provenance.blobstores import DiskStore
from provenance.repos.sql import SqlRepo
from provenance.serializers import pack, serializer_for

_Array = np.ndarray[Any, np.dtype[np.float64]]

_THREADS = 2
_RACE = 1 / 1.3
"""The ratio of who may take 1.3 times as long."""


@contextmanager
def pairs(folder: Path, *, tiny: bool) -> Iterator[Iterator[Pair]]:
    """Values of 100 MB, and a frame of a million rows, on a disk with SQLite."""
    divisor = 1_000 if tiny else 1
    values = np.random.default_rng(0).random(13_107_200 // divisor)
    with _Ours(folder / "ours") as ours:
        yield itertools.chain(
            _hits(ours, folder, values),
            _misses(ours, folder, values),
            _stores(folder, values),
            _frames(ours, folder, 1_000_000 // divisor),
        )


class _Ours:
    """A repo in force, which can be opened anew as by another process: one that has verified no file yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.reopen()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()

    def reopen(self) -> None:
        self._stack.close()
        self.store = DiskStore(self._folder / "blobs")
        self.repo = SqlRepo(self._folder / "values.db", self.store, name="values")
        self._stack.enter_context(p.using_repo(self.repo))


def _same(values: _Array) -> _Array:
    return values


def _hits(ours: _Ours, folder: Path, values: _Array) -> Iterator[Pair]:
    """A function of an array whose value is an array; the first element of the value is read."""
    cached = p.provenance(name="hit")(_same)
    peer = joblib.Memory(folder / "joblib", verbose=0).cache(_same)
    argument = p.provenance(name="argument")(lambda: values)()
    cached(values), cached(argument), peer(values)
    work, against = "hit, 100 MB argument and value, first element", "joblib.Memory"

    def theirs() -> object:
        return peer(values)[0]

    yield Pair(work, against, lambda: cached(values)[0], theirs, 1, 8.0)
    yield Pair(
        f"{work}, by proxy, first load",
        against,
        lambda: cached(argument)[0],
        theirs,
        1,
        8.0,
        before=ours.reopen,
    )
    yield Pair(f"{work}, by proxy, verified before", against, lambda: cached(argument)[0], theirs, 20, 100.0, 1)
    yield Pair(work, "limit: BLAKE3", lambda: cached(values)[0], lambda: _hashed(values), 1, None)


def _misses(ours: _Ours, folder: Path, values: _Array) -> Iterator[Pair]:
    """A function of a number whose value is an array of 100 MB, another one each time, which is there already."""
    fresh = itertools.count(1)

    def changed(n: int) -> _Array:
        values[0] = n
        return values

    cached = p.provenance(name="miss")(changed)
    peer = joblib.Memory(folder / "joblib-misses", verbose=0).cache(changed)
    written = folder / "written"

    def clear() -> None:
        for blob in list(ours.store.ids()):
            ours.store.delete(blob)
        shutil.rmtree(folder / "joblib-misses", ignore_errors=True)
        written.unlink(missing_ok=True)

    against: dict[str, tuple[Callable[[], object], float | None]] = {
        "joblib.Memory": (lambda: peer(next(fresh)), 2.0),
        "limit: write": (lambda: _written(values, written), None),
        "limit: BLAKE3 on one core": (lambda: _hashed(values, threads=1), None),
        "limit: both, in two threads": (lambda: _written_and_hashed(values, written), None),
    }
    for peer_name, (theirs, reach) in against.items():
        yield Pair("miss, 100 MB value", peer_name, lambda: cached(next(fresh)), theirs, 1, reach, before=clear)


def _stores(folder: Path, values: _Array) -> Iterator[Pair]:
    """Serialising an array and writing it to a file."""
    store = DiskStore(folder / "stores")
    written = folder / "written.npy"
    fresh = itertools.count(1)

    def ours() -> object:
        values[0] = next(fresh)
        return store.put(pack(values, serializer_for(values), {}))

    def clear() -> None:
        for blob in list(store.ids()):
            store.delete(blob)
        written.unlink(missing_ok=True)

    limits: dict[str, Callable[[], object]] = {
        "limit: write": lambda: _written(values, written),
        "limit: memory copy": values.copy,
        "limit: BLAKE3": lambda: _hashed(values),
    }
    yield Pair("store 100 MB", "np.save", ours, lambda: np.save(written, values), 1, _RACE, before=clear)
    for limit, theirs in limits.items():
        yield Pair("store 100 MB", limit, ours, theirs, 1, None, before=clear)


def _frames(ours: _Ours, folder: Path, rows: int) -> Iterator[Pair]:
    """Loading a frame."""
    table = frame(rows)
    file = folder / "frame.parquet"
    table.to_parquet(file, compression="snappy")
    artifact = p.provenance(name="frame")(lambda: table)().artifact

    def load() -> object:
        return ours.repo.load_value(artifact.record)

    def theirs() -> object:
        return pd.read_parquet(file)

    work, against = "load a DataFrame of 1e6 rows", "parquet, snappy"
    yield Pair(f"{work}, verified before", against, load, theirs, 1, 20.0)
    yield Pair(f"{work}, first load", against, load, theirs, 1, 3.0, before=ours.reopen)


def _hashed(values: _Array, threads: int = _THREADS) -> bytes:
    return blake3(values.data.cast("B"), max_threads=threads).digest()


def _written_and_hashed(values: _Array, path: Path) -> None:
    hashing = threading.Thread(target=_hashed, args=[values, 1])
    hashing.start()
    _written(values, path)
    hashing.join()


def _written(values: _Array, path: Path) -> None:
    with path.open("wb") as file:
        file.write(values.data)
