"""Workers that are killed by SIGKILL where a test wants it: once, by the first process that gets there."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager
from pathlib import Path

import dask
import numpy as np

import provenance as core
import provenance_dask as pd
from provenance.repos.sql.rows.artifacts import SqlRows
from tests.dask.pipeline import note

PATIENCE = 60


def first_to_take(flag):
    """Whether nobody took the flag before, which is a file."""
    try:
        os.close(os.open(flag, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def die_once(flag):
    if first_to_take(flag):
        os.kill(os.getpid(), signal.SIGKILL)


def die_at_row(point, flag):
    """Let the process be killed when its bytes are stored: ``before`` the row is written, or ``after``."""
    insert = SqlRows.insert

    def deadly(*args, **kwargs):
        if point == "before":
            die_once(flag)
        inserted = insert(*args, **kwargs)
        if point == "after":
            die_once(flag)
        return inserted

    SqlRows.insert = deadly


@pd.provenance(ignore=["flag", "log"])
def deadly_block(number, flag=None, log=None):
    """Kills its process when it runs for the first time."""
    note(log, "deadly_block")
    if flag is not None:
        die_once(flag)
    return np.full(10_000, number)


@pd.provenance(ignore=["log"])
def fails_twice(number, log=None):
    note(log, "fails_twice")
    if Path(log).read_text("utf-8").count("fails_twice") <= 2:
        raise ConnectionError(number)
    return number


@pd.provenance(ignore=["gate", "log"])
def held_up(number, gate=None, log=None):
    """Runs until the file `gate` exists."""
    note(log, "held_up")
    wait_for(gate)
    return number


@pd.provenance(ignore=["after", "tally", "log"])
def paced(number, after=0, tally=None, log=None):
    """Runs until the file `tally` has so many lines."""
    note(log, f"paced-{number}")
    note(pids_in(log), os.getpid())
    await_that(lambda: Path(tally).read_text("utf-8").count("\n") >= after, f"less than {after} lines")
    return number


def pids_in(log):
    """The file with the process ids of those that ran `paced`."""
    return f"{log}.pids"


@pd.provenance(ignore=["log"], returns_composite=True)
def halves(numbers, log=None):
    note(log, f"halves-{numbers[0]}")
    middle = len(numbers) // 2
    return {"low": sum(numbers[:middle]), "high": sum(numbers[middle:])}


@core.provenance(ignore=["log"])
def nested_sum(numbers, log=None):
    note(log, f"nested_sum-{numbers[0]}-{len(numbers)}")
    return sum(numbers)


@pd.provenance(ignore=["log"])
def outer_sum(numbers, log=None):
    note(log, f"outer_sum-{numbers[0]}-{len(numbers)}")
    return nested_sum(list(numbers), log=log)


def wait_for(path):
    await_that(Path(path).exists, f"no {path}")


def await_that(holds, otherwise):
    """Return when something holds."""
    end = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(otherwise)
        time.sleep(0.02)


_SETTINGS = {
    "distributed.scheduler.allowed-failures": 1000,
    # A worker that is killed is started again, however long that takes.
    "distributed.deploy.lost-worker-timeout": "10 minutes",
    # Workers are forks of a process that has imported what they need.
    "distributed.worker.multiprocessing-method": "forkserver",
}


@contextmanager
def mortal_cluster(**options):
    """A cluster whose tasks may lose many workers, and are always tried again."""
    from distributed import LocalCluster

    given = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": "127.0.0.1:0", **options}
    with dask.config.set(_SETTINGS), LocalCluster(**given) as cluster:
        yield cluster


def pids_of(cluster):
    """Process ids of the workers that the scheduler knows at present."""
    known = set(cluster.scheduler.workers)
    return [nanny.pid for nanny in list(cluster.workers.values()) if nanny.worker_address in known and nanny.pid]


def kill(pid):
    os.kill(pid, signal.SIGKILL)
