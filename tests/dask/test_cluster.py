"""On a cluster of processes: values travel through the repo, workers get the configuration, hits are not scheduled."""

from __future__ import annotations

import logging
import os

import dask
import pytest

import provenance as p
import provenance_dask as pd
from provenance.errors import ConfigError
from provenance.repos.memory import MemoryRepo
from tests.dask.pipeline import add, fails, heavy, now, number_of, process_of, sign, source, split, total, tree


def test_a_graph_runs_once_and_sends_nothing_the_second_time(client, tasks, executions, log):
    assert tree(4, log).compute() == 6
    assert executions.take() == ["add"] * 3 + ["source"] * 4
    assert tasks.take() == (1, 7)
    result = tree(4, log).compute()
    assert result == 6
    assert p.is_proxy(result)
    assert (executions.take(), tasks.take()) == ([], (0, 0))


def test_one_changed_leaf_sends_only_what_is_below_it(client, tasks, executions, log):
    total([source(i, log=log) for i in range(5)], log=log).compute()
    tasks.take()
    executions.take()
    assert total([source(i, log=log) for i in (0, 1, 20, 3, 4)], log=log).compute() == 28
    assert (tasks.take(), executions.take()) == ((1, 2), ["source", "total"])


def test_an_unchanged_value_stops_the_change_on_the_worker(client, executions, log):
    total([sign(source(5, log=log), log=log)], log=log).compute()
    executions.take()
    node = total([sign(source(7, log=log), log=log)], log=log)
    assert node.compute() == 1
    assert (executions.take(), node.status) == (["sign", "source"], "hit")


def test_tasks_run_in_worker_processes(client, log):
    assert process_of(1, log=log).compute() != os.getpid()


def test_workers_share_the_repo_of_the_client(client, log):
    result = add(source(1, log=log), 1, log=log).compute()
    assert result.artifact.repo is p.get_default_repo()
    assert result.artifact.input_artifact_ids == (source(1).artifact_id,)


def test_values_do_not_travel(client, executions, log):
    """What a worker stored is loaded where it is used and nowhere else."""
    result = heavy(5, log=log).compute()
    assert executions.take() == ["heavy"]
    assert number_of(result, log=log).compute() == 5
    loaded, other = executions.take()
    assert loaded.startswith("loaded-in-")
    assert loaded != f"loaded-in-{os.getpid()}"
    assert other == "number_of"


def test_hits_travel_as_ids(client, executions, log):
    heavy(6, log=log).compute()
    executions.take()
    assert number_of(heavy(6, log=log), log=log).compute() == 6
    assert f"loaded-in-{os.getpid()}" not in executions.take()


@pytest.mark.parametrize("way", ["client.compute", "client.persist", "dask.compute", "dask.persist", "delayed"])
def test_stock_ways_in(client, executions, log, way):
    node = add(source(2, log=log), 3, log=log)
    if way == "client.compute":
        result = client.compute(node).result()
    elif way == "client.persist":
        result = client.persist(node).compute()
    elif way == "dask.compute":
        (result,) = dask.compute(node)
    elif way == "dask.persist":
        result = dask.persist(node)[0].compute()
    else:
        result = dask.delayed(_same)(node).compute()
    assert result == 5
    assert executions.take() == ["add", "source"]
    assert pd.plan(add(source(2, log=log), 3, log=log)).to_run == 0


def _same(x):
    return x


def test_gather_gives_proxies(client, log):
    results = client.gather(client.compute([source(1, log=log), source(2, log=log)]))
    assert results == [1, 2]
    assert all(p.is_proxy(result) for result in results)


def test_scheduler_may_be_named_or_given(client, tasks, log):
    assert source(1, log=log).compute(scheduler=client) == 1
    assert source(2, log=log).compute(scheduler="distributed") == 2
    assert tasks.take() == (2, 2)
    assert source(3, log=log).compute(scheduler="sync") == 3
    assert tasks.take() == (0, 0)


