"""What the tests on Dask share: a repo, the count of executions, and one cluster of processes for all."""

from __future__ import annotations

import pytest

import provenance as p
from provenance.repos.memory import MemoryRepo
from tests.dask.pipeline import Executions


@pytest.fixture
def executions(tmp_path):
    """What ran: its `path` goes to the functions as `log`."""
    return Executions(tmp_path / "executions")


@pytest.fixture
def log(executions):
    return executions.path


class CountingRepo(MemoryRepo):
    """Counts the queries it gets."""

    queries = 0

    def find_records(self, ids):
        self.queries += 1
        return super().find_records(ids)

    def find_recipes(self, keys):
        self.queries += 1
        return super().find_recipes(keys)


@pytest.fixture
def repo():
    """A repo in memory that counts queries, in use."""
    repo = CountingRepo(name="counting")
    p.set_default_repo(repo)
    return repo


@pytest.fixture
def sqlite_config(tmp_path):
    """A configuration that other processes can load."""
    return {
        "blobstores": {"disk": {"type": "disk", "cachedir": str(tmp_path / "blobs")}},
        "artifact_repos": {"local": {"type": "sqlite", "db": str(tmp_path / "p.db"), "store": "disk"}},
        "default_repo": "local",
    }


@pytest.fixture
def configured(sqlite_config):
    """The configuration, loaded here."""
    p.load_config(sqlite_config)
    return sqlite_config


@pytest.fixture(scope="session")
def cluster():
    """Two worker processes with one thread each."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0") as cluster:
        yield cluster


class TaskCounter:
    """Registers a plugin with a scheduler that counts the tasks it is sent."""

    def __init__(self, client):
        from distributed import SchedulerPlugin

        class Counter(SchedulerPlugin):
            name = "task-counter"
            tasks = 0
            graphs = 0

            def update_graph(self, scheduler, client, keys, tasks, **kwargs):
                Counter.graphs += 1
                Counter.tasks += len(tasks)

        self._counter = Counter
        self._scheduler = client.cluster.scheduler
        self._plugin = Counter()
        client.cluster.loop.add_callback(self._scheduler.add_plugin, self._plugin)
        client.sync(_nothing)

    def take(self):
        """Graphs and tasks since it was last asked."""
        counted = self._counter.graphs, self._counter.tasks
        self._counter.graphs = self._counter.tasks = 0
        return counted

    def close(self):
        self._scheduler.remove_plugin("task-counter")


async def _nothing():
    """Runs in the loop after what was added before."""


@pytest.fixture
def client(cluster, configured):
    """A client of the cluster, in a process that has a configuration of its own for this test."""
    from distributed import Client

    with Client(cluster) as client:
        yield client


@pytest.fixture
def tasks(client):
    """Counts the tasks that reach the scheduler."""
    counter = TaskCounter(client)
    yield counter
    counter.close()
