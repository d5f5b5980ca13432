"""The scheduler is killed and started again: what was stored is found, by the same client and by a new process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from distributed import Client

import provenance as p
from tests.dask.mortal import await_that, held_up
from tests.dask.pipeline import add, source, total
from tests.dask.shell import ROOT, free_port, scheduler, workers


@pytest.fixture
def config_file(sqlite_config, tmp_path):
    """A configuration that a new process reads by itself; leases of killed workers end soon."""
    sqlite_config["lease_seconds"] = 3
    (tmp_path / "provenance.yaml").write_text(json.dumps(sqlite_config), "utf-8")  # JSON is YAML
    return str(tmp_path / "provenance.yaml")


def pipeline(last, gate, log):
    """Three results that are there soon, one that waits for the file `gate`, and their sum."""
    soon = [add(source(number, log=log), 1, log=log) for number in range(3)]
    return total([*soon, held_up(last, gate=gate, log=log)], log=log)


AGAIN = """
import sys
import provenance as p
from distributed import Client
from tests.dask.test_restarts import pipeline

config, address, gate, log = sys.argv[1:]
p.load_yaml_config(config)
with Client(address, timeout=60):
    print(pipeline(6, gate, log).compute())
"""


def test_after_a_restart_of_the_scheduler_the_rest_is_computed(config_file, executions, tmp_path):
    gate, log, port = tmp_path / "gate", executions.path, free_port()
    address = f"tcp://127.0.0.1:{port}"
    p.load_yaml_config(config_file)
    with scheduler(tmp_path, port) as first, workers(tmp_path, address):
        client = Client(address, timeout=60)
        node = pipeline(5, str(gate), log)
        running = client.compute(node)
        await_that(lambda: len(p.find()) == 6, "the first results are not stored")
        also_running = client.compute(pipeline(6, str(gate), log))
        await_that(lambda: Path(log).read_text("utf-8").count("held_up") == 2, "not both of them run")
        first.kill()
        first.wait()
    assert executions.take() == ["add"] * 3 + ["held_up"] * 2 + ["source"] * 3
    gate.touch()
    with client, scheduler(tmp_path, port), workers(tmp_path, address):
        await_that(lambda: client.status == "running", "the client did not connect again")
        assert running.cancelled()
        assert also_running.cancelled()
        assert node.compute() == 11
        assert executions.take() == ["held_up", "total"]
        assert all(client.run(is_configured).values())  # also those that come later
        again = [sys.executable, "-c", AGAIN, config_file, address, str(gate), log]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(again, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert (done.stdout, done.returncode) == ("12\n", 0), done.stderr
    assert executions.take() == ["held_up", "total"]


def is_configured(dask_worker):
    return "provenance" in dask_worker.plugins