def test_get_uses_the_client(client, tasks, log):
    with dask.config.set(scheduler=pd.get):
        assert dask.compute(source(1, log=log)) == (1,)
        assert tasks.take() == (1, 1)
        assert dask.compute(source(1, log=log)) == (1,)
        assert pd.compute(source(1, log=log), source(9, log=log)) == (1, 9)
    assert tasks.take() == (1, 1)


def test_keywords_reach_the_scheduler(client, log):
    worker = next(iter(client.scheduler_info()["workers"]))
    pids = client.run(os.getpid)
    assert process_of(1, log=log).compute(workers=[worker]) == pids[worker]
    assert pd.compute(process_of(2, log=log), workers=[worker], priority=3) == (pids[worker],)


def test_annotations_of_a_node_hold_for_its_task(client, log):
    first, second = client.scheduler_info()["workers"]
    pids = client.run(os.getpid)
    with dask.annotate(workers=[first]):
        one = process_of(11, log=log)
    with dask.annotate(workers=[second]):
        other = process_of(12, log=log)
    assert pd.compute(one, other) == (pids[first], pids[second])


def test_persist_returns_nodes_backed_by_futures(client, tasks, executions, log):
    from distributed import futures_of, wait

    (kept,) = pd.persist(add(source(1, log=log), 1, log=log))
    assert len(futures_of(kept)) == 1
    wait(kept)
    assert executions.take() == ["add", "source"]
    tasks.take()
    assert add(kept, 5, log=log).compute() == 7
    assert executions.take() == ["add"]
    assert tasks.take() == (1, 1)


def test_a_persisted_node_that_is_not_stored_is_used_where_it_is(client, executions, log):
    p.set_read_only(True)
    kept = add(source(4, log=log), log=log).persist()
    node = add(kept, 5, log=log)
    counts = pd.plan(node).to_dict()
    assert (counts["nodes"], counts["hits"], counts["undecided"]) == (3, 2, 1)
    assert node.compute() == 9
    assert kept.compute() == 4
    assert executions.take() == ["add", "add", "source"]


def test_a_result_held_for_one_repo_is_not_taken_for_another(client, sqlite_config, tmp_path, executions, log):
    sqlite_config["artifact_repos"]["other"] = {"type": "sqlite", "db": str(tmp_path / "other.db"), "store": "disk"}
    p.load_config(sqlite_config)
    held = client.persist(source(1, log=log))
    assert held.compute() == 1
    with p.using_repo("other"):
        assert source(1, log=log).compute().artifact.repo.name == "other"
    assert executions.take() == ["source", "source"]


def test_a_result_held_from_a_read_only_run_is_not_taken_when_storing(client, executions, log):
    p.set_read_only(True)
    held = client.persist(source(1, log=log))
    assert held.compute() == 1
    p.set_read_only(False)
    assert source(1, log=log).compute().artifact.is_stored


def test_composites_on_workers(client, executions, log):
    parts = split(20, log=log)
    assert add(parts["whole"], parts["tenth"], log=log).compute() == 22
    assert executions.take() == ["add", "split"]
    assert split(20, log=log)["tenth"].compute() == 2
    assert executions.take() == []


def test_errors_of_functions_are_raised_as_they_are(client, log):
    with pytest.raises(LookupError, match="no such thing as 1"):
        add(fails(1, log=log), log=log).compute()


def test_cold_and_warm_runs_capture_the_same(client, log):
    def run():
        with p.capture_set() as captured:
            add(split(source(4, log=log), log=log)["whole"], 1, log=log).compute()
        return captured[0]

    cold, warm = run(), run()
    assert len(cold) == 5
    assert cold == warm


def test_settings_hold_on_workers_too(client, executions, log):
    node = source(1, log=log)
    node.compute()
    p.set_read_only(True)
    assert source(2, log=log).compute() == 2
    p.set_read_only(False)
    assert pd.plan(source(2, log=log)).to_run == 1
    p.set_use_cache(False)
    executions.take()
    assert source(1, log=log).compute() == 1
    assert executions.take() == ["source"]


