"""Two worker hosts and a scheduler host over PostgreSQL and S3, and one of them cut off while a job runs."""

from __future__ import annotations

import sys
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

import provenance as p
import provenance_dask as pd
from tests.dask.gates import TaskCount, count_of_tasks, pipeline, value_of
from tests.dask.shell import PRELOAD, ROOT
from tests.servers.hosts import network
from tests.servers.postgres import postgres_server
from tests.servers.s3 import s3_server

PORT = 8786
COUNT = 16
NODES = 2 * COUNT + 1
MORE = 8
THREADS = 4
QUICK = {
    # Dask takes no less than 11 s for TCP, and 5 s for heartbeats.
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "11s",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "4s",
    "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "5s",
}


class Cluster:
    """Dask commands on hosts: a scheduler, and workers of two threads that can be stopped and started."""

    def __init__(self, hosts, folder):
        self.hosts = hosts
        self.address = f"tcp://{hosts['scheduler'].address}:{PORT}"
        self._folder = folder
        self._running = {}

    def start(self, name, *arguments):
        host = self.hosts[name]
        stack = self._running[name] = ExitStack()
        home = {"HOME": str(self._folder / name), "PROVENANCE_HOME": str(self._folder / name)}
        environment = {"PYTHONPATH": str(ROOT), **home, **QUICK}
        command = [sys.executable, "-m", "dask", *arguments, "--host", host.address, "--no-dashboard", *PRELOAD]
        stack.enter_context(host.running(*command, environment=environment, log=self._folder / f"{name}.log"))

    def start_worker(self, name):
        options = ["--no-nanny", "--nthreads", "2", "--local-directory", str(self._folder / name)]
        self.start(name, "worker", self.address, *options)

    def stop(self, name):
        self._running.pop(name).close()

    def close(self):
        for name in list(self._running):
            self.stop(name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hosts")


@pytest.fixture(scope="module")
def wires():
    with network("scheduler", "left", "right") as wires:
        yield wires


@pytest.fixture(scope="module")
def config(wires):
    """A repo in PostgreSQL with an S3 store, at addresses that every host reaches."""
    listens = (f"listen_addresses={wires.home}",)
    with (
        postgres_server(settings=listens, rules=f"host all all {wires.addresses} trust") as database,
        s3_server(wires.home) as s3,
    ):
        database.run("createdb", "-h", database.folder, "-U", "postgres", "hosts")
        url = f"postgresql://postgres@{wires.home}/hosts"
        yield {
            "blobstores": {"bucket": {"type": "s3", "url": s3.url("hosts"), "s3_config": s3.storage_options}},
            "artifact_repos": {"shared": {"type": "postgres", "db": url, "store": "bucket"}},
            "default_repo": "shared",
            "lease_seconds": 5,
        }


@pytest.fixture(scope="module")
def cluster(wires, folder, config):
    for name in wires.hosts:
        (folder / name).mkdir()
    cluster = Cluster(wires.hosts, folder)
    try:
        cluster.start("scheduler", "scheduler", "--port", str(PORT))
        for name in ("left", "right"):
            cluster.start_worker(name)
        yield cluster
    finally:
        cluster.close()


@pytest.fixture
def repo(config):
    p.load_config(config)
    return p.get_default_repo()


@pytest.fixture
def client(cluster, repo):
    from distributed import Client

    with Client(cluster.address, timeout=60) as client:
        client.wait_for_workers(2, timeout=60)
        client.register_plugin(TaskCount())
        yield client


def executions(log):
    """What ran: pairs of a call, as ``name:number``, and its host."""
    lines = Path(log).read_text("utf-8").split() if Path(log).exists() else []
    return [tuple(line.rsplit(":", 1)) for line in lines]


def stored(repo, first):
    """The hosts that the stored results of a pipeline were computed on, by call; each is stored once."""
    host_of = {run.id: run.info["host"] for run in p.runs(repo=repo)}
    numbers = range(first, first + COUNT)
    found = [
        (f"{row.fn_name}:{number}", host_of[row.run_id])
        for row in p.find(repo=repo)
        if (number := row.artifact.inputs["kargs"]["number"]) in numbers
    ]
    assert len(found) == len(dict(found))
    return dict(found)


def await_(condition):
    for _ in range(600):
        if condition():
            return
        threading.Event().wait(0.05)
    raise TimeoutError(condition)


def test_a_pipeline_runs_on_both_hosts_and_is_stored_once(client, repo, log):
    assert pipeline(0, COUNT, log).compute() == value_of(0, COUNT)
    ran = executions(log)
    assert len(ran) == len(dict(ran)) == NODES
    assert stored(repo, 0) == dict(ran)
    assert set(dict(ran).values()) == {"left", "right"}
    sent = client.run_on_scheduler(count_of_tasks)
    assert pipeline(0, COUNT, log).compute() == value_of(0, COUNT)
    assert executions(log) == ran
    assert client.run_on_scheduler(count_of_tasks) == sent == NODES


def test_each_host_may_have_a_near_copy_in_sqlite(client, config, folder, log, monkeypatch):
    """The hosts have kernels of their own, and share the other member of the chain."""
    monkeypatch.setenv("PROVENANCE_HOME", str(folder))
    disk = {"type": "disk", "cachedir": "${PROVENANCE_HOME}/blobs"}
    near = {"type": "sqlite", "db": "${PROVENANCE_HOME}/near.db", "store": "disk"}
    chain = {"type": "chained", "repos": ["near", "shared"]}
    p.load_config(
        {
            "blobstores": {**config["blobstores"], "disk": disk},
            "artifact_repos": {**config["artifact_repos"], "near": near, "chain": chain},
            "default_repo": "chain",
        }
    )
    assert pipeline(1000, COUNT, log).compute() == value_of(1000, COUNT)
    assert len(executions(log)) == NODES
    assert {host for _, host in executions(log)} == {"left", "right"}
    assert all((folder / host / "near.db").exists() for host in ("left", "right"))


def test_a_host_that_is_cut_off_in_mid_run_costs_what_it_was_doing(cluster, client, repo, folder, log):
    """The job ends right on the other host; healed, with its worker restarted, the host joins and reuses."""
    gate = folder / "gate"
    (job,) = pd.persist(pipeline(100, COUNT, log, gate=str(gate)))
    await_(lambda: sum(call.startswith("gated") for call, _ in executions(log)) == THREADS)
    kept = stored(repo, 100)
    with cut_off(cluster.hosts["left"]):
        gate.touch()
        assert job.compute() == value_of(100, COUNT)
        ran = executions(log)
        assert_explained(ran, kept)
        assert set(stored(repo, 100)) == set(dict(ran))
        assert len(dict(ran)) == NODES
        sent = client.run_on_scheduler(count_of_tasks)
        assert pipeline(100, COUNT, log).compute() == value_of(100, COUNT)
        assert client.run_on_scheduler(count_of_tasks) == sent
    cluster.stop("left")
    cluster.start_worker("left")
    client.wait_for_workers(2, timeout=60)
    assert pipeline(100, COUNT + MORE, log).compute() == value_of(100, COUNT + MORE)
    fresh = executions(log)[len(ran) :]
    added = {f"{name}:{100 + COUNT + n}" for name in ("part", "gated") for n in range(MORE)}
    assert {call for call, _ in fresh} == added | {"gated:100", "total:100"}  # it got another neighbour
    assert len(fresh) == len(added) + 2
    assert {host for _, host in fresh} == {"left", "right"}


def assert_explained(ran, kept):
    """Each call ran once, or twice: on the host that was cut off before it could store, and on the other one."""
    assert len(ran) == len(set(ran))
    both = {call for call, host in ran if host == "left"} & {call for call, host in ran if host == "right"}
    assert both
    assert not both & set(kept)


@contextmanager
def cut_off(host):
    host.cut_off()
    try:
        yield
    finally:
        host.heal()
