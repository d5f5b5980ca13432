"""Functions that worker processes can import. Each appends a line to the file `log` when its body runs.

Little is imported here: a worker imports a module in its event loop, and answers nobody meanwhile.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import provenance as core
import provenance_dask as pd


def note(log, name):
    """Count one execution; short appends to one file do not mix."""
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, f"{name}\n".encode())
    finally:
        os.close(descriptor)


class Executions:
    """What ran since it was last asked."""

    def __init__(self, path):
        self.path = str(path)
        self._seen = 0

    def take(self):
        """Names of the functions that ran, sorted, and forget them."""
        lines = Path(self.path).read_text("utf-8").split() if Path(self.path).exists() else []
        fresh, self._seen = lines[self._seen :], len(lines)
        return sorted(fresh)


@dataclass
class Pair:
    left: object
    right: object


class Heavy:
    """A value that says where it was unpickled."""

    def __init__(self, number, log):
        self.number = number
        self.log = log

    def __reduce__(self):
        return _heavy, (self.number, self.log)

    def value_repr(self):
        return self.number


def _heavy(number, log):
    note(log, f"loaded-in-{os.getpid()}")
    return Heavy(number, log)


@pd.provenance(ignore=["log"])
def source(x, log=None):
    note(log, "source")
    return x


@pd.provenance(ignore=["log"])
def add(a, b=0, log=None):
    note(log, "add")
    return a + b


@pd.provenance(ignore=["log"])
def sign(x, log=None):
    """Different inputs, few results."""
    note(log, "sign")
    return (x > 0) - (x < 0)


@pd.provenance(ignore=["log"])
def total(parts, log=None):
    note(log, "total")
    return sum(parts)


@pd.provenance(ignore=["log"])
def describe(anything, log=None):
    note(log, "describe")
    return repr(anything)


@pd.provenance(ignore=["log"], use_cache=False)
def now(x, log=None):
    note(log, "now")
    return x


@pd.provenance(ignore=["log"], returns_composite=True)
def split(x, log=None):
    note(log, "split")
    return {"whole": x // 1, "tenth": x / 10}


@pd.provenance(ignore=["log"])
def heavy(number, log=None):
    note(log, "heavy")
    return Heavy(number, log)


@pd.provenance(ignore=["log"])
def number_of(thing, log=None):
    note(log, "number_of")
    return thing.number


@core.provenance(ignore=["log"])
def eager_add(a, b=0, log=None):
    note(log, "eager_add")
    return a + b


@pd.provenance(ignore=["log"])
def nests(x, log=None):
    note(log, "nests")
    return eager_add(x, 1, log=log) * 2


@pd.provenance(ignore=["log"])
def spreads(numbers, log=None):
    """A body that computes a graph of its own on the cluster it runs on."""
    from distributed import worker_client

    note(log, "spreads")
    with worker_client():
        results = pd.compute([add(source(number, log=log), 1, log=log) for number in numbers])
    return sum(map(core.unwrap, results[0]))


@pd.provenance(ignore=["log"])
def slow(seconds, log=None):
    note(log, "slow")
    time.sleep(seconds)
    return seconds


def plain_sum(x, log):
    """An ordinary function that calls a cached one."""
    return core.unwrap(eager_add(x, 1, log=log))


def name_of_repo():
    return core.get_default_repo().name


@pd.provenance(ignore=["log"])
def fails(x, log=None):
    note(log, "fails")
    msg = f"no such thing as {x}"
    raise LookupError(msg)


@pd.provenance(ignore=["log"])
def process_of(x, log=None):
    note(log, "process_of")
    return os.getpid()


def tree(leaves, log, first=0):
    """Sum of many leaves by pairs."""
    level = [source(first + i, log=log) for i in range(leaves)]
    while len(level) > 1:
        pairs = [level[i : i + 2] for i in range(0, len(level), 2)]
        level = [add(*pair, log=log) if len(pair) == 2 else pair[0] for pair in pairs]
    return level[0]


@pd.provenance(ignore=["log"])
def block(number, length=2048, log=None):
    """A value that is kept outside of its row."""
    note(log, "block")
    return np.full(length, number)


@pd.provenance(ignore=["log"])
def block_sum(values, log=None):
    note(log, "block_sum")
    return int(values.sum())


@pd.provenance(ignore=["log"])
def weigh(values, index, log=None):
    note(log, "weigh")
    return int(values.sum()) + index


@pd.provenance(ignore=["log"])
def over(values, log=None):
    note(log, "over")
    return values + 1


@pd.provenance(ignore=["log"], use_cache=False)
def uncached_block(number, log=None):
    note(log, "uncached_block")
    return np.full(2048, number)


@pd.provenance(ignore=["log"], returns_composite=True)
def block_pair(number, log=None):
    note(log, "block_pair")
    return {"one": np.full(2048, number), "other": np.full(2048, number + 1)}


@pd.provenance(ignore=["log"])
def fickle(number, log=None):
    """Another value each time."""
    note(log, "fickle")
    return np.full(2048, Path(log).read_text("utf-8").count("fickle"))


@pd.provenance(remove=["log"])
def block_of(number, log):
    note(log, "block_of")
    return np.full(2048, number)