def test_the_repo_in_use_here_is_the_repo_in_use_there(client, sqlite_config, tmp_path, log):
    repos = sqlite_config["artifact_repos"]
    repos["other"] = {"type": "sqlite", "db": str(tmp_path / "other.db"), "store": "disk"}
    p.load_config(sqlite_config)
    with p.using_repo("other"):
        assert source(1, log=log).compute().artifact.repo.name == "other"
        assert pd.plan(source(1, log=log)).to_run == 0
    assert pd.plan(source(1, log=log)).to_run == 1


def test_new_workers_get_the_configuration(client, cluster, log):
    source(1, log=log).compute()
    cluster.scale(3)
    client.wait_for_workers(3)
    try:
        configs = client.run(p.current_config)
        assert len(configs) == 3
        assert all(config == p.current_config() for config in configs.values())
    finally:
        cluster.scale(2)


def test_connect_configures_workers_for_ordinary_tasks(client, log):
    pd.connect(client)
    result = client.submit(_call_eager, 1, log, pure=False).result()
    assert result == p.load_proxy(result.artifact_id) == 1


def _call_eager(x, log):
    from tests.dask.pipeline import eager_add

    return eager_add(x, log=log)


def test_connect_takes_a_configuration(client, tmp_path):
    config = {
        "blobstores": {"disk": {"type": "disk", "cachedir": str(tmp_path / "elsewhere")}},
        "artifact_repos": {"theirs": {"type": "sqlite", "db": str(tmp_path / "theirs.db"), "store": "disk"}},
        "default_repo": "theirs",
    }
    pd.connect(client, config)
    assert set(client.run(_repo_name).values()) == {"theirs"}
    assert _repo_name() == "local"


def _repo_name():
    return p.get_default_repo().name


def test_a_repo_of_this_process_only_is_refused_on_other_processes(client, log):
    with p.using_repo(MemoryRepo(name="mine")), pytest.raises(ConfigError, match="repo 'mine' exists only in"):
        source(1, log=log).compute()
    with p.using_repo(MemoryRepo(name="mine")), pytest.raises(ConfigError, match="'mine' exists only in this process"):
        pd.connect(client)


def test_a_configured_repo_in_memory_is_refused_on_other_processes(client, log):
    p.load_config({"artifact_repos": {"ram": {"type": "memory"}}, "default_repo": "ram"})
    with pytest.raises(ConfigError, match="repo 'ram' exists only in"):
        source(1, log=log).compute()


@pytest.fixture
def threads():
    """A client of a cluster whose workers are threads of this process."""
    from distributed import Client

    with Client(processes=False, n_workers=1, threads_per_worker=2, dashboard_address="127.0.0.1:0") as client:
        yield client


def test_a_cluster_of_threads_uses_any_repo(threads, executions, log):
    with p.using_repo(MemoryRepo(name="mine")) as repo:
        result = add(source(1, log=log), 1, log=log).compute()
        assert result == 2
        assert result.artifact.repo is repo
        assert threads.compute(add(source(1, log=log), 1, log=log)).result() == 2
    assert executions.take() == ["add", "source"]


def test_a_task_is_not_confused_with_one_whose_input_was_known(threads, repo, log, caplog):
    """The same node is sent with its input stored, and again behind a miss while the first result is held."""
    source(1, log=log).compute()
    node = now(source(1, log=log), log=log)
    held = threads.persist(node)
    assert held.compute() == 1
    repo.delete(source(1).artifact_id)
    node.step.inputs[0].found = None  # hits are remembered for good
    with caplog.at_level(logging.WARNING, logger="distributed.scheduler"):
        assert node.compute() == 1
    assert not [record for record in caplog.records if "run_spec" in record.getMessage()]
    assert pd.plan(source(1, log=log)).hits == 1


def test_an_asynchronous_client(executions, log, configured):
    import asyncio

    from distributed import Client

    async def run():
        async with Client(processes=False, n_workers=1, dashboard_address="127.0.0.1:0", asynchronous=True) as client:
            first = await client.compute(add(source(1, log=log), 1, log=log))
            again = await client.compute(add(source(1, log=log), 1, log=log))
            return first, again

    assert asyncio.run(run()) == (2, 2)
    assert executions.take() == ["add", "source"]
