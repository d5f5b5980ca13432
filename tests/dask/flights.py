"""Functions that several clusters want at once; and a client: ``python -m tests.dask.flights CONFIG ADDRESS …``."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

import provenance as core
import provenance_dask as pd
from tests.dask.pipeline import note


def until(is_so):
    while not is_so():
        threading.Event().wait(0.01)


@pd.provenance(ignore=["log"])
def wanted(number, log=None):
    note(log, f"wanted-{number}")
    return {"number": number}


@pd.provenance(ignore=["gate", "log"])
def gated(name, gate=None, log=None):
    """Ends when its gate is open."""
    note(log, f"gated-{name}")
    until(lambda: gate is None or Path(gate).exists())
    return name, threads_in_pool()


@pd.provenance(ignore=["log"])
def free(number, log=None):
    """Runs at once, if there is a thread for it."""
    note(log, f"free-{number}")
    return number


@core.provenance(ignore=["log"])
def eager(name, log=None):
    note(log, f"eager-{name}")
    return [name]


@pd.provenance(ignore=["log"])
def calling(name, log=None):
    """Makes an eager call in its body."""
    return core.unwrap(eager(name, log=log)), threads_in_pool()


def ordinary(name, log):
    """A task that is no cached call, and makes one."""
    return core.unwrap(eager(name, log=log)), threads_in_pool()


def threads_in_pool():
    """How many threads the worker has for its tasks, and whether this is one of them."""
    from distributed.threadpoolexecutor import thread_state

    threads = thread_state.executor._threads
    return len(threads), threading.current_thread() in threads


def main(config, address, count, log, report):
    from distributed import Client

    core.load_config(json.loads(config))
    with Client(address):
        nodes = [wanted(number, log=log) for number in range(int(count))]
        sys.stdin.readline()
        results = [core.unwrap(result) for result in pd.compute(*nodes)]
    Path(report).write_text(json.dumps(results))


if __name__ == "__main__":
    main(*sys.argv[1:])
