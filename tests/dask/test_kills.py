"""Workers are killed: results are right, and what was stored is not computed again."""

from __future__ import annotations

import os

import dask
import pytest
from distributed import Client, wait

import provenance as p
import provenance_dask as pd
from tests.dask.mortal import (
    await_that,
    deadly_block,
    die_at_row,
    fails_twice,
    kill,
    mortal_cluster,
    pids_of,
)
from tests.dask.pipeline import add, block, block_sum, eager_add, source, total


@pytest.fixture(scope="module")
def cluster():
    with mortal_cluster() as cluster:
        yield cluster


@pytest.fixture
def sqlite_config(sqlite_config):
    """The configuration with leases of killed workers that end soon."""
    sqlite_config["lease_seconds"] = 3
    return sqlite_config


@pytest.fixture
def client(cluster, configured):
    with Client(cluster) as client:
        client.wait_for_workers(2, timeout=20)
        yield client


@pytest.fixture
def flag(tmp_path):
    return str(tmp_path / "flag")


def files_of(folder):
    return [file for file in folder.rglob("*") if file.is_file()]


# ---- killed by itself, at a point


def test_killed_in_mid_compute_it_is_computed_on_another_worker(client, executions, flag, log):
    assert block_sum(deadly_block(3, flag=flag, log=log), log=log).compute() == 30_000
    assert executions.take() == ["block_sum", "deadly_block", "deadly_block"]


def test_killed_between_bytes_and_row_it_is_computed_again(client, executions, flag, log, tmp_path):
    client.run(die_at_row, "before", flag)
    result = block(3, 10_000, log=log).compute()
    assert executions.take() == ["block", "block"]
    assert result.sum() == 30_000
    assert p.find().count() == 1
    assert len(files_of(tmp_path / "blobs")) == 1  # the bytes of the first try are those of the second


def test_killed_after_its_row_is_written_it_is_found(client, executions, flag, log):
    """The scheduler never heard that it is done, and gives it to another worker."""
    client.run(die_at_row, "after", flag)
    assert block_sum(block(3, 10_000, log=log), log=log).compute() == 30_000
    assert os.path.exists(flag)
    assert executions.take() == ["block", "block_sum"]


def test_a_cold_run_that_lost_workers_captures_what_a_warm_one_does(client, executions, flag, log):
    def run():
        with p.capture_set() as captured:
            total([source(1, log=log), block_sum(deadly_block(3, flag=flag, log=log), log=log)], log=log).compute()
        return captured[0]

    cold, warm = run(), run()
    assert executions.take().count("deadly_block") == 2
    assert cold == warm
    assert len(cold) == 4


# ---- killed from outside


def test_results_that_died_with_their_worker_are_loaded(client, cluster, executions, log):
    kept = pd.persist(*(block(number, 10_000, log=log) for number in range(4)))
    wait(kept)
    assert executions.take() == ["block"] * 4
    for pid in pids_of(cluster):
        kill(pid)
    sums = pd.compute(*(block_sum(each, log=log) for each in kept))
    assert sums == (0, 10_000, 20_000, 30_000)
    assert executions.take() == ["block_sum"] * 4


def test_a_worker_that_is_started_again_is_configured(client, cluster, executions, log):
    source(1, log=log).compute()
    pids = pids_of(cluster)
    for pid in pids:
        kill(pid)
    await_that(
        lambda: len(pids_of(cluster)) == 2 and not set(pids_of(cluster)) & set(pids), "workers did not come back"
    )
    client.wait_for_workers(2, timeout=20)
    assert list(client.run(p.current_config).values()) == [p.current_config()] * 2
    assert client.submit(eager_adds, 1, log, pure=False).result() == 2
    assert eager_add(1, 1).artifact.is_stored
    assert executions.take() == ["eager_add", "source"]


def eager_adds(x, log):
    return p.unwrap(eager_add(x, 1, log=log))


def test_restarted_workers_are_configured(client, executions, log):
    source(1, log=log).compute()
    client.restart()
    assert list(client.run(p.current_config).values()) == [p.current_config()] * 2
    assert add(source(1, log=log), 1, log=log).compute() == 2
    assert executions.take() == ["add", "source"]


# ---- tried again


@pytest.mark.parametrize("way", ["compute", "pd.compute", "client.compute", "annotate"])
def test_a_call_that_failed_is_tried_again(client, executions, log, way):
    if way == "annotate":
        with dask.annotate(retries=2):
            node = add(fails_twice(5, log=log), 1, log=log)
        result = node.compute()
    else:
        node = add(fails_twice(5, log=log), 1, log=log)
        if way == "compute":
            result = node.compute(retries=2)
        elif way == "pd.compute":
            (result,) = pd.compute(node, retries=2)
        else:
            result = client.compute(node, retries=2).result()
    assert result == 6
    assert executions.take() == ["add", "fails_twice", "fails_twice", "fails_twice"]
    assert [call.error_type for call in p.failed_calls(name="fails_twice")] == ["ConnectionError"] * 2


def test_without_retries_the_first_error_is_the_result(client, executions, log):
    for _ in range(2):
        with pytest.raises(ConnectionError):
            fails_twice(5, log=log).compute()
    assert fails_twice(5, log=log).compute() == 5
    assert executions.take() == ["fails_twice"] * 3
