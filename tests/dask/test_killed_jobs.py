"""Workers are killed during a job: its set is that of a run without kills, and each artifact is noted as computed."""

from __future__ import annotations

import random
import threading
import time

import pytest
from distributed import Client

import provenance as p
import provenance_dask as pd
from provenance import engine
from provenance.repos.memory import MemoryRepo
from tests.dask.mortal import die_at_row, kill, mortal_cluster, pids_of
from tests.dask.pipeline import eager_add, note, source, split, total

KILLS = 5


@pytest.fixture(scope="module")
def cluster():
    with mortal_cluster() as cluster:
        yield cluster


@pytest.fixture
def client(cluster, configured):
    with Client(cluster) as client:
        client.wait_for_workers(2, timeout=20)
        yield client


@pd.provenance(ignore=["log"])
def slowly_nests(x, log=None):
    """Calls another function before and after a while."""
    note(log, "slowly_nests")
    before = eager_add(x, 1, log=log)
    time.sleep(0.03)
    return before + eager_add(x, 2, log=log)


def itself(function):
    return function


def eager(lazy_function):
    spec = engine.spec_of(lazy_function)
    return engine.provenance_wrapper(spec.fn, spec.options)


def pipeline(log, form=itself):
    """62 calls with 40 nested ones and 40 members."""
    parts = [form(split)(form(slowly_nests)(number, log=log), log=log) for number in range(20)]
    sources = [form(source)(number, log=log) for number in range(21)]
    return form(total)([*(part["whole"] for part in parts), *sources], log=log)


@pytest.fixture
def expected(log):
    with p.using_repo(MemoryRepo(name="elsewhere")), p.capture_set() as captured:
        pipeline(log, eager)
    return captured[0].artifact_ids


def killing(cluster, done):
    """Kill workers one after the other until it is done, or enough are killed."""
    chosen = random.Random(7)
    for _ in range(KILLS):
        if done.wait(chosen.uniform(0.1, 0.4)):
            return
        for pid in pids_of(cluster)[:1]:
            kill(pid)


def test_the_set_of_a_job_that_lost_workers_is_exact(client, cluster, expected, executions, log):
    executions.take()
    pd.connect(client)
    done = threading.Event()
    killer = threading.Thread(target=killing, args=(cluster, done))
    killer.start()
    try:
        with pd.job("mortal") as job, p.capture_set() as captured:
            pipeline(log).compute(retries=10)
    finally:
        done.set()
        killer.join()
    assert captured[0].artifact_ids == expected
    uses = p.get_default_repo().job_uses(job.id)
    assert uses.keys() == expected
    assert {used_as for used_as, _ in uses.values()} == {"computed", "nested"}
    (row,) = pd.jobs()
    assert (row.computed, row.hits, row.failed) == (len(expected), 0, 0)
    assert len(executions.take()) <= 102 + 3 * KILLS


def test_what_was_stored_when_its_worker_died_was_computed_by_the_job(client, executions, log, tmp_path):
    client.run(die_at_row, "after", str(tmp_path / "flag"))
    with pd.job() as job:
        source(1, log=log).compute()
    assert executions.take() == ["source"]
    assert [used_as for used_as, _ in p.get_default_repo().job_uses(job.id).values()] == ["computed"]
