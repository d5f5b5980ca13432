"""What workers hold: values are used where they are, go under pressure instead of to the disk, and never linger."""

from __future__ import annotations

import gc
import os
import weakref

import dask
import pytest

import provenance as p
import provenance_dask as pd
from provenance.engine import ArtifactProxy
from provenance_dask import held
from provenance_dask.shipping import described_by
from tests.dask.pipeline import block, block_sum, heavy, number_of, weigh

LENGTH = 1_000_000
VALUE = 8 * LENGTH


def loaded_proxies():
    """Bytes of the values that proxies hold in this process."""
    gc.collect()
    found = (obj for obj in gc.get_objects() if type(obj) is ArtifactProxy and obj.is_loaded)
    return sum(proxy.nbytes for proxy in found if hasattr(proxy, "nbytes"))


def memory_of(dask_worker):
    data = dask_worker.data
    on_disk = sum(
        os.path.getsize(os.path.join(folder, name))
        for folder, _, names in os.walk(dask_worker.local_directory)
        for name in names
        if "storage" in folder
    )
    return {
        "weighed": sum(data.fast.weights.values()),
        "dropped": len(data.disk),
        "disk": on_disk,
        "loaded": loaded_proxies(),
    }


@pytest.fixture
def small(configured):
    """A client of one worker process that keeps 40 MB of results."""
    from distributed import Client, LocalCluster

    memory = {"target": 0.4, "spill": False, "pause": False, "terminate": False}
    settings = {f"distributed.worker.memory.{name}": value for name, value in memory.items()}
    options = {"n_workers": 1, "threads_per_worker": 1, "memory_limit": 100_000_000}
    with (
        dask.config.set(settings),
        LocalCluster(processes=True, dashboard_address="127.0.0.1:0", **options) as cluster,
        Client(cluster) as client,
    ):
        yield client


def test_under_pressure_values_go_instead_of_to_the_disk(small, executions, log):
    """Ten values of 8 MB where there is room for five: nothing is spilled, nothing is computed twice."""
    from distributed import wait

    kept = pd.persist(*(block(n, length=LENGTH, log=log) for n in range(10)))
    wait(kept)
    (memory,) = small.run(memory_of).values()
    assert memory["dropped"] >= 5
    assert memory["disk"] < 100_000
    assert memory["weighed"] <= 40_000_000
    assert memory["loaded"] <= 40_000_000
    sums = pd.compute(*(block_sum(each, log=log) for each in kept))
    assert sums == tuple(n * LENGTH for n in range(10))
    assert executions.take() == ["block"] * 10 + ["block_sum"] * 10


def test_what_a_task_loaded_goes_with_it(small, executions, log):
    """Results are held, and with them their tasks; the inputs that came with the tasks are not."""
    from distributed import wait

    pd.compute(*(block(n, length=LENGTH, log=log) for n in range(8)))
    small.run(gc.collect)
    kept = pd.persist(*(weigh(block(n, length=LENGTH, log=log), n, log=log) for n in range(8)))
    wait(kept)
    assert executions.take() == ["block"] * 8 + ["weigh"] * 8
    (memory,) = small.run(memory_of).values()
    assert memory["loaded"] <= VALUE


def test_a_value_that_the_worker_holds_is_not_loaded(client, executions, log):
    """Neither by a task that gets it from another task, nor by one for which it is a hit."""
    worker = next(iter(client.scheduler_info()["workers"]))
    (kept,) = pd.persist(heavy(5, log=log), workers=[worker])
    assert pd.compute(number_of(kept, log=log), workers=[worker]) == (5,)
    assert executions.take() == ["heavy", "number_of"]
    assert pd.compute(named(heavy(5), "a", log=log), workers=[worker]) == ("a5",)
    assert executions.take() == []
    del kept


def test_a_value_from_another_worker_is_loaded_once(client, executions, log):
    here, there = client.scheduler_info()["workers"]
    (kept,) = pd.persist(heavy(6, log=log), workers=[here])
    nodes = [named(kept, name, log=log) for name in "abc"]
    assert pd.compute(*nodes, workers=[there]) == ("a6", "b6", "c6")
    assert sum(line.startswith("loaded-in") for line in executions.take()) == 1


@pd.provenance(ignore=["log"])
def named(thing, name, log=None):
    return f"{name}{thing.number}"


def test_what_arrives_as_an_id_is_the_value_that_is_here(configured, log):
    where = described_by(configured)
    held_one = block(1, log=log).compute(scheduler="sync")
    arrived, literal = p.load_proxy(held_one.artifact_id), p.load_proxy(held_one.artifact_id)
    earlier = p.load_proxy(held_one.artifact_id)
    assert held.from_task(earlier, where) is earlier
    assert held.from_task(arrived, where) is arrived
    held.hold(held_one, where)
    assert held.from_task(arrived, where) is held_one
    assert held.from_graph(literal, where) is held_one
    assert held.from_task(held_one, described_by(configured | {"default_repo": None})) is held_one
    other = described_by(configured | {"default_repo": "other"})
    assert held.from_task(arrived, other) is arrived


def test_what_came_with_a_task_is_copied_and_shared_while_it_is_used(configured, log):
    where = described_by(configured)
    literal = p.load_proxy(block(1, log=log).compute(scheduler="sync").artifact_id)
    one, other = held.from_graph(literal, where), held.from_graph(literal, where)
    assert one is other
    assert one.sum() == 2048
    assert not literal.is_loaded
    assert held.from_graph(3, where) == held.from_task(3, where) == 3


def test_results_do_not_outlive_those_who_use_them(repo, log):
    result = block(1, log=log).compute(scheduler="sync")
    reference = weakref.ref(result)
    assert any(proxy is result for proxy in held._held.values())
    del result
    gc.collect()
    assert reference() is None
