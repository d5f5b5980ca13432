"""A job of 300 calls while workers are killed at random: right results, and no more work than the kills cost."""

from __future__ import annotations

import random
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from distributed import Client

import provenance as p
import provenance_dask as pd
from provenance.repos.memory import MemoryRepo
from tests.dask.mortal import await_that, halves, kill, mortal_cluster, outer_sum, paced, pids_in, pids_of

KILLS = 30
LEAVES = 240
NODES = 300


class Killer(threading.Thread):
    """Kills random workers while they are at work, and writes a line for each; the job cannot end before the last."""

    def __init__(self, cluster, tally, log):
        super().__init__(daemon=True)
        self._cluster = cluster
        self._tally = tally
        self._log = log
        self._random = random.Random(20)
        self.killed = []

    def run(self):
        while len(self.killed) < KILLS:
            self._let_work(self._random.randrange(1, 6))
            await_that(self._busy, "no worker does anything")
            self.killed.append(self._random.choice(self._busy()))
            kill(self.killed[-1])
            with self._tally.open("a") as tally:
                tally.write("killed\n")

    def _let_work(self, executions):
        """Wait until so many bodies began to run, or as many as can before the next kill."""
        goal = self._executions() + executions
        for _ in range(40):
            if self._executions() >= goal:
                return
            threading.Event().wait(0.02)

    def _executions(self):
        return self._log.read_text("utf-8").count("\n")

    def _busy(self):
        """Those of the workers that have begun to run something."""
        begun = set(map(int, Path(pids_in(self._log)).read_text("utf-8").split()))
        return sorted(begun.intersection(pids_of(self._cluster)).difference(self.killed))


def job(tally, log):
    """Leaves that wait for the kills, composites of 20 each and their members, and sums with nested calls."""
    leaves = [paced(number, KILLS * (number + 1) // LEAVES, tally=tally, log=log) for number in range(LEAVES)]
    parts = [halves(leaves[start : start + 20], log=log) for start in range(0, LEAVES, 20)]
    sums = [outer_sum([part["low"], part["high"]], log=log) for part in parts]
    total = sums[0]
    for each in sums[1:]:
        total = outer_sum([total, each], log=log)
    return outer_sum([total, 1], log=log)


@pytest.fixture
def sqlite_config(sqlite_config):
    """The configuration with leases of killed workers that end soon."""
    sqlite_config["lease_seconds"] = 5
    return sqlite_config


def captured_by(node, **kwargs):
    with p.capture_set() as captured:
        result = node.compute(**kwargs)
    return result, captured[0]


def test_thirty_kills_in_a_job_of_300_calls(configured, tmp_path, capsys):
    tally, log = tmp_path / "kills", tmp_path / "executions"
    tally.touch()
    log.touch()
    Path(pids_in(log)).touch()
    node = job(str(tally), str(log))
    assert pd.plan(node).nodes == NODES
    with mortal_cluster(n_workers=3) as cluster, Client(cluster) as client:
        pd.connect(client)
        killer = Killer(cluster, tally, log)
        killer.start()
        result, used = captured_by(node)
        killer.join()
    times = Counter(log.read_text("utf-8").split())
    again = sum(count - 1 for name, count in times.items() if not name.startswith("nested"))
    with capsys.disabled():
        sys.stdout.write(f"\n{KILLS} kills in {NODES} calls: {again} calls ran again, {len(used)} artifacts captured\n")
    assert len(killer.killed) == KILLS
    assert result == sum(range(LEAVES)) + 1
    assert again <= KILLS  # one thread each
    assert sum(count - 1 for name, count in times.items() if name.startswith("nested")) <= KILLS
    assert pd.plan(job(str(tally), str(log))).to_run == 0
    assert captured_by(job(str(tally), str(log)))[1] == used
    with p.using_repo(MemoryRepo()):
        assert captured_by(job(str(tally), str(tmp_path / "cold")), scheduler="sync")[1] == used
    assert p.failed_calls() == []
