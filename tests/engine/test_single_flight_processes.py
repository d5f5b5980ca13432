"""Equal calls that overlap are computed once: processes that overlap, are stopped, or killed."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from blake3 import blake3

import provenance as p
from tests.engine import flights
from tests.engine.flights import lines, until
from tests.repos.together import run_together

ROOT = Path(__file__).parents[2]
PROCESSES, CALLS, SECONDS = 4, 50, 60


@pytest.fixture(params=["sqlite", "postgres"])
def place(request, tmp_path):
    """A configured repo, and how other processes are configured with it."""
    if request.param == "postgres":
        schema = f"t{blake3(str(tmp_path).encode()).hexdigest(16)}"
        database = {"type": "postgres", "db": request.getfixturevalue("postgres").url(), "schema": schema}
    else:
        database = {"type": "sqlite", "db": str(tmp_path / "repo.db")}
    config = {
        "blobstores": {"disk": {"type": "disk", "cachedir": str(tmp_path / "blobs")}},
        "artifact_repos": {"db": {**database, "store": "disk"}},
        "lease_seconds": 60,
    }
    p.load_config(config)
    with p.using_repo("db") as repo:
        yield config
    repo.close()


class Processes:
    """Processes that make the same call, each with a gate of its own inside of the body."""

    def __init__(self, config, folder):
        self.config = config
        self.folder = folder
        self.running = {}

    def start(self, name, lease_seconds):
        config = json.dumps({**self.config, "lease_seconds": lease_seconds})
        command = [sys.executable, "-m", "tests.engine.flights", config, str(self.folder), "gated", name]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.running[name] = subprocess.Popen(command, env=environment)

    def has(self, file, name):
        """Wait for a process to get somewhere."""
        until(lambda: name in lines(self.folder, file) or self.running[name].poll() is not None)
        assert name in lines(self.folder, file)

    def open(self, name):
        (self.folder / f"open-{name}").touch()

    def result(self, name):
        assert self.running[name].wait(SECONDS) == 0
        [found] = [line for line in lines(self.folder, "results") if line.startswith(f"{name}: ")]
        return found.removeprefix(f"{name}: ")

    def send(self, name, number):
        """Send a signal to the process that runs the body."""
        os.kill(self.running[name].pid, number)


@pytest.fixture
def processes(place, tmp_path):
    made = Processes(place, tmp_path)
    yield made
    for process in made.running.values():
        process.kill()
        process.wait()


def rows(columns):
    """The rows of the table of leases."""
    database = p.get_default_repo()._rows._database
    return database.fetch_all(f"SELECT {columns} FROM {database.dialect.table('leases')}")


def stored():
    """The one value that is stored."""
    [row] = p.find(repo=p.get_default_repo())
    return row.artifact.value


def test_processes_that_make_the_same_calls_at_once_compute_each_once(place, tmp_path):
    config = json.dumps(place)
    run_together(
        [
            [sys.executable, "-m", "tests.engine.flights", config, str(tmp_path), "many", str(CALLS)]
            for _ in range(PROCESSES)
        ],
        timeout=SECONDS,
    )
    assert sorted(map(int, lines(tmp_path, "executions"))) == list(range(CALLS))
    results = [json.loads(line) for line in lines(tmp_path, "results")]
    assert results == [results[0]] * PROCESSES
    assert rows("*") == []


def work_in_child(config, folder):
    flights.FOLDER = folder
    p.load_config(config)
    flights.append("results", json.dumps(flights.compute_many(CALLS)))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_that_make_the_same_calls_at_once_compute_each_once(place, tmp_path, method, monkeypatch):
    monkeypatch.setattr(flights, "FOLDER", tmp_path)
    flights.noted(CALLS)  # the parent has an open connection, and a heartbeat
    context = multiprocessing.get_context(method)
    children = [context.Process(target=work_in_child, args=(place, tmp_path)) for _ in range(PROCESSES)]
    for child in children:
        child.start()
    flights.compute_many(CALLS)
    for child in children:
        child.join(SECONDS)
        assert child.exitcode == 0
    assert sorted(map(int, lines(tmp_path, "executions"))) == list(range(CALLS + 1))
    assert rows("*") == []


def test_a_stopped_holder_is_replaced_and_returns_the_winners_artifact(processes):
    processes.start("stopped", lease_seconds=1)
    processes.has("entered", "stopped")
    processes.send("stopped", signal.SIGSTOP)
    processes.start("winner", lease_seconds=60)
    processes.has("entered", "winner")
    processes.open("winner")
    assert processes.result("winner") == "it by winner"
    processes.open("stopped")
    processes.send("stopped", signal.SIGCONT)
    assert processes.result("stopped") == "it by winner"
    assert stored() == "it by winner"
    assert rows("*") == []
    assert lines(processes.folder, "executions") == ["stopped", "winner"]


def test_a_stopped_holder_that_comes_back_first_waits_for_the_winner(processes):
    processes.start("stopped", lease_seconds=1)
    processes.has("entered", "stopped")
    processes.send("stopped", signal.SIGSTOP)
    processes.start("winner", lease_seconds=60)
    processes.has("entered", "winner")
    processes.open("stopped")
    processes.send("stopped", signal.SIGCONT)
    processes.has("waiting", "stopped")
    assert list(p.find(repo=p.get_default_repo())) == []
    processes.open("winner")
    assert [processes.result(name) for name in ("stopped", "winner")] == ["it by winner"] * 2
    assert stored() == "it by winner"
    assert rows("*") == []


def test_a_killed_holder_is_replaced_when_its_lease_is_over(processes):
    processes.start("killed", lease_seconds=1)
    processes.has("entered", "killed")
    processes.send("killed", signal.SIGKILL)
    processes.start("other", lease_seconds=60)
    processes.open("other")
    assert processes.result("other") == "it by other"
    assert lines(processes.folder, "executions") == ["killed", "other"]
    assert stored() == "it by other"
    assert rows("*") == []


def expiry():
    """Until when the one lease holds, by the clock of the database, and its fence."""
    [(fence, at)] = rows("fence, expires_at")
    return fence, p.get_default_repo()._rows._dialect.time_value(at)


def test_a_holder_that_is_alive_is_not_replaced_however_long_it_takes(processes):
    processes.start("holder", lease_seconds=0.5)
    processes.has("entered", "holder")
    fence, first = expiry()
    processes.start("other", lease_seconds=0.5)
    processes.has("waiting", "other")
    until(lambda: expiry()[1] > first + timedelta(seconds=2))
    assert expiry()[0] == fence
    processes.open("holder")
    assert [processes.result(name) for name in ("holder", "other")] == ["it by holder"] * 2
    assert lines(processes.folder, "executions") == ["holder"]
