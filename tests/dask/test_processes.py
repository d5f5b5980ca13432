"""Worker processes that know nothing: Dask's own pool, and programs whose functions are in ``__main__``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dask
import pytest

import provenance as p
import provenance_dask as pd
from provenance.errors import ConfigError
from provenance.repos.memory import MemoryRepo
from tests.dask.pipeline import add, process_of, source, split

ROOT = Path(__file__).parents[2]


def test_processes_get_the_configuration_with_their_tasks(configured, executions, log):
    node = add(source(1, log=log), split(10, log=log)["tenth"], log=log)
    results = pd.compute(node, process_of(1, log=log), scheduler="processes", num_workers=1)
    assert results[0] == 2
    assert results[1] != os.getpid()
    assert executions.take() == ["add", "process_of", "source", "split"]
    assert dask.compute(add(source(1, log=log), 1, log=log), scheduler="processes", num_workers=1) == (2,)
    assert executions.take() == ["add"]


def test_processes_cannot_use_a_repo_of_this_one(log):
    with p.using_repo(MemoryRepo(name="mine")), pytest.raises(ConfigError, match="'mine' exists only in the process"):
        source(1, log=log).compute(scheduler="processes", num_workers=1)


PROGRAM = """
import sys
from pathlib import Path
import provenance as p
import provenance_dask as pd

@pd.provenance(ignore=["log"])
def square(x, log):
    with open(log, "a") as file: print("square", file=file)
    return helper(x)

def helper(x):
    return x * x

@pd.provenance(ignore=["log"])
def total(xs, log):
    with open(log, "a") as file: print("total", file=file)
    return sum(xs)

def pipeline(log):
    return total([square(i, log) for i in range(4)], log)

if __name__ == "__main__":
    from distributed import Client, LocalCluster
    log = "executions"
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster, Client(cluster):
        assert pipeline(log).compute() == 14
        assert (pd.plan(pipeline(log)).hits, pd.plan(pipeline(log)).to_run) == (5, 0)
        assert pipeline(log).compute(scheduler="sync") == 14
    print(p.current_config()["default_repo"] if "default_repo" in p.current_config() else "embedded")
"""


@pytest.mark.parametrize("start", ["script", "module"])
def test_functions_of_a_program_run_on_workers(tmp_path, start):
    (tmp_path / "program.py").write_text(PROGRAM, "utf-8")
    command = [sys.executable, "program.py"] if start == "script" else [sys.executable, "-m", "program"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for _ in range(2):
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True, timeout=100
        )
        assert done.returncode == 0, done.stderr
        assert sorted((tmp_path / "executions").read_text().split()) == ["square"] * 4 + ["total"]
    assert (tmp_path / ".provenance").is_dir()
