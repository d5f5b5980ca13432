"""What several clients, clusters and eager callers want at once is computed once, and who waits holds no thread."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from dataclasses import replace

import pytest
from blake3 import blake3
from distributed import Client, LocalCluster

import provenance as p
import provenance_dask as pd
from provenance import engine
from provenance.engine import waiting
from provenance.engine.call import prepare
from provenance.testing.drafts import a_draft
from tests.dask import flights
from tests.dask.flights import calling, eager, free, gated, until, wanted
from tests.repos.together import run_together

WANTED, CLIENTS, SECONDS = 200, 4, 120


@pytest.fixture(params=["sqlite", "postgres"])
def shared_config(request, sqlite_config, tmp_path):
    """A configuration of clients and workers on any of the databases."""
    if request.param == "postgres":
        schema = f"t{blake3(str(tmp_path).encode()).hexdigest(16)}"
        database = {"type": "postgres", "db": request.getfixturevalue("postgres").url(), "schema": schema}
        sqlite_config["artifact_repos"]["local"] = {**database, "store": "disk"}
    p.load_config(sqlite_config)
    yield sqlite_config
    p.get_default_repo().close()


def a_cluster(threads=1):
    return LocalCluster(n_workers=1, threads_per_worker=threads, processes=True, dashboard_address="127.0.0.1:0")


@pytest.fixture
def one_thread(configured):
    """A client of a cluster with one worker that has one thread."""
    with a_cluster() as cluster, Client(cluster) as client:
        yield client


def id_of(fn, **kargs):
    return prepare(engine.spec_of(fn), kargs, ()).id


class Holder:
    """Has the lease of an artifact in this process, as if it were computing it."""

    def __init__(self, artifact_id):
        self.repo = p.get_default_repo()
        self.artifact_id = artifact_id
        self.lease = self.repo.leases.acquire(artifact_id, "test", SECONDS).lease
        assert self.lease is not None

    def store(self, value):
        draft = a_draft(1, value, id=self.artifact_id)
        self.repo.save(replace(draft, lease=self.lease))

    def give_up(self):
        self.repo.leases.release(self.lease)


def states(dask_worker):
    return {str(key): task.state for key, task in dask_worker.state.tasks.items()}


def waits(client):
    """Wait until a task of the worker waits for somebody else."""
    until(lambda: any("long-running" in worker.values() for worker in client.run(states).values()))


def rows(table):
    database = p.get_default_repo()._rows._database
    return database.fetch_all(f"SELECT * FROM {database.dialect.table(table)}")


def test_clients_of_two_clusters_that_want_the_same_artifacts_compute_each_once(shared_config, tmp_path, executions):
    with ExitStack() as stack:
        clusters = [stack.enter_context(a_cluster(threads=2)) for _ in range(2)]
        commands = []
        for number in range(CLIENTS):
            address, report = clusters[number % 2].scheduler_address, tmp_path / f"report-{number}"
            arguments = [json.dumps(shared_config), address, str(WANTED), executions.path, str(report)]
            commands.append([sys.executable, "-m", "tests.dask.flights", *arguments])
        run_together(commands, timeout=SECONDS)
    assert executions.take() == sorted(f"wanted-{number}" for number in range(WANTED))
    for number in range(CLIENTS):
        assert json.loads((tmp_path / f"report-{number}").read_text()) == [{"number": n} for n in range(WANTED)]
    assert rows("leases") == []


def test_a_task_that_waits_leaves_its_thread_to_others(one_thread, executions, log):
    holder = Holder(id_of(wanted, number=1, log=log))
    pending = one_thread.compute(wanted(1, log=log))
    waits(one_thread)
    assert one_thread.compute(free(1, log=log)).result(SECONDS) == 1
    holder.store("by the other")
    assert pending.result(SECONDS) == "by the other"
    assert executions.take() == ["free-1"]


def test_a_task_that_waited_ends_while_the_only_thread_is_taken(one_thread, executions, log, tmp_path):
    holder = Holder(id_of(wanted, number=1, log=log))
    pending = one_thread.compute(wanted(1, log=log))
    waits(one_thread)
    long = one_thread.compute(gated("long", gate=str(tmp_path / "gate"), log=log))
    until(lambda: "gated-long" in executions.take())
    holder.store("by the other")
    assert pending.result(SECONDS) == "by the other"
    (tmp_path / "gate").touch()
    assert p.unwrap(long.result(SECONDS))[0] == "long"


def test_what_the_holder_gave_up_is_computed_in_a_thread_of_the_pool(one_thread, executions, log):
    holder = Holder(id_of(gated, name="it", gate=None, log=log))
    pending = one_thread.compute(gated("it", log=log))
    waits(one_thread)
    holder.give_up()
    assert p.unwrap(pending.result(SECONDS)) == ("it", (1, True))
    assert executions.take() == ["gated-it"]


@pytest.mark.parametrize("kind", ["inside of a body", "in an ordinary task"])
def test_an_eager_call_that_waits_leaves_its_thread_to_others(one_thread, executions, log, kind):
    pd.connect(one_thread)
    holder = Holder(id_of(eager, name="it", log=log))
    if kind == "inside of a body":
        pending = one_thread.compute(calling("it", log=log))
    else:
        pending = one_thread.submit(flights.ordinary, "it", log)
    waits(one_thread)
    assert one_thread.compute(free(1, log=log)).result(SECONDS) == 1
    holder.store(["by the other"])
    assert p.unwrap(pending.result(SECONDS)) == (["by the other"], (1, True))


def test_clusters_that_wait_for_each_other_go_on(configured, executions, log, tmp_path):
    """Each has one thread, computes what the other one waits for, and waits for what the other one computes."""
    gate = str(tmp_path / "gate")
    with a_cluster() as one, a_cluster() as other, Client(one) as first, Client(other) as second:
        started = first.compute(gated("a", gate=gate, log=log)), second.compute(gated("b", gate=gate, log=log))
        seen = set()
        until(lambda: seen.update(executions.take()) or seen == {"gated-a", "gated-b"})
        crossed = second.compute(gated("a", gate=gate, log=log)), first.compute(gated("b", gate=gate, log=log))
        (tmp_path / "gate").touch()
        names = [p.unwrap(future.result(SECONDS))[0] for future in (*started, *crossed)]
    assert names == ["a", "b", "a", "b"]
    assert executions.take() == []


def test_an_eager_call_waits_for_a_task(one_thread, executions, log, tmp_path, monkeypatch):
    gate = tmp_path / "gate"
    running = one_thread.compute(gated("it", gate=str(gate), log=log))
    until(lambda: executions.take() == ["gated-it"])
    monkeypatch.setattr(waiting, "_lend", lambda: gate.touch() or (lambda computes: None))
    assert p.unwrap(gated("it", gate=None, log=log).compute(scheduler="synchronous"))[0] == "it"
    assert p.unwrap(running.result(SECONDS))[0] == "it"
    assert executions.take() == []


def test_settings_of_the_client_hold_on_workers(one_thread, log):
    p.set_single_flight(False)
    p.set_lease_seconds(12)
    assert one_thread.compute(free(1, log=log)).result(SECONDS) == 1
    found = one_thread.run(lambda: (p.get_single_flight(), p.get_lease_seconds()))
    assert list(found.values()) == [(False, 12.0)]
