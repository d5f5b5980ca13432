"""Functions that say on which host they run, and wait where a gate is shut; and a count of tasks on the scheduler.

Each appends ``name:number:host`` to the file `log` when its body runs. A gate is a file: open when it is there.
"""

from __future__ import annotations

import platform
import threading
from pathlib import Path

import numpy as np
from distributed import SchedulerPlugin

import provenance_dask as pd
from tests.dask.pipeline import note

LENGTH = 4096  # 32 kB, which are kept outside of the row


def _note(log, name, number):
    note(log, f"{name}:{number}:{platform.node()}")


@pd.provenance(ignore=["log"])
def part(number, log=None):
    """Takes a moment, so that every worker gets some."""
    _note(log, "part", number)
    threading.Event().wait(0.05)
    return np.full(LENGTH, number)


@pd.provenance(ignore=["gate", "log"])
def gated(number, one, other, gate=None, log=None):
    """Has started when it can be seen in the log, and ends when its gate is open."""
    _note(log, "gated", number)
    while gate is not None and not Path(gate).exists():
        threading.Event().wait(0.02)
    return one + other


@pd.provenance(ignore=["log"])
def total(number, blocks, log=None):
    _note(log, "total", number)
    return int(sum(block.sum() for block in blocks))


def pipeline(first, count, log, gate=None):
    """Parts, sums of neighbours that wait for the gate, and their total: twice `count` calls and one."""
    parts = [part(first + n, log=log) for n in range(count)]
    sums = [gated(first + n, parts[n], parts[n - 1], gate=gate, log=log) for n in range(count)]
    return total(first, sums, log=log)


def value_of(first, count):
    """What the pipeline is to compute."""
    return 2 * LENGTH * sum(range(first, first + count))


class TaskCount(SchedulerPlugin):
    """Counts the tasks that a scheduler in another process is sent."""

    name = "task-count"
    tasks = 0

    def update_graph(self, scheduler, client, keys, tasks, **kwargs):
        self.tasks += len(tasks)


def count_of_tasks(dask_scheduler):
    return dask_scheduler.plugins[TaskCount.name].tasks
